//! The HTTP API: one module a resource, each handler a translation to [`service`](crate::service).

mod body;
mod dto;
mod events;
mod fallible;
mod observe;
mod page;
mod path;
mod problem;
mod router;
mod wait;

mod circuits;
mod deployments;
mod operations;
mod proofs;
mod templates;

pub use problem::Problem;
pub use router::{openapi, operations_router, router};
