//! What many processes survive: the binary itself, servers of Redis, MongoDB's protocol and S3, and what goes wrong
//! between them.
//!
//! Each test remembers what it asked for, and in the end fetches and verifies every proof. The short form of
//! each runs with the other tests; `make chaos` runs the long ones and prints their rows as a table.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod circuits;
mod drain;
mod fleet;
mod kills;
mod leases;
mod outages;
mod tls;
