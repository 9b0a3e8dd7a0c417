//! `pending → ready | failed`; a failed circuit may be asked for again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::InvalidTransition;
use crate::service::catalog::{Circuit, CircuitStage, CircuitStatus, DeployedContract, Failure};
use crate::service::clock::Timestamp;
use crate::service::store::ArtifactMeta;
use zkflow_circom::template::TemplateName;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Provenance;
use zkflow_groth16::report::CircuitReport;

impl Circuit {
    /// A circuit that is owed.
    pub fn new(
        circuit_hash: Digest,
        template: TemplateName,
        params: Map<String, Value>,
        now: Timestamp,
    ) -> Self {
        Self {
            id: CircuitId::from_hash(&circuit_hash),
            circuit_hash,
            template,
            params,
            status: CircuitStatus::Pending,
            stage: CircuitStage::Queued,
            attempt: 0,
            timings: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            report: None,
            provenance: None,
            deployment: None,
            error: None,
            created_at: now,
            updated_at: now,
            epoch: 0,
        }
    }

    /// Notes that a worker begins.
    ///
    /// # Errors
    /// It is not pending.
    pub fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.attempt = attempt;
        self.timings.clear();
        self.stage = CircuitStage::Compile;
        self.updated_at = now;
        Ok(())
    }

    /// Notes that `stage` begins after the present one took `spent`.
    ///
    /// # Errors
    /// It is not pending.
    pub fn advance(
        &mut self,
        stage: CircuitStage,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.note_time(spent);
        self.stage = stage;
        self.updated_at = now;
        Ok(())
    }

    /// Makes it ready.
    ///
    /// # Errors
    /// It is not pending.
    pub fn complete(
        &mut self,
        artifacts: BTreeMap<String, ArtifactMeta>,
        report: CircuitReport,
        provenance: Provenance,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.note_time(spent);
        self.status = CircuitStatus::Ready;
        self.stage = CircuitStage::Done;
        self.artifacts = artifacts;
        self.report = Some(report);
        self.provenance = Some(provenance);
        self.updated_at = now;
        Ok(())
    }

    /// Gives it up; `stage` keeps where that happened.
    ///
    /// # Errors
    /// It is not pending.
    pub fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.status = CircuitStatus::Failed;
        self.error = Some(error);
        self.updated_at = now;
        Ok(())
    }

    /// Notes a verifier contract that was confirmed.
    ///
    /// # Errors
    /// It is not ready.
    pub fn deployed(&mut self, contract: DeployedContract, now: Timestamp) -> Result<(), InvalidTransition> {
        if self.status != CircuitStatus::Ready {
            return Err(self.invalid());
        }
        self.deployment = Some(contract);
        self.updated_at = now;
        Ok(())
    }

    /// Makes a failed circuit owed again.
    ///
    /// # Errors
    /// It has not failed.
    pub fn restart(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        if self.status != CircuitStatus::Failed {
            return Err(self.invalid());
        }
        self.status = CircuitStatus::Pending;
        self.stage = CircuitStage::Queued;
        self.error = None;
        self.updated_at = now;
        Ok(())
    }

    fn note_time(&mut self, spent: Duration) {
        let name = match self.stage {
            CircuitStage::Queued | CircuitStage::Done => return,
            CircuitStage::Compile => "compile",
            CircuitStage::Setup => "setup",
            CircuitStage::Store => "store",
        };
        self.timings.insert(name.to_owned(), u64::try_from(spent.as_millis()).unwrap_or(u64::MAX));
    }

    fn require_pending(&self) -> Result<(), InvalidTransition> {
        if self.status == CircuitStatus::Pending { Ok(()) } else { Err(self.invalid()) }
    }

    fn invalid(&self) -> InvalidTransition {
        let status = match self.status {
            CircuitStatus::Pending => "pending",
            CircuitStatus::Ready => "ready",
            CircuitStatus::Failed => "failed",
        };
        InvalidTransition { what: format!("circuit {}", self.id), status }
    }
}
