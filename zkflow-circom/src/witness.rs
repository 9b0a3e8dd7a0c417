//! Inputs to witness.
//!
//! circom compiles a circuit to a WebAssembly module that calculates its witness (`module`). What the module does is
//! recorded once as a [`tape`], which is played instead, many times faster; every witness is checked against the
//! constraints (`check`), and the module decides where the tape does not hold (`calculator`).

mod calculator;
mod error;
mod inputs;
mod module;
mod signals;
pub mod tape;

pub use calculator::{Way, WitnessCalculator};
pub use error::WitnessError;
pub use module::WitnessLimits;
pub use signals::InputSignals;
pub use zkflow_groth16::witness::Witness;
