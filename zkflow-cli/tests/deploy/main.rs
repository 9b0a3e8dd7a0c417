//! Verifier contracts on a local chain, deployed by the binary.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bind;
mod command;
#[path = "../audit/contracts.rs"]
mod contracts;
mod crashes;
mod drive;
mod events;
mod gate;
mod hostile;
mod https;
mod imported;
mod replace;
mod requests;
mod support;
mod waiting;
mod whole;
