//! Many processes of the binary with servers of Redis, MongoDB's protocol and S3, and failures of all of
//! them.
//!
//! Each test records its requests, then reads and verifies every proof. The short variants run with the other
//! tests; `make chaos` runs the long ones and prints their rows as a table.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod circuits;
mod drain;
mod fleet;
mod kills;
mod leases;
mod maintenance;
mod outages;
mod tls;
