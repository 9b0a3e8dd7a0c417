//! The calls of the API.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::problem;
use crate::transport::Call;
use crate::{Client, ClientError};

/// Inputs of a proof: objects from names to values. Has no `Debug`, because it contains private inputs.
#[derive(Clone)]
pub struct Inputs {
    /// The private inputs. The server seals them, and destroys them when the request is final.
    pub private: Value,
    /// The public inputs, which the proof discloses.
    pub public: Value,
    /// User of the request, for fair scheduling and lists.
    pub user: Option<String>,
}

/// A proof that the server has made and verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved {
    /// Id of the proof request.
    pub id: String,
    /// Proof in the format of snarkjs' `proof.json`.
    pub proof: Value,
    /// Public signals as decimal strings: outputs, then public inputs.
    pub public_signals: Vec<String>,
}

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Whether the proof is valid.
    pub verified: bool,
    /// Reason why the proof is invalid.
    pub reason: Option<String>,
}

impl Client {
    /// Requests a circuit, waits until it is ready and returns its document.
    ///
    /// # Errors
    /// The request is refused, the circuit fails, or `patience` is exceeded.
    pub async fn circuit(
        &self,
        template: &str,
        params: Value,
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let body = json!({"templateName": template, "params": params});
        // The same request gives the same circuit.
        let asked = Call::new(Method::POST, "/v1/circuits").body(&body).succeed(self).await?;
        let path = format!("/v1/circuits/{}", text(&asked, "circuitId")?);
        self.settled(&path, &["ready"], patience).await
    }

