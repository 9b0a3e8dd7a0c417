//! Calls for circuits from own files.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::files::UploadFile;
use crate::transport::{Call, text};
use crate::uploads::OnUpload;
use crate::{Client, ClientError};

impl Client {
    /// Uploads the files of a circuit, imports it and waits until it is ready. The same files give the same circuit. The server
    /// makes files that are missing, or refuses with `import_incomplete`. `choices` are the fields of
    /// `POST /v1/circuits/import` but for `uploadId`, such as `{"main": "main.circom"}`. `patience` limits the wait after the
    /// upload.
    ///
    /// ```no_run
    /// # async fn show() -> Result<(), zkflow_client::ClientError> {
    /// use std::path::Path;
    /// use std::time::Duration;
    /// use serde_json::json;
    /// use zkflow_client::{Client, UploadFile};
    ///
    /// let client = Client::new("http://127.0.0.1:3000");
    /// let files = [("r1cs", "main.r1cs"), ("wasm", "main.wasm"), ("sym", "main.sym"), ("zkey", "main.zkey")];
    /// let files = files.map(|(role, path)| UploadFile::open(role, Path::new(path)));
    /// let files = files.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let circuit = client.import_circuit(&files, &json!({}), Duration::from_secs(600), None).await?;
    /// println!("{}", circuit["circuitId"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A file cannot be read, a request is refused, the files do not fit each other, or `patience` is exceeded. The upload is
    /// deleted unless an import uses it.
    pub async fn import_circuit(
        &self,
        files: &[UploadFile],
        choices: &Value,
        patience: Duration,
        on_upload: Option<OnUpload<'_>>,
    ) -> Result<Value, ClientError> {
        let upload = self.create_upload(files).await?;
        let id = text(&upload, "uploadId")?;
        let requested = match self.send_upload(&upload, files, on_upload).await {
            Ok(()) => self.request_import(id, choices).await,
            Err(error) => Err(error),
        };
        let circuit = match requested {
            Ok(circuit) => circuit,
            Err(error) => {
                // The first error counts; an upload that remains expires.
                let _ = self.delete_upload(id).await;
                return Err(error);
            }
        };
        self.wait_for_circuit(text(&circuit, "circuitId")?, patience).await
    }

    /// Requests the circuit of a complete upload, with `choices` of [`import_circuit`](Self::import_circuit), and returns its
    /// document as it is: `pending`, or `ready`.
    ///
    /// # Errors
    /// The upload is unknown or incomplete, or a choice is not valid.
    pub async fn request_import(&self, upload: &str, choices: &Value) -> Result<Value, ClientError> {
        let mut body = json!({"uploadId": upload});
        for (name, choice) in choices.as_object().into_iter().flatten() {
            body[name] = choice.clone();
        }
        Call::new(Method::POST, "/v1/circuits/import").body(&body).succeed(self).await
    }
}
