//! All routes of the API, in memory and without a socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod artifacts;
mod calldata;
mod circuits;
mod cleanup;
mod deletion;
mod documents;
mod events;
mod idempotency;
mod inputs;
mod lists;
mod malformed;
mod operations;
mod parameters;
mod proofs;
mod support;
mod verify;
mod watching;
