//! Calls for those who hold ceremonies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::paths::{Page, ceremony_path, with_query};
use crate::transport::{Call, key_of, random_key};
use crate::{Client, ClientError};

const PATH: &str = "/v1/ceremonies";

impl Client {
    /// A page of ceremonies, newest first: `ceremonies`, and `nextCursor` if there are more. `status` is one of theirs, such as
    /// `open`; `None` lists all.
    ///
    /// # Errors
    /// The status or the page is not valid.
    pub async fn ceremonies(&self, status: Option<&str>, page: &Page) -> Result<Value, ClientError> {
        let status = status.map(str::to_owned);
        Call::new(Method::GET, &with_query(PATH, &[("status", &status)], page)).succeed(self).await
    }

    /// Announces a ceremony: `announced` is the body of `POST /v1/ceremonies`. Repetitions with the same idempotency key, 1 to 128
    /// visible ASCII characters, announce one; the default is a random key, which covers the repetitions of this call.
    ///
    /// # Errors
    /// The request is refused, or the key was used for another request.
    pub async fn create_ceremony(
        &self,
        announced: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<Value, ClientError> {
        let key = idempotency_key.map_or_else(random_key, key_of)?;
        Call::new(Method::POST, PATH).body(announced).keyed(key).succeed(self).await
    }

    /// Ends a ceremony with the value of the announced beacon, in hex digits. It is not repeated.
    ///
    /// # Errors
    /// The ceremony is unknown or not due.
    pub async fn finish_ceremony(&self, id: &str, value: &str) -> Result<Value, ClientError> {
        let path = format!("{}/finish", ceremony_path(id));
        Call::new(Method::POST, &path).body(&json!({"value": value})).once(self).await
    }

    /// Deletes a ceremony; the circuit that it made stays. `force` also deletes a completed one, and with it its record.
    ///
    /// # Errors
    /// The ceremony is unknown, or completed and `force` is not set.
    pub async fn delete_ceremony(&self, id: &str, force: bool) -> Result<(), ClientError> {
        self.remove(&format!("{}?force={force}", ceremony_path(id))).await
    }
}
