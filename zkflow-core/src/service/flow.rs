//! The transitions of a circuit, of a proof request and of a deployment, as pure functions from document to document.
//! The transitions that all have in common are those of
//! [`Document`](crate::service::catalog::Document).

pub mod circuit;
pub mod deployment;
pub mod proof;