    /// Requests a proof, waits for it and returns it.
    ///
    /// # Errors
    /// The request is refused, the proof fails, or `patience` is exceeded.
    pub async fn prove(
        &self,
        circuit: &str,
        inputs: &Inputs,
        patience: Duration,
    ) -> Result<Proved, ClientError> {
        let body = new_proof(circuit, inputs);
        let asked = Call::new(Method::POST, "/v1/proofs").body(&body).keyed(key()?).succeed(self).await?;
        let id = text(&asked, "proofRequestId")?.to_owned();
        let document = self.settled(&format!("/v1/proofs/{id}"), &["completed"], patience).await?;
        let artifacts = &document["artifacts"];
        let signals = serde_json::from_value(artifacts["publicSignals"].clone())
            .map_err(|error| ClientError::Unexpected(format!("publicSignals: {error}")))?;
        Ok(Proved { id, proof: artifacts["proof"].clone(), public_signals: signals })
    }

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
        let path = format!("/v1/circuits/{circuit}/verify");
        let body = json!({"proof": proof, "publicSignals": public_signals});
        let verdict = Call::new(Method::POST, &path).body(&body).succeed(self).await?;
        serde_json::from_value(verdict).map_err(|error| ClientError::Unexpected(format!("verdict: {error}")))
    }

    /// Requests a proof and returns the id of the request. Inputs are objects from names to values.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn request_proof(
        &self,
        circuit: &str,
        private_inputs: Value,
        public_inputs: Value,
    ) -> Result<String, ClientError> {
        let body =
            json!({"circuitId": circuit, "privateInputs": private_inputs, "publicInputs": public_inputs});
        let call = Call::new(Method::POST, "/v1/proofs").body(&body);
        let reply = call.accepted(call.send(self).await?)?;
        text(&reply, "proofRequestId").map(str::to_owned)
    }

    /// Waits until a proof request is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is unknown, or `patience` is exceeded.
    pub async fn proof(&self, id: &str, patience: Duration) -> Result<Value, ClientError> {
        let path = format!("/v1/proofs/{id}");
        self.settled(&path, &["completed", "failed", "cancelled"], patience).await
    }

    /// The arguments of the contract's `verifyProof` for a proof, as `snarkjs generatecall` prints them.
    ///
    /// # Errors
    /// The request is unknown or has no proof.
    pub async fn calldata(&self, id: &str) -> Result<String, ClientError> {
        let path = format!("/v1/proofs/{id}/calldata");
        let answer = Call::new(Method::GET, &path).succeed(self).await?;
        text(&answer, "calldata").map(str::to_owned)
    }

    /// Cancels a pending proof request and destroys its inputs.
    ///
    /// # Errors
    /// The request is unknown or final.
    pub async fn cancel_proof(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("/v1/proofs/{id}/cancel")).succeed(self).await
    }

    /// Deletes a proof request with its proof.
    ///
    /// # Errors
    /// The request is unknown.
    pub async fn delete_proof(&self, id: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/proofs/{id}")).await
    }

    /// Deletes a circuit and its keys. `force` also deletes keys that cannot be made again.
    ///
    /// # Errors
    /// The circuit is unknown, has unfinished work, or its keys cannot be made again and `force` is not set.
    pub async fn delete_circuit(&self, id: &str, force: bool) -> Result<(), ClientError> {
        self.delete(&format!("/v1/circuits/{id}?force={force}")).await
    }

    /// Downloads a file of a circuit, such as `verification_key.json`.
    ///
    /// # Errors
    /// The circuit or the file is unknown.
    pub async fn file(&self, circuit: &str, name: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("/v1/circuits/{circuit}/artifacts/{name}");
        Call::new(Method::GET, &path).succeed_with_bytes(self).await
    }

    /// The newest ready circuit that has a file with this SHA-256, such as that of its proving key.
    ///
    /// # Errors
    /// The digest is not 64 hex digits, or the server does not answer.
    pub async fn circuit_with_file(&self, sha256: &str) -> Result<Option<Value>, ClientError> {
        let mut path = format!("/v1/circuits?sha256={sha256}&status=ready&limit=200");
        loop {
            let mut page = Call::new(Method::GET, &path).succeed(self).await?;
            if page["circuits"].get(0).is_some() {
                return Ok(Some(page["circuits"][0].take()));
            }
            let Some(cursor) = page["nextCursor"].as_str() else { return Ok(None) };
            path = format!("/v1/circuits?sha256={sha256}&status=ready&limit=200&cursor={cursor}");
        }
    }

    /// The templates of the server.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn templates(&self) -> Result<Value, ClientError> {
        Ok(Call::new(Method::GET, "/v1/templates").succeed(self).await?["templates"].take())
    }

    /// Requests a deployment, waits until it is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is refused, or `patience` is exceeded.
    pub async fn deploy(
        &self,
        circuit: &str,
        request: &Value,
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let path = format!("/v1/circuits/{circuit}/deploy");
        let call = Call::new(Method::POST, &path).body(request);
        let reply = call.accepted(call.send(self).await?)?;
        let path = format!("/v1/circuits/{circuit}/deployments/{}", text(&reply, "deploymentId")?);
        self.settled(&path, &["confirmed", "failed"], patience).await
    }

    /// Binds the contract at an address to a circuit, if its key is that of the circuit, and returns the deployment.
    ///
    /// # Errors
    /// The request is refused; the contract has another key.
    pub async fn bind_contract(
        &self,
        circuit: &str,
        chain_id: u64,
        address: &str,
    ) -> Result<Value, ClientError> {
        let body = json!({"chainId": chain_id, "address": address});
        let path = format!("/v1/circuits/{circuit}/deployments");
        Call::new(Method::POST, &path).body(&body).succeed(self).await
    }

    /// Polls a document until its status is one of `wanted`.
    pub(crate) async fn settled(
        &self,
        path: &str,
        wanted: &[&str],
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let deadline = Instant::now() + patience;
        let waiting = format!("{path}?wait=10");
        let call = Call::new(Method::GET, &waiting);
        loop {
            let body = call.succeed(self).await?;
            let status = text(&body, "status")?;
            if wanted.contains(&status) {
                return Ok(body);
            }
            if status != "pending" || Instant::now() > deadline {
                let error =
                    problem(&json!({"detail": body["error"]["message"], "code": body["error"]["code"]}));
                return Err(ClientError::Unexpected(format!("{path} is {status}: {error}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A deletion whose answer is lost could have happened: it is not repeated.
    async fn delete(&self, path: &str) -> Result<(), ClientError> {
        let call = Call::new(Method::DELETE, path);
        call.accepted(call.send(self).await?).map(drop)
    }
}

/// The body of a request for a proof.
pub(crate) fn new_proof(circuit: &str, inputs: &Inputs) -> Value {
    let mut body =
        json!({"circuitId": circuit, "privateInputs": inputs.private, "publicInputs": inputs.public});
    if let Some(user) = &inputs.user {
        body["userId"] = user.as_str().into();
    }
    body
}

/// A random key that marks repetitions of one request.
pub(crate) fn key() -> Result<HeaderValue, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ClientError::Unexpected(format!("random numbers: {error}")))?;
    // Expect safety: hex digits are visible ASCII.
    Ok(HeaderValue::try_from(hex::encode(bytes)).expect("hex digits are a header value"))
}

pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, ClientError> {
    body[name].as_str().ok_or_else(|| ClientError::Unexpected(format!("the answer contains no text {name}")))
}
