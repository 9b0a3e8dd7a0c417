//! `pending → completed | failed | cancelled`.

use std::time::Duration;

use crate::service::catalog::{
    Document, Idempotency, InvalidTransition, Life, ProofArtifacts, ProofRequest, ProofStatus,
};
use crate::service::clock::Timestamp;
use crate::service::id::{ProofId, UserId};
use zkflow_groth16::id::CircuitId;

impl ProofRequest {
    /// A pending proof request.
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
            life: Life::new(now),
            artifacts: None,
            idempotency,
            expires_at: now + keep,
        }
    }

    /// Records the verified proof and makes the request completed.
    ///
    /// # Errors
    /// The request is final.
    pub fn complete(
        &mut self,
        artifacts: ProofArtifacts,
        spent: Duration,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.owed()?.complete(ProofStatus::Completed, spent, now);
        self.artifacts = Some(artifacts);
        Ok(())
    }

    /// Cancels the request.
    ///
    /// # Errors
    /// The request is final.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.end(ProofStatus::Cancelled, now);
        Ok(())
    }
}
