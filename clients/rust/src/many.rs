//! Calls with many proofs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::paths::circuit_path;
use crate::proofs::new_proof;
use crate::transport::{Call, key_of, random_key, text};
use crate::{Client, ClientError, Inputs, ProofOptions, Verdict};

impl Client {
    /// Requests up to 1000 proofs together, each of a circuit with inputs. Returns one result per request, in order: the id
    /// of the request, or the reason why the server refused it, which hinders no other.
    ///
    /// # Errors
    /// The server refuses all together, such as for their number.
    pub async fn request_proofs(
        &self,
        proofs: &[(String, Inputs)],
    ) -> Result<Vec<Result<String, ClientError>>, ClientError> {
        self.request_proofs_with(proofs, ProofOptions::default()).await
    }

    /// As [`request_proofs`](Self::request_proofs), with options. The idempotency key covers all requests together. `on_change`
    /// of the options is not used.
    ///
    /// # Errors
    /// Those of [`request_proofs`](Self::request_proofs); the options are not valid.
    pub async fn request_proofs_with(
        &self,
        proofs: &[(String, Inputs)],
        options: ProofOptions<'_>,
    ) -> Result<Vec<Result<String, ClientError>>, ClientError> {
        const PATH: &str = "/v1/proofs:batch";
        let entry = |(circuit, inputs): &(String, Inputs)| new_proof(circuit, inputs, options.seal);
        let entries = proofs.iter().map(entry).collect::<Result<Value, _>>()?;
        let key = options.idempotency_key.map_or_else(random_key, key_of)?;
        let call = Call::new(Method::POST, PATH).body(&json!({"proofs": entries})).keyed(key);
        let mut answer = call.succeed(self).await?;
        let results = list(answer["results"].take(), proofs.len())?;
        let outcome = |mut result: Value| match result["problem"].take() {
            Value::Null => text(&result, "proofRequestId").map(str::to_owned),
            body => Err(ClientError::Refused {
                method: "POST",
                path: PATH.to_owned(),
                status: body["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
                body,
            }),
        };
        Ok(results.into_iter().map(outcome).collect())
    }

    /// Verifies up to 1000 proofs with the key of a circuit, each with its public signals. Returns their verdicts in order.
    ///
    /// # Errors
    /// The circuit is unknown or not ready, or their number is too large. An invalid proof is not an error.
    pub async fn verify_all(
        &self,
        circuit: &str,
        proofs: &[(Value, Vec<String>)],
    ) -> Result<Vec<Verdict>, ClientError> {
        let entry =
            |(proof, signals): &(Value, Vec<String>)| json!({"proof": proof, "publicSignals": signals});
        let body = Value::Array(proofs.iter().map(entry).collect());
        let path = format!("{}/verify", circuit_path(circuit));
        let answer = Call::new(Method::POST, &path).body(&body).succeed(self).await?;
        let verdict = |verdict| {
            serde_json::from_value(verdict)
                .map_err(|error| ClientError::Unexpected(format!("verdict: {error}")))
        };
        list(answer, proofs.len())?.into_iter().map(verdict).collect()
    }
}

/// An array with one entry for each of `number` things.
fn list(answer: Value, number: usize) -> Result<Vec<Value>, ClientError> {
    match answer {
        Value::Array(entries) if entries.len() == number => Ok(entries),
        _ => Err(ClientError::Unexpected(format!("the answer is not a list of {number} results"))),
    }
}
