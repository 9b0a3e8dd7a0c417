//! Calls that verify a proof.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::paths::{circuit_path, segment};
use crate::transport::Call;
use crate::{Client, ClientError};

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Whether the proof is valid.
    pub verified: bool,
    /// Reason why the proof is invalid.
    pub reason: Option<String>,
}

impl Client {
    /// Verifies a proof with the key of a circuit.
    ///
    /// # Errors
    /// The circuit is unknown or not ready. An invalid proof is not an error.
    pub async fn verify(
        &self,
        circuit: &str,
        proof: &Value,
        public_signals: &[String],
    ) -> Result<Verdict, ClientError> {
        self.verify_at(&format!("{}/verify", circuit_path(circuit)), proof, public_signals).await
    }

    /// Verifies a proof with the contract of a confirmed deployment of a circuit, on its chain.
    ///
    /// # Errors
    /// The circuit or the deployment is unknown, or its chain does not answer. An invalid proof is not an error.
    pub async fn verify_on_chain(
        &self,
        circuit: &str,
        deployment: &str,
        proof: &Value,
        public_signals: &[String],
    ) -> Result<Verdict, ClientError> {
        let path = format!("{}/verify?onChain={}", circuit_path(circuit), segment(deployment));
        self.verify_at(&path, proof, public_signals).await
    }

    async fn verify_at(&self, path: &str, proof: &Value, signals: &[String]) -> Result<Verdict, ClientError> {
        let body = json!({"proof": proof, "publicSignals": signals});
        let verdict = Call::new(Method::POST, path).body(&body).succeed(self).await?;
        serde_json::from_value(verdict).map_err(|error| ClientError::Unexpected(format!("verdict: {error}")))
    }
}
