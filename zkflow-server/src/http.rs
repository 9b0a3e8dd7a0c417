//! The HTTP API: one module per resource; handlers translate between HTTP and [`service`](crate::service).

mod access;
mod audit;
mod body;
mod bulk;
mod caching;
mod client;
mod delivery;
mod distinct;
mod download;
mod dto;
mod embedding;
mod etag;
mod events;
mod fallible;
mod observe;
mod openapi;
mod origin;
mod page;
mod path;
mod problem;
mod query;
mod router;
mod sealing;
mod wait;

mod ceremonies;
mod circuits;
mod dashboard;
#[cfg(feature = "evm")]
mod deployments;
mod jobs;
mod keys;
mod letters;
mod operations;
mod overview;
mod proofs;
mod sessions;
mod templates;
mod tenants;
mod turns;
mod uploads;
mod usage;
#[cfg(feature = "evm")]
mod webhooks;

pub use problem::Problem;
pub use router::{description, operations_router, router, starting_router};
