//! Moves the circuits and proofs of the Node service to an installation.
//!
//! | module | subject |
//! |---|---|
//! | [`documents`] | where its documents come from: MongoDB, or files of `mongoexport` |
//! | [`objects`] | where its files come from: a bucket, or a folder |
//! | `document` | what a document says; nothing in it is trusted |
//! | `circuit` | one circuit: its files gathered, checked and stored |
//! | `proof` | one proof request: its proof verified and stored |
//! | `source` | its template with each simplification, and what the old files differ in |
//! | [`report`] | what came, and what could not |
//!
//! An import may be repeated: what came before is present, and nothing is changed. A document that cannot come is a line
//! of the report. Only a failure of a backend ends the import.

mod circuit;
mod document;
pub mod documents;
pub mod objects;
mod proof;
pub mod report;
mod source;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures::TryStreamExt as _;
use serde_json::Value;
use zkflow_core::error::Classified;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::CatalogError;
use zkflow_core::service::id::ObjectId;
use zkflow_core::service::store::StoreError;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateLibrary;

use crate::service::RequestError;
use crate::state::App;
use document::{OldCircuit, OldProof, shown_id};
use documents::Documents;
use objects::Objects;
use report::{CircuitLine, Outcome, Proofs, Refusal, Report};

/// The data of the Node service.
#[derive(Debug)]
pub struct Sources {
    /// Its documents.
    pub documents: Documents,
    /// Its files.
    pub objects: Objects,
    /// Its templates.
    pub templates: Arc<TemplateLibrary>,
}

/// Imports all circuits and proof requests for `tenant`. Calls `tell` after each circuit.
///
/// # Behaviour
/// - A circuit is compiled again from its template, and its key is compared with the result. Without its template, its
///   constraint system, module and names must be beside its key.
/// - A key is verified with the powers of tau of the settings, if it is made from them. Otherwise its label is claimed.
/// - A key without a secret contribution is marked as forgeable.
/// - A proof is stored after it was verified.
/// - With `dry_run`, proving keys are not stored: use it with an [`App`] in memory.
///
/// # Errors
/// The documents cannot be read, or a backend of the installation fails. The import can be repeated.
pub async fn import(
    app: &Arc<App>,
    sources: &Sources,
    tenant: &TenantId,
    dry_run: bool,
    tell: &mut (dyn FnMut(&CircuitLine) + Send),
) -> Result<Report, NodeError> {
    let actor = format!("command:{}", std::env::var("USER").unwrap_or_default());
    let mut import = Import { app, sources, tenant, actor, dry_run, known: HashMap::new() };
    let mut circuits = Vec::new();
    let mut found = pin!(sources.documents.read(documents::CIRCUITS));
    while let Some(document) = found.try_next().await? {
        let line = import.circuit(document).await?;
        tell(&line);
        circuits.push(line);
    }
    let mut proofs = Proofs::default();
    let mut found = pin!(sources.documents.read(documents::PROOF_REQUESTS));
    while let Some(document) = found.try_next().await? {
        import.proof(document, &mut proofs).await?;
    }
    Ok(Report::new(dry_run, circuits, proofs))
}

/// An import that runs.
struct Import<'a> {
    app: &'a Arc<App>,
    sources: &'a Sources,
    tenant: &'a TenantId,
    /// Name of the user in the audit log.
    actor: String,
    dry_run: bool,
    /// The circuits that came, or were present, by their ids in the Node service.
    known: HashMap<ObjectId, CircuitId>,
}

impl Import<'_> {
    async fn circuit(&mut self, document: Result<Value, String>) -> Result<CircuitLine, NodeError> {
        let old = match document.map_err(Refusal::malformed) {
            Ok(value) => OldCircuit::read(&value).map_err(|refusal| (shown_id(&value), refusal)),
            Err(refusal) => Err(("unknown".to_owned(), refusal)),
        };
        let old = match old {
            Ok(old) => old,
            Err((id, refusal)) => return Ok(CircuitLine::refused(id, refusal)),
        };
        let outcome = match circuit::import(self, &old).await {
            Ok(outcome) => outcome,
            Err(Trouble::Refused(refusal)) => Outcome::Refused(refusal),
            Err(Trouble::Stopped(error)) => return Err(error),
        };
        if let Some(circuit) = outcome.circuit_id() {
            self.known.insert(old.id.clone(), circuit.clone());
        }
        Ok(CircuitLine {
            old_id: old.id.to_string(),
            template: Some(old.template.to_string()),
            contract: old.contract.clone(),
            outcome,
        })
    }

    async fn proof(&self, document: Result<Value, String>, proofs: &mut Proofs) -> Result<(), NodeError> {
        let old = match document.map_err(Refusal::malformed) {
            Ok(value) => OldProof::read(&value).map_err(|refusal| (shown_id(&value), refusal)),
            Err(refusal) => Err(("unknown".to_owned(), refusal)),
        };
        let old = match old {
            Ok(old) => old,
            Err((id, refusal)) => {
                proofs.refuse(id, refusal);
                return Ok(());
            }
        };
        let id = old.id.to_string();
        match proof::import(self, old, proofs).await {
            Err(Trouble::Refused(refusal)) => proofs.refuse(id, refusal),
            Err(Trouble::Stopped(error)) => return Err(error),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// Why a document did not come.
enum Trouble {
    /// It cannot, for a reason of its own.
    Refused(Refusal),
    /// A backend failed.
    Stopped(NodeError),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RequestError> for Trouble {
    fn from(error: RequestError) -> Self {
        match error.kind().is_transient() {
            true => Self::Stopped(NodeError::Target(Box::new(error))),
            false => Self::Refused(Refusal::of(&error)),
        }
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        RequestError::from(error).into()
    }
}

/// The import has stopped. What came before stays, and the import can be repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The documents of the Node service cannot be read.
    #[error("the documents of the Node service")]
    Documents(#[source] CatalogError),
    /// A file cannot be read or written.
    #[error("{path}")]
    File {
        /// Path of the file.
        path: String,
        /// Error of the file system.
        #[source]
        source: std::io::Error,
    },
    /// The artifact store of the installation failed.
    #[error("the artifact store: {0}")]
    Store(String),
    /// A backend of the installation failed.
    #[error("the installation")]
    Target(#[source] Box<RequestError>),
}
