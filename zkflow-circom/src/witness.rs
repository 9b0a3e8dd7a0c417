//! Calculates witnesses from inputs.
//!
//! circom compiles a circuit to a WebAssembly module that calculates its witness (`module`). The calculation
//! is recorded once as a [`tape`]; playing the tape is many times faster than running the module. Every
//! witness is checked against the constraints. If the tape fails, the module calculates the witness
//! (`calculator`).

mod calculator;
mod error;
mod module;
mod signals;
pub mod tape;

pub use calculator::{CalculatorFiles, OpenError, Way, WitnessCalculator};
pub use error::WitnessError;
pub use module::WitnessLimits;
pub use signals::InputSignals;
pub use zkflow_groth16::witness::Witness;
