//! Calls for circuits from own files.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::calls::text;
use crate::transport::Call;
use crate::{Client, ClientError};

impl Client {
    /// Declares the files of an upload, each with `role`, `size`, `sha256` and, in a source, `path`. Returns the upload, with
    /// `uploadId` and `partBytes`.
    ///
    /// # Errors
    /// A file is not valid, or a limit is reached.
    pub async fn create_upload(&self, files: &Value) -> Result<Value, ClientError> {
        Call::new(Method::POST, "/v1/uploads").body(&json!({"files": files})).succeed(self).await
    }

    /// Returns an upload, with the numbers of the `missing` parts of each file.
    ///
    /// # Errors
    /// The upload is unknown or has expired.
    pub async fn upload(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &format!("/v1/uploads/{id}")).succeed(self).await
    }

    /// Sends a part of a file: its bytes from `part * partBytes` on. Sending a part again is harmless.
    ///
    /// # Errors
    /// The upload is unknown, or the part has another length than its place.
    pub async fn put_part(
        &self,
        upload: &str,
        file: usize,
        part: u64,
        bytes: Vec<u8>,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/uploads/{upload}/files/{file}/parts/{part}");
        Call::new(Method::PUT, &path).bytes_of(bytes).succeed(self).await.map(drop)
    }

    /// Imports a circuit from an upload, waits until it is ready and returns its document. The request contains `uploadId`.
    ///
    /// # Errors
    /// The request is refused, the files do not fit each other, or `patience` is exceeded.
    pub async fn import_circuit(&self, request: &Value, patience: Duration) -> Result<Value, ClientError> {
        let asked = Call::new(Method::POST, "/v1/circuits/import").body(request).succeed(self).await?;
        self.settled(&format!("/v1/circuits/{}", text(&asked, "circuitId")?), &["ready"], patience).await
    }
}
