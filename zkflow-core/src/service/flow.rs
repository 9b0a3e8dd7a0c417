//! The transitions of circuits, proof requests, deployments and ceremonies, as pure functions from document to
//! document. [`Document`](crate::service::catalog::Document) has the transitions shared by all kinds.

pub mod ceremony;
pub mod circuit;
pub mod deployment;
pub mod proof;
