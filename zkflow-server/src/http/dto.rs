//! Request and response bodies: camelCase JSON.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::inputs::NumberRule;
use zkflow_core::provenance::Provenance;
use zkflow_core::service::catalog::{
    Circuit, CircuitStage, CircuitStatus, Failure, Origin, ProofRequest, ProofStage, ProofStatus, Removed,
    StageProgress, Verification, Visibility,
};
use zkflow_core::service::id::UserId;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateName;

use super::body::Content;
use super::distinct::Entries;
use super::openapi::schema;
use crate::config::SecretSetting;
use crate::service::{CircuitName, GivenInputs, InputFault, ProofInputs, RequestError};

mod attempt;
pub(super) mod bulk;
pub(super) mod ceremony;
pub(super) mod condition;
mod deployed;
#[cfg(feature = "evm")]
pub(super) mod deployment;
mod report;
pub(super) mod template;
pub(super) mod upload;

use attempt::AttemptDto;
use deployed::{DeployedDto, RecordedDto};
use report::ReportDto;
use upload::ImportDto;

/// Request for a circuit.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120}}))]
pub(super) struct NewCircuit {
    /// Name of a template in `GET /v1/templates`.
    #[schema(value_type = schema::TemplateName)]
    pub(super) template_name: TemplateName,
    /// Parameters of the template; those with a default are optional.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::ParamValue>)]
    pub(super) params: Entries,
    /// `tenant` (default) or `public`: every tenant that knows the id may read the circuit, prove and verify with it.
    #[schema(value_type = Option<schema::Visibility>)]
    pub(super) visibility: Option<Visibility>,
    /// Address that the end is sent to as a webhook. Its scheme, host and port are those of the tenant's address, see
    /// `PUT /v1/webhooks`.
    #[schema(value_type = Option<schema::Url>)]
    pub(super) callback: Option<SecretSetting>,
}

impl Content for NewCircuit {
    const MOST: usize = 256 * 1024;
}

/// Request for a proof. Input values are decimal strings, integers up to 2^53 - 1, or nested arrays of them. A bus is an
/// object, or an array of its values.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "circuitId": "0123456789abcdef0123456789abcdef",
    "privateInputs": {"age": "42"},
    "publicInputs": {"randomPublicSignal": "7"}
}))]
pub(super) struct NewProof {
    /// Id of a ready circuit.
    #[schema(value_type = schema::CircuitName)]
    pub(super) circuit_id: CircuitName,
    /// The private inputs of the circuit by name. They are sealed until the request is final, then destroyed. A
    /// public input is refused here, because the proof discloses it. Required without `sealedInputs`.
    #[schema(value_type = Option<BTreeMap<String, schema::InputValue>>)]
    pub(super) private_inputs: Option<Entries>,
    /// The public inputs of the circuit by name. The proof discloses them. A private input is refused here.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, schema::InputValue>)]
    pub(super) public_inputs: Entries,
    /// Forms of numbers: `exact` (the default), or `lenient`: also hexadecimal, octal and binary strings, negative numbers,
    /// booleans, numbers above the modulus, and arrays of any form, as circom's calculator reads them.
    #[serde(default)]
    #[schema(value_type = Option<schema::NumberRule>, example = "exact")]
    pub(super) inputs: NumberRule,
    /// All inputs, sealed by the client to the key of `GET /v1/sealing-key`, in base64; in place of `privateInputs`,
    /// `publicInputs` and `inputs`. Only a worker can read them: it also checks them, so the request fails later if they do
    /// not fit the circuit. docs/sealed-inputs.md has the format.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9+/]+={0,2}$")]
    pub(super) sealed_inputs: Option<String>,
    /// User of the request, for fair scheduling and lists.
    #[schema(value_type = Option<schema::UserId>)]
    pub(super) user_id: Option<UserId>,
    /// Address that the end is sent to as a webhook. Its scheme, host and port are those of the tenant's address, see
    /// `PUT /v1/webhooks`.
    #[schema(value_type = Option<schema::Url>)]
    pub(super) callback: Option<SecretSetting>,
}

