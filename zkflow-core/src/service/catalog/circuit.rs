//! [`Circuit`]: a template with its parameters, on its way to keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deployment::DeployedContract;
use super::document::Document;
use super::life::{Life, Stage, Status, named};
use super::lookup::{Lookup, Term};
use crate::service::queue::QueueName;
use crate::service::store::ArtifactMeta;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::report::CircuitReport;

/// A circuit: a template with its parameters, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circuit {
    /// Derived from `circuit_hash`.
    #[serde(rename = "_id")]
    pub id: CircuitId,
    /// The identity: see [`circuit_hash`](fn@crate::circuit::circuit_hash).
    pub circuit_hash: Digest,
    /// Name of the template.
    pub template: TemplateName,
    /// The parameters, complete, in canonical form.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// State of the key generation.
    #[serde(flatten)]
    pub life: Life<CircuitStatus, CircuitStage>,
    /// The artifacts by name, such as `proving_key.zkey`; empty until it is ready.
    pub artifacts: BTreeMap<String, ArtifactMeta>,
    /// Facts about the R1CS; `None` until it is ready.
    pub report: Option<CircuitReport>,
    /// Origin of its keys; `None` until it is ready.
    pub provenance: Option<Provenance>,
    /// The verifier contract that was confirmed last.
    #[serde(default)]
    pub deployment: Option<DeployedContract>,
}

named! {
    /// Whether a circuit can be used.
    CircuitStatus {
        /// Work on it is owed.
        Pending = "pending",
        /// Its artifacts are complete.
        Ready = "ready",
        /// The work failed; the same request tries again.
        Failed = "failed",
    }

    /// The stages of key generation, in their order.
    CircuitStage {
        /// Waits for a worker.
        Queued = "queued",
        /// circom runs.
        Compile = "compile",
        /// The keys are made.
        Setup = "setup",
        /// Artifacts are written.
        Store = "store",
        /// The work is done.
        Done = "done",
    }
}

impl Status for CircuitStatus {
    const PENDING: Self = Self::Pending;
    const FAILED: Self = Self::Failed;
}

impl Stage for CircuitStage {}

impl Document for Circuit {
    type Id = CircuitId;
    type Status = CircuitStatus;
    type Stage = CircuitStage;
    type Key = CircuitKey;
    type Filter = CircuitFilter;

    const KIND: &'static str = "circuit";
    const COLLECTION: &'static str = "circuits";
    const QUEUE: QueueName = QueueName::KeyGeneration;

    fn id(&self) -> &CircuitId {
        &self.id
    }

    fn life(&self) -> &Life<CircuitStatus, CircuitStage> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<CircuitStatus, CircuitStage> {
        &mut self.life
    }

    fn key(&self) -> Option<CircuitKey> {
        Some(CircuitKey { circuit_hash: self.circuit_hash })
    }

    fn fields(&self) -> Vec<Term> {
        vec![Term::text("circuit_hash", self.circuit_hash), Term::text("template", &self.template)]
    }

    fn with_status(status: CircuitStatus) -> CircuitFilter {
        CircuitFilter { status: Some(status), ..CircuitFilter::default() }
    }
}

/// The identity of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitKey {
    /// Of template, parameters, source, compiler and flags.
    pub circuit_hash: Digest,
}

impl Lookup for CircuitKey {
    fn terms(&self) -> Vec<Term> {
        vec![Term::text("circuit_hash", self.circuit_hash)]
    }
}

/// Which circuits to list; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CircuitFilter {
    pub template: Option<TemplateName>,
    pub status: Option<CircuitStatus>,
}

impl Lookup for CircuitFilter {
    fn terms(&self) -> Vec<Term> {
        let template = self.template.as_ref().map(|template| Term::text("template", template));
        template.into_iter().chain(self.status.map(Term::status)).collect()
    }
}
