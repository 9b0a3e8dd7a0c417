//! [`Ceremony`]: a key whose contributors take turns.

use serde::{Deserialize, Serialize};

use super::circuit::Visibility;
use super::document::{Document, IDEMPOTENCY_KEY, Idempotency, InvalidTransition};
use super::life::{Failure, Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use crate::service::ceremony::{CeremonyCircuit, CeremonyRules, GivenBeacon, ReceivedContribution};
use crate::service::clock::Timestamp;
use crate::service::id::{CeremonyId, UploadId};
use crate::service::queue::QueueName;
use crate::service::store::ArtifactMeta;
use crate::service::tenant::TenantId;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;

/// A ceremony for the key of a circuit: what was announced, the contributions, and the contributors that wait.
///
/// It contains no secret: of a contributor's token it has the digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceremony {
    /// Id of this ceremony.
    #[serde(rename = "_id")]
    pub id: CeremonyId,
    /// Circuit whose constraints the key is for.
    pub circuit_id: CircuitId,
    /// What was announced.
    pub rules: CeremonyRules,
    /// State of the ceremony.
    #[serde(flatten)]
    pub life: Life<CeremonyStatus, CeremonyStage>,
    /// Who may read and contribute.
    pub visibility: Visibility,
    /// The circuit and its initial key; `None` until that is made.
    pub circuit: Option<CeremonyCircuit>,
    /// The present key; `None` until the initial one is made.
    pub key: Option<ArtifactMeta>,
    /// The contributions in the present key, in order.
    pub contributions: Vec<Accepted>,
    /// The contributors that wait, in order. The first one has the turn.
    pub places: Vec<Place>,
    /// Places that ended without a contribution, the latest last; older ones are forgotten.
    pub ended: Vec<EndedPlace>,
    /// Number of places so far.
    pub places_given: u32,
    /// When the last turn ended; `None` before the first one.
    pub free_since: Option<Timestamp>,
    /// An upload that is not needed any more, and may still be stored.
    pub spent_upload: Option<UploadId>,
    /// The value that ends the ceremony; `None` until the operator gives it.
    pub beacon: Option<GivenBeacon>,
    /// `None` until the ceremony is completed.
    pub result: Option<CeremonyResult>,
    /// Idempotency key, so that a repeated request makes one ceremony.
    pub idempotency: Option<Idempotency>,
}

/// An accepted contribution, and its contributor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The contribution.
    pub contribution: ReceivedContribution,
    /// The place that it was made from.
    pub place: u32,
    /// SHA-256 of the contributor's token.
    pub token: Digest,
    /// Digest of the caller's name; `None` without authentication.
    pub caller: Option<Digest>,
}

/// The place of a contributor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Number of the place, from 1; later places have higher ones.
    pub number: u32,
    /// SHA-256 of the contributor's token.
    pub token: Digest,
    /// Digest of the caller's name; `None` without authentication.
    pub caller: Option<Digest>,
    /// When it was given.
    pub joined_at: Timestamp,
    /// End of the turn; `None` before the turn.
    pub until: Option<Timestamp>,
    /// Whether the contributor has taken the turn.
    pub taken: bool,
    /// The upload of the contribution.
    pub upload: Option<UploadId>,
    /// When the contribution was submitted; it is being verified since then.
    pub submitted_at: Option<Timestamp>,
}

/// A place that ended without a contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedPlace {
    /// Number of the place.
    pub number: u32,
    /// SHA-256 of the contributor's token.
    pub token: Digest,
    /// Digest of the caller's name; `None` without authentication.
    pub caller: Option<Digest>,
    /// How it ended.
    pub end: PlaceEnd,
    /// Whether the contributor had taken the turn.
    pub taken: bool,
    /// Why the contribution was refused.
    pub error: Option<Failure>,
    /// When it ended.
    pub at: Timestamp,
}

/// The end of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CeremonyResult {
    /// The label that the verification of the whole chain gave.
    pub provenance: Provenance,
    /// The record, `ceremony.json`.
    pub record: ArtifactMeta,
    /// The circuit with the key; `None` if it could not be made.
    pub circuit_id: Option<CircuitId>,
    /// Why there is no such circuit.
    pub problem: Option<Failure>,
}