impl NewProof {
    /// The inputs of the request, open or sealed.
    pub(super) fn take_inputs(&mut self) -> Result<ProofInputs, RequestError> {
        let fault = |path: &str, message: &str| {
            let fault = InputFault { path: path.to_owned(), message: message.to_owned() };
            Err(RequestError::Fields(vec![fault]))
        };
        let public = std::mem::take(&mut self.public_inputs.0);
        match (self.private_inputs.take(), self.sealed_inputs.take()) {
            (Some(private), None) => Ok(ProofInputs::Open(GivenInputs::new(private.0, public, self.inputs))),
            (None, Some(text)) if public.is_empty() && self.inputs == NumberRule::Exact => {
                match BASE64_STANDARD.decode(text) {
                    Ok(blob) => Ok(ProofInputs::Sealed(blob.into())),
                    Err(_) => fault("sealedInputs", "expected base64 with padding"),
                }
            }
            (None, Some(_)) => {
                fault("sealedInputs", "publicInputs or inputs are given too: seal them with the private ones")
            }
            (Some(_), Some(_)) => fault("sealedInputs", "privateInputs are given too: give only one of them"),
            (None, None) => fault("privateInputs", "missing: give them, or sealedInputs"),
        }
    }
}

impl Content for NewProof {
    const SEALED: bool = true;
}

/// An accepted request for a proof.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofTaken {
    #[schema(value_type = schema::ProofRequestId)]
    pub(super) proof_request_id: String,
}

/// A proof to verify.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProofToVerify {
    /// Proof in the format of snarkjs' `proof.json`.
    #[schema(value_type = schema::Groth16Proof)]
    pub(super) proof: Map<String, Value>,
    /// Public signals in the format of snarkjs' `public.json`: decimal strings.
    #[schema(value_type = Vec<schema::Decimal>)]
    pub(super) public_signals: Vec<Value>,
}

impl ProofToVerify {
    /// The proof and its public signals.
    pub(super) fn into_parts(self) -> (Value, Value) {
        (self.proof.into(), self.public_signals.into())
    }
}

/// Result of a verification.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Verdict)]
pub(super) struct VerdictDto {
    /// Whether the proof is valid.
    pub(super) verified: bool,
    /// Reason why the proof is invalid; absent if it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Text>)]
    pub(super) reason: Option<String>,
}

/// The arguments of the verifier contract's `verifyProof`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Calldata)]
pub(super) struct CalldataDto {
    /// Text in the format of `snarkjs generatecall`.
    #[schema(value_type = schema::SolidityArguments)]
    pub(super) calldata: String,
}

/// Reason of a failure.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Failure)]
pub(super) struct FailureDto {
    /// Stable code for programs.
    #[schema(value_type = schema::ErrorCode)]
    code: String,
    /// Explanation for people; may change between versions.
    #[schema(value_type = schema::Text)]
    message: String,
}

impl From<Failure> for FailureDto {
    fn from(Failure { code, message }: Failure) -> Self {
        Self { code, message }
    }
}

/// A circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Circuit)]
pub(super) struct CircuitDto {
    #[schema(value_type = schema::CircuitId)]
    circuit_id: String,
    /// SHA-256 of everything that determines the compiled circuit.
    #[schema(value_type = schema::Sha256)]
    circuit_hash: String,
    /// Owner; present in a list that was asked for with `tenant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Tenant>)]
    tenant: Option<String>,
    /// Template; absent for an imported circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::TemplateName>)]
    template_name: Option<String>,
    /// All parameters, including defaults; none for an imported circuit, and in a list for one of another tenant.
    #[schema(value_type = BTreeMap<String, schema::ParamValue>)]
    params: Map<String, Value>,
    /// What an imported circuit was made from; absent for a template, and in a list for a circuit of another tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    import: Option<ImportDto>,
    #[schema(value_type = schema::CircuitStatus)]
    status: CircuitStatus,
    #[schema(value_type = schema::CircuitStage)]
    stage: CircuitStage,
    /// `finished stages / all stages`, from 0 to 1, with the finished part of the present stage if that is known.
    #[schema(minimum = 0, maximum = 1)]
    progress: f32,
    /// How far the present stage is; present while an imported key is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_progress: Option<StageProgressDto>,
    /// Number of attempts so far.
    attempt: u32,
    /// Milliseconds spent in each finished stage.
    timings: BTreeMap<String, u64>,
    /// Files by name; none in a list for a circuit of another tenant. `deployment` is the last confirmed verifier contract, or else the one that the Node service recorded.
    artifacts: BTreeMap<String, ArtifactDto>,
    /// Size and warnings; present when the circuit is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ReportDto>,
    /// Origin of the keys; present when the circuit is ready, unless it is only claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Provenance>)]
    provenance: Option<Provenance>,
    /// Origin of imported keys that were not compared with powers of tau: what their own contributions
    /// claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Provenance>)]
    claimed: Option<Provenance>,
    /// Present if any person can forge proofs for the keys, which come from the Node service. They prove, and are never
    /// deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgeable: Option<ForgeableDto>,
    /// `tenant` or `public`.
    #[schema(value_type = schema::Visibility)]
    visibility: Visibility,
    /// Present if the same circuit was deleted before: its keys were others.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<RemovedDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Why the last attempt has no result; the work is tried again. Only of a pending document.
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_by: Option<FailureDto>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    #[schema(value_type = schema::Time)]
    updated_at: String,
}

