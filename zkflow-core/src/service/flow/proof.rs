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
            inputs: None,
        }
    }

    /// Records the time of the verification, which is not part of the time of the stage `prove`.
    pub fn verified_in(&mut self, spent: Duration) {
        let millis = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
        self.life.timings.insert("verify".to_owned(), millis);
    }

    /// Records the verified proof, makes the request completed and forgets its sealed inputs.
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
        self.inputs = None;
        Ok(())
    }

    /// Cancels the request and forgets its sealed inputs.
    ///
    /// # Errors
    /// The request is final.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.owed()?.end(ProofStatus::Cancelled, now);
        self.inputs = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zkflow_groth16::digest::Digest;

    use super::*;
    use crate::service::catalog::{Failure, Sealed};

    fn pending() -> ProofRequest {
        let (now, circuit) = (Timestamp::from_millis(0), CircuitId::from_hash(&Digest::of("c")));
        let request =
            ProofRequest::new(ProofId::generate(now), circuit, None, None, now, Duration::from_secs(1));
        ProofRequest { inputs: Some(Sealed(vec![1, 2, 255])), ..request }
    }

    #[test]
    fn a_final_request_has_no_inputs() {
        let now = Timestamp::from_millis(1);
        let artifacts = ProofArtifacts {
            proof: json!({}),
            public_signals: Vec::new(),
            proving_key: Digest::of("k"),
            prover: "native".to_owned(),
        };
        let failure = Failure { code: "c".to_owned(), message: "m".to_owned() };
        let [mut completed, mut failed, mut cancelled] = [pending(), pending(), pending()];
        completed.complete(artifacts, Duration::ZERO, now).unwrap();
        failed.fail(failure, now).unwrap();
        cancelled.cancel(now).unwrap();
        for request in [completed, failed, cancelled] {
            assert!(request.is_final() && request.inputs.is_none(), "{request:?}");
        }
    }

    #[test]
    fn sealed_inputs_are_base64_and_absent_where_there_are_none() {
        let mut request = pending();
        let text = serde_json::to_value(&request).unwrap();
        assert_eq!(text["inputs"], json!("AQL/"));
        assert_eq!(serde_json::from_value::<ProofRequest>(text).unwrap(), request);
        request.inputs = None;
        let text = serde_json::to_value(&request).unwrap();
        assert!(text.get("inputs").is_none());
        assert_eq!(serde_json::from_value::<ProofRequest>(text).unwrap(), request);
        assert!(!format!("{:?}", pending()).contains("255"), "the debug text contains the bytes");
    }
}
