//! Calls for circuits.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::follow::OnChange;
use crate::paths::{Page, circuit_path, segment, with_query};
use crate::transport::{Call, text};
use crate::{Client, ClientError};

/// Circuits of a list: those that fit all fields that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CircuitFilter {
    /// Name of the template.
    pub template: Option<String>,
    /// `pending`, `ready` or `failed`.
    pub status: Option<String>,
    /// SHA-256 of one of the files, in hexadecimal.
    pub sha256: Option<String>,
    /// Origin of the keys: `development`, `single-operator`, `ceremony`, `claimed` or `forgeable`.
    pub provenance: Option<String>,
    /// How the id, the circuit hash or the name begins, in capitals or not.
    pub search: Option<String>,
    /// Owner, or `*` for every tenant, in place of the caller's own; needs the scope `operate`.
    pub tenant: Option<String>,
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
        let asked = self.request_circuit(template, params).await?;
        self.wait_for_circuit(text(&asked, "circuitId")?, patience).await
    }

    /// Waits until a circuit is ready and returns its document.
    ///
    /// # Errors
    /// The circuit is unknown or fails, or `patience` is exceeded.
    pub async fn wait_for_circuit(&self, id: &str, patience: Duration) -> Result<Value, ClientError> {
        self.settled(&circuit_path(id), &["ready"], patience).await
    }

    /// Requests a circuit and returns its document as it is: `pending`, or `ready`. The same template and parameters give the
    /// same circuit.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn request_circuit(&self, template: &str, params: Value) -> Result<Value, ClientError> {
        let body = json!({"templateName": template, "params": params});
        Call::new(Method::POST, "/v1/circuits").body(&body).succeed(self).await
    }

    /// A circuit as it is.
    ///
    /// # Errors
    /// The circuit is unknown.
    pub async fn circuit_by_id(&self, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &circuit_path(id)).succeed(self).await
    }

    /// Waits until a circuit is ready or has failed, and returns its document. `on_change` gets it now and after each change.
    ///
    /// # Errors
    /// The circuit is unknown, or `patience` is exceeded.
    pub async fn follow_circuit(
        &self,
        id: &str,
        patience: Duration,
        on_change: OnChange<'_>,
    ) -> Result<Value, ClientError> {
        self.follow(&circuit_path(id), patience, Some(on_change)).await
    }

    /// A page of circuits, newest first: `circuits`, and `nextCursor` if there are more.
    ///
    /// ```no_run
    /// # async fn show() -> Result<(), zkflow_client::ClientError> {
    /// use zkflow_client::{CircuitFilter, Client, Page};
    ///
    /// let client = Client::new("http://127.0.0.1:3000");
    /// let filter = CircuitFilter { status: Some("ready".to_owned()), ..CircuitFilter::default() };
    /// let mut page = Page::default();
    /// loop {
    ///     let found = client.circuits(&filter, &page).await?;
    ///     println!("{}", found["circuits"]);
    ///     let Some(cursor) = found["nextCursor"].as_str() else { break };
    ///     page.cursor = Some(cursor.to_owned());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A field of the filter or the page is not valid.
    pub async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Value, ClientError> {
        let CircuitFilter { template, status, sha256, provenance, search, tenant } = filter;
        let query = [
            ("templateName", template),
            ("status", status),
            ("sha256", sha256),
            ("provenance", provenance),
            ("search", search),
            ("tenant", tenant),
        ];
        Call::new(Method::GET, &with_query("/v1/circuits", &query, page)).succeed(self).await
    }

    /// The compiled verifier contract of a circuit.
    ///
    /// # Errors
    /// The circuit is unknown, not ready, or has no contract.
    pub async fn contract(&self, circuit: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &format!("{}/contract", circuit_path(circuit))).succeed(self).await
    }

    /// Deletes a circuit and its keys. `force` also deletes keys that cannot be made again.
    ///
    /// # Errors
    /// The circuit is unknown, has unfinished work, or its keys cannot be made again and `force` is not set.
    pub async fn delete_circuit(&self, id: &str, force: bool) -> Result<(), ClientError> {
        self.remove(&format!("{}?force={force}", circuit_path(id))).await
    }

    /// Downloads a file of a circuit, such as `verification_key.json`.
    ///
    /// # Errors
    /// The circuit or the file is unknown.
    pub async fn file(&self, circuit: &str, name: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("{}/artifacts/{}", circuit_path(circuit), segment(name));
        Call::new(Method::GET, &path).at_most(u64::MAX).succeed_with_bytes(self).await
    }

    /// The newest ready circuit that has files with all these SHA-256, such as those of its module and its proving key; `None` if
    /// there is none, or no digest is given.
    ///
    /// # Errors
    /// A digest is not 64 hex digits, or the server does not answer.
    pub async fn circuit_with_files(&self, sha256: &[&str]) -> Result<Option<Value>, ClientError> {
        let Some((first, others)) = sha256.split_first() else { return Ok(None) };
        let [status, sha256] = ["ready", first].map(|text| Some(text.to_owned()));
        let filter = CircuitFilter { status, sha256, ..CircuitFilter::default() };
        let mut place = Page { limit: Some(200), cursor: None };
        loop {
            let page = self.circuits(&filter, &place).await?;
            let circuits = page["circuits"].as_array().into_iter().flatten();
            let fits = |circuit: &&Value| others.iter().all(|digest| has_file(circuit, digest));
            if let Some(found) = circuits.into_iter().find(fits) {
                return Ok(Some(found.clone()));
            }
            let Some(cursor) = page["nextCursor"].as_str() else { return Ok(None) };
            place.cursor = Some(cursor.to_owned());
        }
    }
}

fn has_file(circuit: &Value, sha256: &str) -> bool {
    let files = circuit["artifacts"].as_object();
    files.is_some_and(|files| files.values().any(|file| file["sha256"] == sha256))
}
