//! Request and response bodies of ceremonies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{
    Ceremony, CeremonyResult, CeremonyStage, CeremonyStatus, PlaceEnd, RequestOrigin, Visibility,
};
use zkflow_core::service::ceremony::{
    AnnouncedBeacon, CeremonyCircuit, CeremonyRules, GivenBeacon, ReceivedContribution,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::ceremony::Standing;
use zkflow_core::service::upload::{PART_BYTES, Upload};

use super::super::body::Content;
use super::super::openapi::schema;
use super::FailureDto;
use crate::http::Problem;
use crate::service::{self, InputFault, RequestError};

/// A ceremony to announce. Nothing of it can be changed later.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "circuitId": "0123456789abcdef0123456789abcdef", "minContributions": 5, "deadline": "2027-03-01T12:00:00Z",
    "turnSeconds": 3600,
    "beacon": {"source": "drand quicknet, round 25000000", "exponent": 10, "at": "2027-03-02T12:00:00Z"},
}))]
pub(in crate::http) struct NewCeremony {
    /// Id of a ready circuit. The ceremony is for its constraints; the circuit keeps its own key.
    #[schema(value_type = schema::CircuitId)]
    circuit_id: CircuitId,
    /// Number of contributions below which the ceremony has no result, 1 to 250.
    #[schema(minimum = 1, maximum = 250)]
    min_contributions: u32,
    /// Contributions must be received before.
    #[schema(value_type = schema::Time)]
    deadline: Timestamp,
    /// Time limit of a contributor's turn, from its beginning to the last byte; default 3600.
    #[serde(default = "an_hour")]
    #[schema(minimum = 1, maximum = 604800, default = 3600)]
    turn_seconds: u64,
    /// The public value that ends the ceremony.
    beacon: NewBeacon,
    /// `tenant` (default) or `public`: every tenant that knows the id may read the ceremony and contribute to it.
    #[schema(value_type = Option<schema::Visibility>)]
    visibility: Option<Visibility>,
}

fn an_hour() -> u64 {
    3600
}

impl Content for NewCeremony {
    const MOST: usize = 8 * 1024;
}

/// A public value that does not exist yet.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct NewBeacon {
    /// Where any person finds the value, such as a round of drand or the number of a block.
    #[schema(min_length = 1, max_length = 500)]
    source: String,
    /// The value is hashed `2^exponent` times, 10 to 30; default 10.
    #[serde(default = "ten")]
    #[schema(minimum = 10, maximum = 30, default = 10)]
    exponent: u8,
    /// The value is not known before; not before the deadline.
    #[schema(value_type = schema::Time)]
    at: Timestamp,
}

fn ten() -> u8 {
    10
}

impl NewCeremony {
    pub(in crate::http) fn announced(
        self,
        idempotency_key: Option<String>,
        origin: Option<RequestOrigin>,
    ) -> service::ceremonies::NewCeremony {
        let NewBeacon { source, exponent, at } = self.beacon;
        service::ceremonies::NewCeremony {
            circuit: self.circuit_id,
            min_contributions: self.min_contributions,
            deadline: self.deadline,
            turn_seconds: self.turn_seconds,
            beacon: AnnouncedBeacon { source, exponent, at },
            visibility: self.visibility,
            idempotency_key,
            origin,
        }
    }
}

/// The value of the announced beacon.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"value": "0x6f9ba0f15ce1c3a8a52eb6ea07b6b6ac4da3b2f2a7a4b9b1a5f5b4d9b9f0c3d1"}))]
pub(in crate::http) struct BeaconValue {
    /// 1 to 255 bytes in hexadecimal.
    #[schema(value_type = schema::Hex)]
    value: String,
}

impl Content for BeaconValue {
    const MOST: usize = 4 * 1024;
}

impl BeaconValue {
    pub(in crate::http) fn bytes(&self) -> Result<Vec<u8>, Problem> {
        hex::decode(self.value.strip_prefix("0x").unwrap_or(&self.value)).map_err(|_| {
            let message = "expected 1 to 255 bytes in hexadecimal".to_owned();
            RequestError::Fields(vec![InputFault { path: "value".to_owned(), message }]).into()
        })
    }
}

/// A key to upload.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct DeclaredKey {
    /// Length in bytes: at most 1024 more than the present key.
    #[schema(minimum = 1)]
    pub(in crate::http) size: u64,
    /// SHA-256 of the whole file.
    #[schema(value_type = schema::Sha256)]
    pub(in crate::http) sha256: Digest,
}

impl Content for DeclaredKey {
    const MOST: usize = 1024;
}