/// Why any person can forge proofs for the keys of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Forgeable)]
pub(super) struct ForgeableDto {
    /// The weakness of the keys, for people.
    #[schema(value_type = schema::Text)]
    reason: String,
    /// The contract that accepts forged proofs: replace it. Absent if none is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract_at_risk: Option<RecordedDto>,
}

/// Keys that were deleted with their circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RemovedKeys)]
pub(super) struct RemovedDto {
    /// SHA-256 of the proving key.
    #[schema(value_type = schema::Sha256)]
    proving_key: String,
    /// When the circuit was deleted.
    #[schema(value_type = schema::Time)]
    removed_at: String,
}

impl From<Removed> for RemovedDto {
    fn from(removed: Removed) -> Self {
        Self { proving_key: removed.proving_key.to_string(), removed_at: removed.removed_at.to_string() }
    }
}

/// An artifact of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Artifact)]
pub(super) enum ArtifactDto {
    /// Downloadable file.
    File(FileDto),
    /// Deployed verifier contract.
    Deployment(DeployedDto),
    /// Verifier contract that the Node service recorded.
    Recorded(RecordedDto),
}

/// A file of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ArtifactFile)]
pub(super) struct FileDto {
    /// Length in bytes.
    size: u64,
    #[schema(value_type = schema::Sha256)]
    sha256: String,
    /// Path of the download on this server.
    #[schema(value_type = schema::ArtifactPath)]
    url: String,
}

impl From<Circuit> for CircuitDto {
    fn from(circuit: Circuit) -> Self {
        let (progress, stage_progress) = (circuit.progress(), circuit.stage_progress().copied());
        let artifacts = circuit.artifacts.iter().map(|(name, meta)| {
            let url = format!("/v1/circuits/{}/artifacts/{name}", circuit.id);
            let file = FileDto { size: meta.size, sha256: meta.sha256.to_string(), url };
            (name.clone(), ArtifactDto::File(file))
        });
        let of_node = circuit.origin.import().and_then(|import| import.node.as_ref()?.contract.clone());
        let forgeable = circuit
            .forgeable
            .map(|reason| ForgeableDto { reason, contract_at_risk: of_node.clone().map(RecordedDto::from) });
        let deployment = match (circuit.deployment, of_node) {
            (Some(contract), _) => Some(ArtifactDto::Deployment(contract.into())),
            (None, Some(contract)) => Some(ArtifactDto::Recorded(contract.into())),
            (None, None) => None,
        };
        let deployment = deployment.map(|contract| ("deployment".to_owned(), contract));
        let (template_name, params, import) = match circuit.origin {
            Origin::Template { template, params } => (Some(template.to_string()), params, None),
            Origin::Import(import) => (None, Map::new(), Some(ImportDto::from(*import))),
        };
        Self {
            progress,
            stage_progress: stage_progress.map(StageProgressDto::from),
            artifacts: artifacts.chain(deployment).collect(),
            circuit_id: circuit.id.to_string(),
            circuit_hash: circuit.circuit_hash.to_string(),
            tenant: None,
            template_name,
            params,
            import,
            status: circuit.life.status,
            stage: circuit.life.stage,
            attempt: circuit.life.attempt,
            timings: circuit.life.timings,
            report: circuit.report.map(ReportDto::from),
            provenance: circuit.provenance,
            claimed: circuit.claimed,
            forgeable,
            visibility: circuit.visibility,
            replaces: circuit.replaces.map(RemovedDto::from),
            error: circuit.life.error.map(FailureDto::from),
            delayed_by: circuit.life.delayed_by.map(FailureDto::from),
            created_at: circuit.life.created_at.to_string(),
            updated_at: circuit.life.updated_at.to_string(),
        }
    }
}

