//! Calls for circuits from own files.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::paths::{circuit_path, upload_path};
use crate::transport::{Call, text};
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
        Call::new(Method::GET, &upload_path(id)).succeed(self).await
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
        let path = format!("{}/files/{file}/parts/{part}", upload_path(upload));
        Call::new(Method::PUT, &path).bytes_of(bytes).succeed(self).await.map(drop)
    }

    /// Signed URLs that send parts of a file to the bucket of the server, each with the SHA-256 of the part in hexadecimal. Only
    /// if `direct` of the upload is true.
    ///
    /// # Errors
    /// The upload is unknown, or the server signs no URLs.
    pub async fn sign_parts(
        &self,
        upload: &str,
        file: usize,
        parts: &[(u64, String)],
    ) -> Result<Value, ClientError> {
        let part = |(part, sha256): &(u64, String)| json!({"part": part, "sha256": sha256});
        let body = json!({"parts": parts.iter().map(part).collect::<Value>()});
        let path = format!("{}/files/{file}/urls", upload_path(upload));
        Call::new(Method::POST, &path).body(&body).succeed(self).await
    }

    /// Sends a part to a signed URL, an element of `parts` of [`sign_parts`](Self::sign_parts). The key of the API is not sent.
    ///
    /// # Errors
    /// There is no answer, or the bucket refuses the part.
    pub async fn put_signed(&self, signed: &Value, bytes: Vec<u8>) -> Result<(), ClientError> {
        let unexpected = |what: &str| ClientError::Unexpected(what.to_owned());
        let url = signed["url"].as_str().ok_or_else(|| unexpected("the server signed no URL"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in signed["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::try_from(name).map_err(|_| unexpected("a signed header has no name"))?;
            let value = value.as_str().and_then(|value| HeaderValue::try_from(value).ok());
            headers.insert(name, value.ok_or_else(|| unexpected("a signed header has no value"))?);
        }
        self.put_elsewhere(url, headers, bytes).await
    }

    /// Imports a circuit from an upload, waits until it is ready and returns its document. The request contains `uploadId`.
    ///
    /// # Errors
    /// The request is refused, the files do not fit each other, or `patience` is exceeded.
    pub async fn import_circuit(&self, request: &Value, patience: Duration) -> Result<Value, ClientError> {
        let asked = Call::new(Method::POST, "/v1/circuits/import").body(request).succeed(self).await?;
        self.settled(&circuit_path(text(&asked, "circuitId")?), &["ready"], patience).await
    }
}
