//! [`ProofRequest`]: a request for a proof.

use serde::{Deserialize, Serialize};

use super::document::{Document, IDEMPOTENCY_KEY, Idempotency, InvalidTransition};
use super::life::{Failure, Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use super::sealed::Sealed;
use super::subject::Subject;
use crate::service::clock::Timestamp;
use crate::service::id::{ProofId, UserId};
use crate::service::queue::QueueName;
use crate::service::tenant::TenantId;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// A request for a proof, and its result.
///
/// Private inputs are not part of it in clear: they are sealed until the request is final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofRequest {
    /// Id of this request.
    #[serde(rename = "_id")]
    pub id: ProofId,
    /// Circuit to prove with.
    pub circuit_id: CircuitId,
    /// User that the request is attributed to; `None`: anonymous.
    pub user_id: Option<UserId>,
    /// State of the proof generation.
    #[serde(flatten)]
    pub life: Life<ProofStatus, ProofStage>,
    /// Proof; `None` until it is made and verified.
    pub artifacts: Option<ProofArtifacts>,
    /// Idempotency key, so that a repeated request returns the first one.
    pub idempotency: Option<Idempotency>,
    /// Time at which the request and its proof are removed.
    pub expires_at: Timestamp,
    /// The inputs, until the request is final. `None` if they are an artifact of their own, because they are large, or
    /// sealed by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Sealed>,
}

named! {
    /// State of a proof request.
    ProofStatus {
        /// The proof is not finished.
        Pending = "pending",
        /// The proof is made and verified.
        Completed = "completed",
        /// Proof generation failed.
        Failed = "failed",
        /// The caller cancelled the request.
        Cancelled = "cancelled",
    }

    /// Stages of a proof, in order.
    ProofStage {
        /// Waits for a worker.
        Queued = "queued",
        /// The witness is calculated.
        Witness = "witness",
        /// The proof is made and verified.
        Prove = "prove",
        /// Proof generation is finished.
        Done = "done",
    }
}

impl Status for ProofStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;
}

impl Stage for ProofStage {}

impl Document for ProofRequest {
    type Id = ProofId;
    type Status = ProofStatus;
    type Stage = ProofStage;
    type Key = ProofKey;
    type Filter = ProofFilter;

    const KIND: &'static str = "proof request";
    const COLLECTION: &'static str = "proofs";
    const QUEUE: QueueName = QueueName::ProofGeneration;

    fn id(&self) -> &ProofId {
        &self.id
    }

    fn life(&self) -> &Life<ProofStatus, ProofStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<ProofStatus, ProofStage> {
        &mut self.life
    }

    fn key(&self) -> Option<ProofKey> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(ProofKey { tenant: self.life.tenant.clone(), user_id: self.user_id.clone(), key: key.clone() })
    }

    fn fields(&self) -> Vec<Term> {
        let key = self.idempotency.as_ref().map(|idempotency| &idempotency.key);
        vec![
            Term::text("circuit_id", &self.circuit_id),
            Term::optional("user_id", self.user_id.as_ref()),
            Term::optional(IDEMPOTENCY_KEY, key),
            Term::optional(ERROR_CODE, self.life.error.as_ref().map(|error| &error.code)),
            Term::moment("expires_at", self.expires_at),
        ]
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Proof(self.id.clone()))
    }

    fn circuit_id(&self) -> Option<&CircuitId> {
        Some(&self.circuit_id)
    }

    fn with_status(status: ProofStatus) -> ProofFilter {
        ProofFilter { status: Some(status), ..ProofFilter::default() }
    }

    fn of_tenant(filter: ProofFilter, tenant: TenantId) -> ProofFilter {
        ProofFilter { tenant: Some(tenant), ..filter }
    }

    fn failed_with(filter: ProofFilter, code: &str) -> ProofFilter {
        ProofFilter { error_code: Some(code.to_owned()), ..filter }
    }

    fn user_id(&self) -> Option<&UserId> {
        self.user_id.as_ref()
    }

    fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.fail(error, now);
        self.inputs = None;
        Ok(())
    }
}

/// Unique key of a proof request: an idempotency key, per tenant and user. Requests of a tenant without a user count as
/// one user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofKey {
    /// Owner of the request.
    pub tenant: TenantId,
    /// User that the request is attributed to; `None`: anonymous.
    pub user_id: Option<UserId>,
    /// Value of the header `Idempotency-Key`.
    pub key: String,
}

impl Lookup for ProofKey {
    fn terms(&self) -> Vec<Term> {
        let user = Term::optional("user_id", self.user_id.as_ref());
        vec![Term::tenant(&self.tenant), user, Term::text(IDEMPOTENCY_KEY, &self.key)]
    }
}

/// Conditions on the listed proof requests; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ProofFilter {
    pub tenant: Option<TenantId>,
    pub circuit_id: Option<CircuitId>,
    pub user_id: Option<UserId>,
    pub status: Option<ProofStatus>,
    pub error_code: Option<String>,
}

/// Path of the code of the error of a failed request.
const ERROR_CODE: &str = "error.code";

impl Lookup for ProofFilter {
    fn terms(&self) -> Vec<Term> {
        let circuit = self.circuit_id.as_ref().map(|circuit| Term::text("circuit_id", circuit));
        let user = self.user_id.as_ref().map(|user| Term::optional("user_id", Some(user)));
        let tenant = self.tenant.as_ref().map(Term::tenant);
        let code = self.error_code.as_ref().map(|code| Term::optional(ERROR_CODE, Some(code)));
        let status = self.status.map(Term::status);
        tenant.into_iter().chain(circuit).chain(user).chain(status).chain(code).collect()
    }
}

/// A verified proof with its public signals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofArtifacts {
    /// `proof.json` as snarkjs writes it.
    pub proof: serde_json::Value,
    /// `public.json`: decimal strings, outputs first.
    pub public_signals: Vec<String>,
    /// SHA-256 of the proving key used.
    pub proving_key: Digest,
    /// Name of the prover used.
    pub prover: String,
}
