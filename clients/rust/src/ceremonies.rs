//! Calls for contributors to ceremonies, and for those who check them.

use std::ops::Range;

use reqwest::Method;
use reqwest::header::{HeaderValue, RANGE};
use serde_json::{Value, json};

use crate::paths::{ceremony_path, segment};
use crate::transport::Call;
use crate::{Client, ClientError};

/// Bytes of an answer that says why there is no file.
const LARGEST_PROBLEM: u64 = 64 << 10;

impl Client {
    /// Returns a ceremony with its announced rules and its contributions.
    ///
    /// # Errors
    /// The ceremony is unknown.
    pub async fn ceremony(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &ceremony_path(id)).succeed(self).await
    }

    /// Returns a part of a file of a ceremony: `proving_key.zkey`, `circuit.r1cs`, or after the end `ceremony.json`. The
    /// part ends at the end of the file at the latest. Compare the whole file with its SHA-256.
    ///
    /// # Errors
    /// The ceremony has no such file, or the part begins after its end.
    pub async fn ceremony_file(
        &self,
        id: &str,
        name: &str,
        part: Range<u64>,
    ) -> Result<Vec<u8>, ClientError> {
        let path = format!("{}/files/{}", ceremony_path(id), segment(name));
        let range = format!("bytes={}-{}", part.start, part.end.saturating_sub(1));
        let range =
            HeaderValue::try_from(range).map_err(|error| ClientError::Unexpected(error.to_string()))?;
        // Contributors need not trust the server.
        let call = Call::new(Method::GET, &path).with(RANGE.as_str(), range);
        call.at_most((part.end - part.start.min(part.end)).max(LARGEST_PROBLEM))
            .succeed_with_bytes(self)
            .await
    }

    /// Joins the queue of a ceremony. Returns the `place` and the secret `token` for the other calls. It is not repeated.
    ///
    /// # Errors
    /// The ceremony takes no contributions, or none of this caller.
    pub async fn join_ceremony(&self, id: &str) -> Result<Value, ClientError> {
        let path = format!("{}/join", ceremony_path(id));
        Call::new(Method::POST, &path).once(self).await
    }

    /// Returns the `state` of a place, and takes the turn if it is due.
    ///
    /// # Errors
    /// There is no place with this token.
    pub async fn take_turn(&self, id: &str, token: &str) -> Result<Value, ClientError> {
        self.turn(Method::POST, id, "", token)?.succeed(self).await
    }

    /// Gives a place back.
    ///
    /// # Errors
    /// There is no place with this token.
    pub async fn leave_ceremony(&self, id: &str, token: &str) -> Result<(), ClientError> {
        self.turn(Method::DELETE, id, "", token)?.succeed(self).await.map(drop)
    }

    /// Declares the key that will be uploaded. Returns `partBytes` and the numbers of the `missing` parts.
    ///
    /// # Errors
    /// The contributor does not have the turn, or the key is too large.
    pub async fn declare_contribution(
        &self,
        id: &str,
        token: &str,
        size: u64,
        sha256: &str,
    ) -> Result<Value, ClientError> {
        let body = json!({"size": size, "sha256": sha256});
        self.turn(Method::PUT, id, "/upload", token)?.body(&body).succeed(self).await
    }

    /// Sends a part of the declared key: its bytes from `part * partBytes` on. Sending a part again is harmless.
    ///
    /// # Errors
    /// The contributor does not have the turn, or the part has another length than its place.
    pub async fn put_contribution_part(
        &self,
        id: &str,
        token: &str,
        part: u64,
        bytes: Vec<u8>,
    ) -> Result<(), ClientError> {
        let call = self.turn(Method::PUT, id, &format!("/parts/{part}"), token)?;
        call.bytes_of(bytes).succeed(self).await.map(drop)
    }

    /// Submits the uploaded key. Returns the `state` of the place. It is not repeated: ask for the state with
    /// [`take_turn`](Self::take_turn) if there is no answer.
    ///
    /// # Errors
    /// The contributor does not have the turn, or parts are missing.
    pub async fn submit_contribution(&self, id: &str, token: &str) -> Result<Value, ClientError> {
        self.turn(Method::POST, id, "/submit", token)?.once(self).await
    }

    fn turn(&self, method: Method, id: &str, rest: &str, token: &str) -> Result<Call, ClientError> {
        let mut token = HeaderValue::try_from(token)
            .map_err(|_| ClientError::Unexpected("the token is not visible ASCII text".to_owned()))?;
        token.set_sensitive(true);
        Ok(Call::new(method, &format!("{}/turn{rest}", ceremony_path(id))).with("contributor-token", token))
    }
}
