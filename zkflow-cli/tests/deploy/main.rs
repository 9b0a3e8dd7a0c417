//! Verifier contracts on a local chain, deployed by the binary.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bind;
mod command;
#[allow(dead_code, reason = "the tests of the audit use the rest")]
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
#[allow(dead_code, reason = "the tests of the audit use the rest")]
#[path = "../audit/snarkjs.rs"]
mod snarkjs;
mod support;
mod waiting;
mod whole;