/// A ceremony.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ceremony)]
pub(in crate::http) struct CeremonyDto {
    #[schema(value_type = schema::CeremonyId)]
    ceremony_id: String,
    #[schema(value_type = schema::CircuitId)]
    circuit_id: String,
    #[schema(value_type = schema::CeremonyStatus)]
    status: CeremonyStatus,
    #[schema(value_type = schema::CeremonyStage)]
    stage: CeremonyStage,
    #[schema(value_type = schema::Visibility)]
    visibility: Visibility,
    /// Whether contributions are taken now.
    open: bool,
    /// What was announced; it never changes.
    #[schema(value_type = AnnouncedRules)]
    rules: CeremonyRules,
    /// The circuit and its initial key; absent until that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<InitialKey>)]
    circuit: Option<CeremonyCircuit>,
    /// The present key, `proving_key.zkey`; absent until the initial one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyFile>,
    /// Number of contributions in the present key.
    contribution_count: usize,
    /// The contributions in order; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<CeremonyContribution>>)]
    contributions: Option<Vec<ReceivedContribution>>,
    /// Number of contributors that wait or have the turn.
    waiting: usize,
    /// The value of the beacon; absent until the operator gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BeaconGiven>)]
    beacon: Option<GivenBeacon>,
    /// Absent until the ceremony is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Why the last attempt has no result; the work is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_by: Option<FailureDto>,
    /// When the rules were announced.
    #[schema(value_type = schema::Time)]
    announced_at: String,
    #[schema(value_type = schema::Time)]
    updated_at: String,
}

/// What was announced before the first contribution.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "the schema of CeremonyRules")]
pub(in crate::http) struct AnnouncedRules {
    /// Number of contributions below which the ceremony has no result.
    min_contributions: u32,
    /// Contributions must be received before.
    #[schema(value_type = schema::Time)]
    deadline: String,
    /// Time limit of a contributor's turn.
    turn_seconds: u64,
    beacon: BeaconAnnounced,
}

/// A public value that did not exist when it was announced.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "the schema of AnnouncedBeacon")]
struct BeaconAnnounced {
    /// Where any person finds the value.
    #[schema(min_length = 1, max_length = 500)]
    source: String,
    /// The value is hashed `2^exponent` times.
    exponent: u8,
    /// The value is not known before.
    #[schema(value_type = schema::Time)]
    at: String,
}

/// The initial key of a ceremony.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "the schema of CeremonyCircuit")]
pub(in crate::http) struct InitialKey {
    /// SHA-256 of the constraints, `circuit.r1cs`.
    #[schema(value_type = schema::Sha256)]
    r1cs: String,
    /// BLAKE2b-512 of the initial key.
    #[schema(value_type = schema::Blake2b)]
    circuit_hash: String,
    /// BLAKE2b-512 of the powers of tau.
    #[schema(value_type = schema::Blake2b)]
    powers: String,
    /// Origin of the powers of tau.
    #[schema(value_type = schema::Text)]
    powers_origin: String,
}

/// An accepted contribution.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "the schema of ReceivedContribution")]
pub(in crate::http) struct CeremonyContribution {
    /// Position in the key, from 1.
    number: u32,
    /// Name in the key.
    #[schema(value_type = Option<schema::Name>)]
    name: Option<String>,
    /// The hash that the contributor publishes.
    #[schema(value_type = schema::Blake2b)]
    hash: String,
    /// SHA-256 of the key with this contribution.
    #[schema(value_type = schema::Sha256)]
    zkey: String,
    #[schema(value_type = schema::Time)]
    received_at: String,
}

/// The value that ends a ceremony.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "the schema of GivenBeacon")]
pub(in crate::http) struct BeaconGiven {
    /// The value, in hexadecimal.
    #[schema(value_type = schema::HexDigits)]
    value: String,
    #[schema(value_type = schema::Time)]
    given_at: String,
}

/// Size and digest of a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct KeyFile {
    /// Length in bytes.
    size: u64,
    #[schema(value_type = schema::Sha256)]
    sha256: String,
}

/// The end of a ceremony.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CeremonyResult)]
struct ResultDto {
    /// The label that the verification of the whole chain gave.
    #[schema(value_type = schema::Provenance)]
    provenance: Provenance,
    /// The circuit with the key, which its own import verifies; absent if it could not be requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::CircuitId>)]
    circuit_id: Option<String>,
    /// Why there is no such circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<FailureDto>,
}

impl CeremonyDto {
    /// The ceremony as of `now`, without its contributions.
    pub(in crate::http) fn brief(ceremony: Ceremony, now: Timestamp) -> Self {
        Self { contributions: None, ..Self::whole(ceremony, now) }
    }

