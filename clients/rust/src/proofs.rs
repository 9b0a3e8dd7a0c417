//! Calls for proofs.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::follow::OnChange;
use crate::paths::{Page, proof_path, with_query};
use crate::sealing::SealingKey;
use crate::transport::{Call, key_of, random_key, text};
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

/// Options of one request for a proof.
#[derive(Default)]
pub struct ProofOptions<'a> {
    /// Repetitions with this key, 1 to 128 visible ASCII characters, make one proof. The default is a random key, which covers
    /// the repetitions of one call. A repetition must send the same inputs; two seals of the same inputs differ.
    pub idempotency_key: Option<&'a str>,
    /// Seals the inputs to this key, so that only the workers of the server can read them.
    pub seal: Option<&'a SealingKey>,
    /// Gets the document of the request now and after each change.
    pub on_change: Option<OnChange<'a>>,
}

/// Proof requests of a list: those that fit all fields that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProofFilter {
    /// Id of the circuit.
    pub circuit: Option<String>,
    /// User of the request.
    pub user: Option<String>,
    /// `pending`, `completed`, `failed` or `cancelled`.
    pub status: Option<String>,
    /// Code of the error, such as `constraint_failed`.
    pub error_code: Option<String>,
    /// Earliest time of the request, such as `2027-01-01T00:00:00Z`.
    pub since: Option<String>,
    /// Only requests made before this time.
    pub until: Option<String>,
}

impl Client {
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
        self.prove_with(circuit, inputs, patience, ProofOptions::default()).await
    }

    /// As [`prove`](Self::prove), with options.
    ///
    /// ```no_run
    /// # async fn show(inputs: zkflow_client::Inputs) -> Result<(), zkflow_client::ClientError> {
    /// use std::time::Duration;
    /// use zkflow_client::{Client, ProofOptions};
    ///
    /// let client = Client::new("http://127.0.0.1:3000");
    /// let key = client.sealing_key().await?;
    /// let mut show = |request: &serde_json::Value| println!("{}", request["status"]);
    /// let options = ProofOptions { seal: Some(&key), on_change: Some(&mut show), ..ProofOptions::default() };
    /// let id = "0123456789abcdef0123456789abcdef";
    /// let proved = client.prove_with(id, &inputs, Duration::from_secs(60), options).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`prove`](Self::prove); the options are not valid.
    pub async fn prove_with(
        &self,
        circuit: &str,
        inputs: &Inputs,
        patience: Duration,
        options: ProofOptions<'_>,
    ) -> Result<Proved, ClientError> {
        let ProofOptions { idempotency_key, seal, on_change } = options;
        let id = self.ask(circuit, inputs, idempotency_key, seal).await?;
        let path = proof_path(&id);
        let document = self.follow(&path, patience, on_change).await?;
        let document = crate::follow::expect(&path, document, &["completed"])?;
        let artifacts = &document["artifacts"];
        let signals = serde_json::from_value(artifacts["publicSignals"].clone())
            .map_err(|error| ClientError::Unexpected(format!("publicSignals: {error}")))?;
        Ok(Proved { id, proof: artifacts["proof"].clone(), public_signals: signals })
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
        let reply = Call::new(Method::POST, "/v1/proofs").body(&body).once(self).await?;
        text(&reply, "proofRequestId").map(str::to_owned)
    }

    /// Requests a proof with options and returns the id of the request. `on_change` of the options is not used.
    ///
    /// # Errors
    /// The request is refused, or the options are not valid.
    pub async fn request_proof_with(
        &self,
        circuit: &str,
        inputs: &Inputs,
        options: ProofOptions<'_>,
    ) -> Result<String, ClientError> {
        self.ask(circuit, inputs, options.idempotency_key, options.seal).await
    }

    /// Waits until a proof request is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is unknown, or `patience` is exceeded.
    pub async fn proof(&self, id: &str, patience: Duration) -> Result<Value, ClientError> {
        self.follow(&proof_path(id), patience, None).await
    }

    /// A proof request as it is.
    ///
    /// # Errors
    /// The request is unknown.
    pub async fn proof_by_id(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &proof_path(id)).succeed(self).await
    }

    /// As [`proof`](Self::proof); `on_change` gets the document now and after each change.
    ///
    /// # Errors
    /// The request is unknown, or `patience` is exceeded.
    pub async fn follow_proof(
        &self,
        id: &str,
        patience: Duration,
        on_change: OnChange<'_>,
    ) -> Result<Value, ClientError> {
        self.follow(&proof_path(id), patience, Some(on_change)).await
    }

    /// A page of proof requests, newest first: `proofs`, and `nextCursor` if there are more.
    ///
    /// # Errors
    /// A field of the filter or the page is not valid.
    pub async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Value, ClientError> {
        let ProofFilter { circuit, user, status, error_code, since, until } = filter;
        let query = [
            ("circuitId", circuit),
            ("userId", user),
            ("status", status),
            ("errorCode", error_code),
            ("since", since),
            ("until", until),
        ];
        Call::new(Method::GET, &with_query("/v1/proofs", &query, page)).succeed(self).await
    }

    /// The arguments of the contract's `verifyProof` for a proof, as `snarkjs generatecall` prints them.
    ///
    /// # Errors
    /// The request is unknown or has no proof.
    pub async fn calldata(&self, id: &str) -> Result<String, ClientError> {
        let path = format!("{}/calldata", proof_path(id));
        let answer = Call::new(Method::GET, &path).succeed(self).await?;
        text(&answer, "calldata").map(str::to_owned)
    }

    /// Cancels a pending proof request and destroys its inputs.
    ///
    /// # Errors
    /// The request is unknown or final.
    pub async fn cancel_proof(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::POST, &format!("{}/cancel", proof_path(id))).succeed(self).await
    }

    /// Deletes a proof request with its proof.
    ///
    /// # Errors
    /// The request is unknown.
    pub async fn delete_proof(&self, id: &str) -> Result<(), ClientError> {
        self.remove(&proof_path(id)).await
    }

    async fn ask(
        &self,
        circuit: &str,
        inputs: &Inputs,
        key: Option<&str>,
        seal: Option<&SealingKey>,
    ) -> Result<String, ClientError> {
        let body = new_proof(circuit, inputs, seal)?;
        let key: HeaderValue = key.map_or_else(random_key, key_of)?;
        let asked = Call::new(Method::POST, "/v1/proofs").body(&body).keyed(key).succeed(self).await?;
        text(&asked, "proofRequestId").map(str::to_owned)
    }
}

/// The body of a request for a proof, with the inputs sealed to the key if there is one.
pub(crate) fn new_proof(
    circuit: &str,
    inputs: &Inputs,
    seal: Option<&SealingKey>,
) -> Result<Value, ClientError> {
    let mut body = match seal {
        Some(seal) => json!({"circuitId": circuit, "sealedInputs": seal.seal(circuit, inputs)?}),
        None => {
            json!({"circuitId": circuit, "privateInputs": inputs.private, "publicInputs": inputs.public})
        }
    };
    if let Some(user) = &inputs.user {
        body["userId"] = user.as_str().into();
    }
    Ok(body)
}
