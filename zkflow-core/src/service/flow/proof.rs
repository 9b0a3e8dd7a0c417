//! `pending → completed | failed | cancelled`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::InvalidTransition;
use crate::service::catalog::{Failure, Idempotency, ProofArtifacts, ProofRequest, ProofStage, ProofStatus};
use crate::service::clock::Timestamp;
use crate::service::id::{ProofId, UserId};
use zkflow_groth16::id::CircuitId;

impl ProofRequest {
    /// A proof that is owed.
    pub fn new(
        id: ProofId,
        circuit_id: CircuitId,
        user_id: Option<UserId>,
        idempotency: Option<Idempotency>,
        now: Timestamp,
        keep: Duration,
    ) -> Self {
        Self {
            id,
            circuit_id,
            user_id,
            status: ProofStatus::Pending,
            stage: ProofStage::Queued,
            attempt: 0,
            timings: BTreeMap::new(),
            artifacts: None,
            error: None,
            idempotency,
            created_at: now,
            updated_at: now,
            expires_at: now + keep,
            epoch: 0,
        }
    }

    /// Notes that a worker begins.
    ///
    /// # Errors
    /// It is final.
    pub fn begin(&mut self, attempt: u32, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.attempt = attempt;
        self.timings.clear();
        self.stage = ProofStage::Witness;
        self.updated_at = now;
        Ok(())
    }

    /// Notes that `stage` begins after the present one took `spent`.
    ///
    /// # Errors
    /// It is final.
    pub fn advance(
        &mut self,
        stage: ProofStage,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.note_time(spent);
        self.stage = stage;
        self.updated_at = now;
        Ok(())
    }

    /// Makes the verified proof visible.
    ///
    /// # Errors
    /// It is final.
    pub fn complete(
        &mut self,
        artifacts: ProofArtifacts,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.note_time(spent);
        self.status = ProofStatus::Completed;
        self.stage = ProofStage::Done;
        self.artifacts = Some(artifacts);
        self.updated_at = now;
        Ok(())
    }

    /// Gives it up; `stage` keeps where that happened.
    ///
    /// # Errors
    /// It is final.
    pub fn fail(&mut self, error: Failure, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.status = ProofStatus::Failed;
        self.error = Some(error);
        self.updated_at = now;
        Ok(())
    }

    /// Ends it on the caller's wish.
    ///
    /// # Errors
    /// It is final.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.require_pending()?;
        self.status = ProofStatus::Cancelled;
        self.updated_at = now;
        Ok(())
    }

    fn note_time(&mut self, spent: Duration) {
        let name = match self.stage {
            ProofStage::Queued | ProofStage::Done => return,
            ProofStage::Witness => "witness",
            ProofStage::Prove => "prove",
        };
        self.timings.insert(name.to_owned(), u64::try_from(spent.as_millis()).unwrap_or(u64::MAX));
    }

    fn require_pending(&self) -> Result<(), InvalidTransition> {
        let status = match self.status {
            ProofStatus::Pending => return Ok(()),
            ProofStatus::Completed => "completed",
            ProofStatus::Failed => "failed",
            ProofStatus::Cancelled => "cancelled",
        };
        Err(InvalidTransition { what: format!("proof request {}", self.id), status })
    }
}