named! {
    /// State of a ceremony.
    CeremonyStatus {
        /// A worker makes the initial key, verifies a contribution or makes the final key.
        Pending = "pending",
        /// Contributors take turns; after the deadline, the beacon is awaited.
        Open = "open",
        /// The final key is verified and recorded.
        Completed = "completed",
        /// The initial or the final key could not be made.
        Failed = "failed",
    }

    /// Present work on a ceremony.
    CeremonyStage {
        /// Waits for a worker.
        Queued = "queued",
        /// The initial key is made.
        Prepare = "prepare",
        /// A contribution is verified.
        Verify = "verify",
        /// The beacon is applied, and the whole chain is verified.
        Finish = "finish",
        /// No work is left.
        Done = "done",
    }

    /// How a place ended without a contribution.
    PlaceEnd {
        /// Its time was over.
        Expired = "expired",
        /// The contributor left.
        Left = "left",
        /// The contribution was refused.
        Refused = "refused",
        /// The deadline passed, or the ceremony has as many contributions as it can have.
        Closed = "closed",
    }
}

impl Status for CeremonyStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;

    fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl Stage for CeremonyStage {}

impl Document for Ceremony {
    type Id = CeremonyId;
    type Status = CeremonyStatus;
    type Stage = CeremonyStage;
    type Key = CeremonyKey;
    type Filter = CeremonyFilter;

    const KIND: &'static str = "ceremony";
    const COLLECTION: &'static str = "ceremonies";
    const QUEUE: QueueName = QueueName::Ceremony;

    fn id(&self) -> &CeremonyId {
        &self.id
    }

    fn life(&self) -> &Life<CeremonyStatus, CeremonyStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<CeremonyStatus, CeremonyStage> {
        &mut self.life
    }

    fn key(&self) -> Option<CeremonyKey> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(CeremonyKey { tenant: self.life.tenant.clone(), key: key.clone() })
    }

    fn fields(&self) -> Vec<Term> {
        let key = self.idempotency.as_ref().map(|idempotency| &idempotency.key);
        vec![Term::text("circuit_id", &self.circuit_id), Term::optional(IDEMPOTENCY_KEY, key)]
    }

    fn circuit_id(&self) -> Option<&CircuitId> {
        Some(&self.circuit_id)
    }

    fn with_status(status: CeremonyStatus) -> CeremonyFilter {
        CeremonyFilter { status: Some(status), ..CeremonyFilter::default() }
    }

    fn of_tenant(filter: CeremonyFilter, tenant: TenantId) -> CeremonyFilter {
        CeremonyFilter { tenant: Some(tenant), ..filter }
    }

    /// A contribution that cannot be verified ends its contributor's turn, not the ceremony.
    fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        match self.task() {
            Some(CeremonyTask::Verify) => self.refuse(error, now),
            _ => {
                self.owed()?.fail(error, now);
                Ok(())
            }
        }
    }
}

/// What a worker owes to a pending ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyTask {
    /// Make the initial key.
    Prepare,
    /// Verify the contribution of the first place.
    Verify,
    /// Apply the beacon, and verify the whole chain.
    Finish,
}

impl Ceremony {
    /// The present work; `None` if the ceremony waits for people, or has ended.
    pub fn task(&self) -> Option<CeremonyTask> {
        if self.life.status != CeremonyStatus::Pending {
            return None;
        }
        let submitted = self.places.first().is_some_and(|first| first.submitted_at.is_some());
        match (&self.key, &self.beacon) {
            (None, _) => Some(CeremonyTask::Prepare),
            (Some(_), Some(_)) => Some(CeremonyTask::Finish),
            (Some(_), None) if submitted => Some(CeremonyTask::Verify),
            (Some(_), None) => None,
        }
    }

    /// Whether `tenant` may read the ceremony and contribute to it.
    pub fn is_visible_to(&self, tenant: &TenantId) -> bool {
        self.life.tenant == *tenant || self.visibility == Visibility::Public
    }
}

/// Unique key of a ceremony: an idempotency key, per tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeremonyKey {
    /// Owner of the ceremony.
    pub tenant: TenantId,
    /// Value of the header `Idempotency-Key`.
    pub key: String,
}

impl Lookup for CeremonyKey {
    fn terms(&self) -> Vec<Term> {
        vec![Term::tenant(&self.tenant), Term::text(IDEMPOTENCY_KEY, &self.key)]
    }
}

/// Conditions on the listed ceremonies; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CeremonyFilter {
    pub tenant: Option<TenantId>,
    pub circuit_id: Option<CircuitId>,
    pub status: Option<CeremonyStatus>,
}

impl Lookup for CeremonyFilter {
    fn terms(&self) -> Vec<Term> {
        let circuit = self.circuit_id.as_ref().map(|circuit| Term::text("circuit_id", circuit));
        let tenant = self.tenant.as_ref().map(Term::tenant);
        tenant.into_iter().chain(circuit).chain(self.status.map(Term::status)).collect()
    }
}
