//! Interfaces of a service's backends, and the state machines of its documents.

pub mod account;
pub mod catalog;
pub mod ceremony;
pub mod chain;
pub mod flow;
pub mod ledger;
pub mod locked;
pub mod queue;
pub mod secret_file;
pub mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

pub mod clock;
pub mod id;
pub mod tenant;
pub mod upload;
