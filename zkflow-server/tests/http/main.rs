//! All routes of the API, in memory and without a socket.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod artifacts;
mod authorization;
mod bulk;
mod calldata;
mod callers;
mod ceremonies;
mod circuits;
mod cleanup;
mod dashboard;
mod deletion;
mod delivery;
mod described;
mod documents;
mod events;
mod gpu;
mod idempotency;
mod imports;
mod inputs;
mod jobs;
mod keys;
mod lists;
mod malformed;
mod operations;
mod origins;
mod parameters;
mod proofs;
mod proxies;
mod quotas;
mod support;
mod tenants;
mod verify;
mod watching;
