//! The contracts of a service: what its backends implement, and the state machines that connect them.

pub mod catalog;
pub mod chain;
pub mod flow;
pub mod queue;
pub mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

pub mod clock;
pub mod id;
