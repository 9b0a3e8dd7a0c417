//! `zkflow` does what people know from circom, snarkjs and other commands: includes, file names, inputs, outputs.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod files;
mod includes;
mod inputs;
mod outputs;
mod support;
mod templates;
mod warnings;
