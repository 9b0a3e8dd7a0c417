//! The life of a circuit, of a proof request and of a deployment, as pure functions from document to document.

pub mod circuit;
pub mod deployment;
pub mod proof;

/// The change does not fit the state the document is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {status} already")]
pub struct InvalidTransition {
    what: String,
    status: &'static str,
}
