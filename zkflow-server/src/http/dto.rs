//! What goes over the wire: camelCase JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::report::CircuitReport;
use zkflow_core::service::catalog::{
    Circuit, CircuitStage, CircuitStatus, Failure, ProofRequest, ProofStage, ProofStatus,
};
use zkflow_core::service::id::UserId;
use zkflow_core::template::TemplateName;

use super::body::Entries;

pub(super) mod deployment;

use deployment::DeployedDto;

/// Asks for a circuit.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120}}))]
pub(super) struct NewCircuit {
    /// The template, one of `GET /v1/templates`.
    #[schema(value_type = String)]
    pub(super) template_name: TemplateName,
    /// Its parameters; those with a default may be left out.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) params: Entries,
}

/// Asks for a proof. Values of inputs are decimal strings, integers below 2^53, or nested arrays of them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "circuitId": "0123456789abcdef0123456789abcdef",
    "privateInputs": {"age": "42"},
    "publicInputs": {"randomPublicSignal": "7"}
}))]
pub(super) struct NewProof {
    /// The circuit.
    #[schema(value_type = String)]
    pub(super) circuit_id: CircuitId,
    /// Inputs that stay here: sealed until the proof is made, then destroyed.
    #[schema(value_type = Object)]
    pub(super) private_inputs: Entries,
    /// Inputs that the proof shows.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) public_inputs: Entries,
    /// Whom the request is accounted to: 1 to 128 visible ASCII characters.
    #[schema(value_type = Option<String>)]
    pub(super) user_id: Option<UserId>,
}

/// A request for a proof was taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofTaken {
    /// The id of the request.
    pub(super) proof_request_id: String,
}

/// A proof to check.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProofToVerify {
    /// As in `proof.json`.
    #[schema(value_type = Object)]
    pub(super) proof: Value,
    /// As in `public.json`: decimal strings.
    #[schema(value_type = Vec<String>)]
    pub(super) public_signals: Value,
}

/// Whether a proof holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerdictDto {
    /// Whether it does.
    pub(super) verified: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// The arguments of the verifier contract's `verifyProof`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CalldataDto {
    /// As `snarkjs generatecall` prints it.
    pub(super) calldata: String,
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureDto {
    /// A stable name.
    code: String,
    /// A sentence for people.
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
pub(super) struct CircuitDto {
    circuit_id: String,
    /// SHA-256 of all that decides what is compiled.
    circuit_hash: String,
    template_name: String,
    /// The parameters, complete.
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// `pending`, `ready` or `failed`.
    #[schema(value_type = String)]
    status: CircuitStatus,
    /// `queued`, `compile`, `setup`, `store` or `done`; of a failed one, where it failed.
    #[schema(value_type = String)]
    stage: CircuitStage,
    /// How far it is, from 0 to 1: the share of its stages that are done.
    progress: f32,
    /// How often work on it was begun.
    attempt: u32,
    /// Milliseconds spent in each finished stage.
    timings: BTreeMap<String, u64>,
    /// Files by name, and `deployment`: the verifier contract that was confirmed last.
    artifacts: BTreeMap<String, ArtifactDto>,
    /// Size and warnings, once it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<CircuitReport>,
    /// Where its keys come from, once it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    provenance: Option<Provenance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    created_at: String,
    updated_at: String,
}

/// An artifact of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ArtifactDto {
    /// A file.
    File(FileDto),
    /// A contract.
    Deployment(DeployedDto),
}

/// A file of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileDto {
    /// Length in bytes.
    size: u64,
    sha256: String,
    /// Where to get it.
    url: String,
}

impl From<Circuit> for CircuitDto {
    fn from(circuit: Circuit) -> Self {
        let artifacts = circuit.artifacts.iter().map(|(name, meta)| {
            let url = format!("/v1/circuits/{}/artifacts/{name}", circuit.id);
            let file = FileDto { size: meta.size, sha256: meta.sha256.to_string(), url };
            (name.clone(), ArtifactDto::File(file))
        });
        let deployment = circuit
            .deployment
            .map(|contract| ("deployment".to_owned(), ArtifactDto::Deployment(contract.into())));
        Self {
            artifacts: artifacts.chain(deployment).collect(),
            circuit_id: circuit.id.to_string(),
            circuit_hash: circuit.circuit_hash.to_string(),
            template_name: circuit.template.to_string(),
            params: circuit.params,
            status: circuit.status,
            stage: circuit.stage,
            progress: circuit.stage as u8 as f32 / CircuitStage::Done as u8 as f32,
            attempt: circuit.attempt,
            timings: circuit.timings,
            report: circuit.report,
            provenance: circuit.provenance,
            error: circuit.error.map(FailureDto::from),
            created_at: circuit.created_at.to_string(),
            updated_at: circuit.updated_at.to_string(),
        }
    }
}

/// A page of circuits, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CircuitPage {
    pub(super) circuits: Vec<CircuitDto>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A request for a proof.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofDto {
    proof_request_id: String,
    circuit_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// `pending`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    status: ProofStatus,
    /// `queued`, `witness`, `prove` or `done`; of a failed one, where it failed.
    #[schema(value_type = String)]
    stage: ProofStage,
    /// How far it is, from 0 to 1: the share of its stages that are done.
    progress: f32,
    /// How often work on it was begun.
    attempt: u32,
    /// Milliseconds spent in each finished stage.
    timings: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<ProofArtifactsDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureDto>,
    created_at: String,
    updated_at: String,
    /// When the request is removed, with its proof.
    expires_at: String,
}

/// A proof that was verified here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofArtifactsDto {
    /// `proof.json`, as snarkjs writes it.
    #[schema(value_type = Object)]
    proof: Value,
    /// `public.json`: outputs first, then public inputs.
    public_signals: Vec<String>,
    /// SHA-256 of the proving key that made it.
    proving_key: String,
    /// Name of the prover that made it.
    prover: String,
}

impl From<ProofRequest> for ProofDto {
    fn from(proof: ProofRequest) -> Self {
        Self {
            proof_request_id: proof.id.to_string(),
            circuit_id: proof.circuit_id.to_string(),
            user_id: proof.user_id.map(|user| user.to_string()),
            status: proof.status,
            stage: proof.stage,
            progress: proof.stage as u8 as f32 / ProofStage::Done as u8 as f32,
            attempt: proof.attempt,
            timings: proof.timings,
            artifacts: proof.artifacts.map(|artifacts| ProofArtifactsDto {
                proof: artifacts.proof,
                public_signals: artifacts.public_signals,
                proving_key: artifacts.proving_key.to_string(),
                prover: artifacts.prover,
            }),
            error: proof.error.map(FailureDto::from),
            created_at: proof.created_at.to_string(),
            updated_at: proof.updated_at.to_string(),
            expires_at: proof.expires_at.to_string(),
        }
    }
}

/// A page of proof requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProofPage {
    pub(super) proofs: Vec<ProofDto>,
    /// `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}