impl CircuitDto {
    /// The circuit in a list for an operator of the tenant `own`. Another tenant's circuit has no parameters, files and
    /// names of signals.
    pub(super) fn with_tenant(circuit: Circuit, own: &TenantId) -> Self {
        let (owner, is_own) = (circuit.life.tenant.to_string(), circuit.life.tenant == *own);
        let mut shown = Self::from(circuit);
        shown.tenant = Some(owner);
        if !is_own {
            shown.params.clear();
            shown.import = None;
            shown.artifacts.clear();
            shown.replaces = None;
            shown.report = shown.report.map(ReportDto::without_names);
            shown.forgeable = shown.forgeable.map(|it| ForgeableDto { contract_at_risk: None, ..it });
        }
        shown
    }
}

/// How far a stage is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StageProgress)]
pub(super) struct StageProgressDto {
    /// What is done now.
    #[schema(value_type = schema::Verification)]
    doing: Verification,
    /// Number of the step, from 1.
    step: u8,
    /// Number of steps.
    steps: u8,
    /// Hundredths of the step that are done.
    #[schema(maximum = 100)]
    percent: u8,
}

impl From<StageProgress> for StageProgressDto {
    fn from(StageProgress { doing, step, steps, percent }: StageProgress) -> Self {
        Self { doing, step, steps, percent }
    }
}

/// A page of circuits, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CircuitPage {
    pub(super) circuits: Vec<CircuitDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    pub(super) next_cursor: Option<String>,
}

/// A request for a proof.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProofRequest)]
pub(super) struct ProofDto {
    #[schema(value_type = schema::ProofRequestId)]
    proof_request_id: String,
    #[schema(value_type = schema::CircuitId)]
    circuit_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::UserId>)]
    user_id: Option<String>,
    #[schema(value_type = schema::ProofStatus)]
    status: ProofStatus,
    #[schema(value_type = schema::ProofStage)]
    stage: ProofStage,
    /// `finished stages / all stages`, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    progress: f32,
    /// Number of attempts so far.
    attempt: u32,
    /// Milliseconds spent in each finished stage of the last attempt.
    timings: BTreeMap<String, u64>,
    /// The latest attempts, at most 8, oldest first. Empty while none has begun.
    #[schema(max_items = 8)]
    attempts: Vec<AttemptDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<ProofArtifactsDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    /// Why the last attempt has no result; the work is tried again. Only of a pending document.
    #[serde(skip_serializing_if = "Option::is_none")]
    delayed_by: Option<FailureDto>,
    #[schema(value_type = schema::Time)]
    created_at: String,
    #[schema(value_type = schema::Time)]
    updated_at: String,
    /// Time at which the request and its proof are removed.
    #[schema(value_type = schema::Time)]
    expires_at: String,
}

/// A proof that this server has made and verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProofArtifacts)]
pub(super) struct ProofArtifactsDto {
    #[schema(value_type = schema::Groth16Proof)]
    proof: Value,
    /// Public signals in the format of snarkjs' `public.json`: outputs, then public inputs.
    #[schema(value_type = Vec<schema::Decimal>)]
    public_signals: Vec<String>,
    /// SHA-256 of the proving key.
    #[schema(value_type = schema::Sha256)]
    proving_key: String,
    /// Name of the prover, such as `native`.
    #[schema(value_type = schema::Name)]
    prover: String,
}

impl From<ProofRequest> for ProofDto {
    fn from(proof: ProofRequest) -> Self {
        Self {
            proof_request_id: proof.id.to_string(),
            circuit_id: proof.circuit_id.to_string(),
            user_id: proof.user_id.map(|user| user.to_string()),
            status: proof.life.status,
            stage: proof.life.stage,
            progress: proof.life.progress(),
            attempt: proof.life.attempt,
            timings: proof.life.timings,
            attempts: proof.life.attempts.into_iter().map(AttemptDto::from).collect(),
            artifacts: proof.artifacts.map(|artifacts| ProofArtifactsDto {
                proof: artifacts.proof,
                public_signals: artifacts.public_signals,
                proving_key: artifacts.proving_key.to_string(),
                prover: artifacts.prover,
            }),
            error: proof.life.error.map(FailureDto::from),
            delayed_by: proof.life.delayed_by.map(FailureDto::from),
            created_at: proof.life.created_at.to_string(),
            updated_at: proof.life.updated_at.to_string(),
            expires_at: proof.expires_at.to_string(),
        }
    }
}

/// A page of proof requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofPage {
    pub(super) proofs: Vec<ProofDto>,
    /// `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Cursor>)]
    pub(super) next_cursor: Option<String>,
}
