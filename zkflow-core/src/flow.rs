//! The life of a circuit and of a proof request, as pure functions from document to document.

pub mod circuit;
pub mod proof;

/// The change does not fit the state the document is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {status} already")]
pub struct InvalidTransition {
    what: String,
    status: &'static str,
}
