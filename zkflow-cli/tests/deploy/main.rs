//! Verifier contracts on a chain of the test's own, deployed by the binary itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod command;
mod crashes;
mod drive;
mod gate;
mod requests;
mod support;
mod whole;
