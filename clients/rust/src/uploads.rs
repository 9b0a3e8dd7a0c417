//! Calls that send files in parts.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::files::UploadFile;
use crate::paths::upload_path;
use crate::transport::{Call, text};
use crate::{Client, ClientError};

/// Gets the progress of an upload.
pub type OnUpload<'a> = &'a mut (dyn FnMut(UploadProgress<'_>) + Send);

/// A step of an upload.
#[derive(Debug)]
#[non_exhaustive]
pub enum UploadProgress<'a> {
    /// The server has `sent` of `total` bytes.
    Sent {
        /// Bytes that arrived.
        sent: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// The bucket of the server took no part. The server gets this part and all further ones.
    NotDirect(&'a ClientError),
}

impl Client {
    /// Declares the files of an upload. Returns the upload, with `uploadId`, `partBytes` and the `missing` parts of each file.
    ///
    /// # Errors
    /// A file is not valid, or a limit is reached.
    pub async fn create_upload(&self, files: &[UploadFile]) -> Result<Value, ClientError> {
        let files: Value = files.iter().map(UploadFile::declaration).collect();
        // An upload whose answer is lost has no bytes, and expires.
        Call::new(Method::POST, "/v1/uploads").body(&json!({"files": files})).succeed(self).await
    }

    /// Returns an upload, with the numbers of the `missing` parts of each file.
    ///
    /// # Errors
    /// The upload is unknown or has expired.
    pub async fn upload(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &upload_path(id)).succeed(self).await
    }

    /// Sends the parts that are missing in this upload of these files, in the same order: to the bucket of the server if it signs
    /// URLs, else to the server. To continue after an interruption, pass the answer of [`upload`](Self::upload).
    ///
    /// # Errors
    /// The upload was declared for other files, a file cannot be read, or the server refuses a part.
    pub async fn send_upload(
        &self,
        upload: &Value,
        files: &[UploadFile],
        mut on_upload: Option<OnUpload<'_>>,
    ) -> Result<(), ClientError> {
        let id = text(upload, "uploadId")?;
        let unexpected = |name: &str| ClientError::Unexpected(format!("the upload contains no {name}"));
        let length = upload["partBytes"].as_u64().filter(|length| *length > 0);
        let length = length.ok_or_else(|| unexpected("partBytes"))?;
        let entries = upload["files"].as_array().ok_or_else(|| unexpected("files"))?;
        if entries.len() != files.len()
            || !files.iter().zip(entries).all(|(file, entry)| file.is_declared(entry))
        {
            return Err(ClientError::Unexpected("the upload was declared for other files".to_owned()));
        }
        let missing = |(number, entry): (usize, &Value)| {
            let parts = entry["missing"].as_array().cloned().unwrap_or_default();
            parts
                .into_iter()
                .filter_map(|part| part.as_u64())
                .map(move |part| (number, part))
                .collect::<Vec<_>>()
        };
        let missing: Vec<_> = entries.iter().enumerate().flat_map(missing).collect();
        let total: u64 = files.iter().map(UploadFile::size).sum();
        let owed: u64 = missing.iter().map(|&(file, part)| files[file].part_length(part, length)).sum();
        let mut tell = |step: UploadProgress<'_>| {
            if let Some(on_upload) = &mut on_upload {
                on_upload(step);
            }
        };
        let mut sent = total.saturating_sub(owed);
        tell(UploadProgress::Sent { sent, total });

        let mut direct = upload["direct"] == true;
        for (file, part) in missing {
            let bytes = files[file].part(part, length).await?;
            if direct && let Err(error) = self.send_to_bucket(id, (file, part), &bytes).await {
                // The server takes parts too, if the bucket cannot be reached from here.
                tell(UploadProgress::NotDirect(&error));
                direct = false;
            }
            if !direct {
                self.put_part(id, file, part, bytes).await?;
            }
            sent += files[file].part_length(part, length);
            tell(UploadProgress::Sent { sent, total });
        }
        Ok(())
    }

    /// Deletes an upload that no import uses.
    ///
    /// # Errors
    /// The upload is unknown, or an import uses it.
    pub async fn delete_upload(&self, id: &str) -> Result<(), ClientError> {
        self.remove(&upload_path(id)).await
    }

    /// Sends a part of a file: its bytes from `part * partBytes` on. Sending a part again is harmless.
    /// [`send_upload`](Self::send_upload) sends all.
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

    async fn send_to_bucket(
        &self,
        upload: &str,
        (file, part): (usize, u64),
        bytes: &[u8],
    ) -> Result<(), ClientError> {
        let signed = self.sign_parts(upload, file, &[(part, hex::encode(Sha256::digest(bytes)))]).await?;
        self.put_signed(&signed["parts"][0], bytes.to_vec()).await
    }
}