    /// The ceremony as of `now`.
    pub(in crate::http) fn whole(mut ceremony: Ceremony, now: Timestamp) -> Self {
        ceremony.settle(now);
        let open = ceremony.is_open(now);
        let contributions: Vec<_> = ceremony.contributions.into_iter().map(|one| one.contribution).collect();
        Self {
            ceremony_id: ceremony.id.to_string(),
            circuit_id: ceremony.circuit_id.to_string(),
            status: ceremony.life.status,
            stage: ceremony.life.stage,
            visibility: ceremony.visibility,
            open,
            rules: ceremony.rules,
            circuit: ceremony.circuit,
            key: ceremony.key.map(|key| KeyFile { size: key.size, sha256: key.sha256.to_string() }),
            contribution_count: contributions.len(),
            contributions: Some(contributions),
            waiting: ceremony.places.len(),
            beacon: ceremony.beacon,
            result: ceremony.result.map(|CeremonyResult { provenance, circuit_id, problem, .. }| ResultDto {
                provenance,
                circuit_id: circuit_id.map(|id| id.to_string()),
                problem: problem.map(FailureDto::from),
            }),
            error: ceremony.life.error.map(FailureDto::from),
            delayed_by: ceremony.life.delayed_by.map(FailureDto::from),
            announced_at: ceremony.life.created_at.to_string(),
            updated_at: ceremony.life.updated_at.to_string(),
        }
    }
}

/// A page of ceremonies, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CeremonyPage {
    pub(in crate::http) ceremonies: Vec<CeremonyDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    pub(in crate::http) next_cursor: Option<String>,
}

// It has no `Debug`, because it contains a secret.
/// A place in a ceremony.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JoinedCeremony)]
pub(in crate::http) struct JoinedDto {
    /// Number of the place; later places have higher ones.
    pub(in crate::http) place: u32,
    /// Secret of the contributor for the header `Contributor-Token`. It is shown once.
    #[schema(value_type = schema::ContributorToken)]
    pub(in crate::http) token: String,
}

/// What became of a place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContributorTurn)]
pub(in crate::http) struct TurnDto {
    state: TurnState,
    /// Number of contributors before; only while waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<usize>,
    /// End of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Time>)]
    until: Option<String>,
    /// The key to contribute to, `proving_key.zkey`; only during the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyFile>,
    /// The contribution, if it is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CeremonyContribution>)]
    contribution: Option<ReceivedContribution>,
    /// Whether the turn was taken, if the place ended without a contribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<bool>,
    /// Why the contribution was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
}

/// `waiting`; `turn`: contribute until the end of the turn; `verifying`; `accepted`; without a contribution: `expired`,
/// `left`, `refused`, or `closed` at the deadline.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TurnState {
    Waiting,
    Turn,
    Verifying,
    Accepted,
    Expired,
    Left,
    Refused,
    Closed,
}

impl TurnDto {
    /// The place with this token.
    pub(in crate::http) fn of(ceremony: &Ceremony, token: &Digest) -> Option<Self> {
        let plain = |state| Self {
            state,
            before: None,
            until: None,
            key: None,
            contribution: None,
            taken: None,
            error: None,
        };
        let key =
            || ceremony.key.as_ref().map(|key| KeyFile { size: key.size, sha256: key.sha256.to_string() });
        Some(match ceremony.standing(token)? {
            Standing::Waiting(before) => Self { before: Some(before), ..plain(TurnState::Waiting) },
            Standing::Turn(place) => {
                let until = place.until.map(|until| until.to_string());
                Self { until, key: key(), ..plain(TurnState::Turn) }
            }
            Standing::Verifying => plain(TurnState::Verifying),
            Standing::Accepted(one) => {
                Self { contribution: Some(one.contribution.clone()), ..plain(TurnState::Accepted) }
            }
            Standing::Ended(place) => {
                let state = match place.end {
                    PlaceEnd::Expired => TurnState::Expired,
                    PlaceEnd::Left => TurnState::Left,
                    PlaceEnd::Refused => TurnState::Refused,
                    PlaceEnd::Closed => TurnState::Closed,
                };
                let error = place.error.clone().map(FailureDto::from);
                Self { taken: Some(place.taken), error, ..plain(state) }
            }
        })
    }
}

/// The upload of a contribution.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContributionUpload)]
pub(in crate::http) struct ContributionUploadDto {
    /// Length in bytes of every part but the last one.
    part_bytes: u64,
    /// Number of parts.
    parts: u32,
    /// Numbers of the parts that were not received yet, from 0.
    missing: Vec<u32>,
}

impl ContributionUploadDto {
    pub(in crate::http) fn new(upload: &Upload, missing: Vec<u32>) -> Self {
        let parts = upload.files.first().map_or(0, |file| file.parts());
        Self { part_bytes: PART_BYTES, parts, missing }
    }
}
