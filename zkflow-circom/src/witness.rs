//! Calculates witnesses from inputs.
//!
//! circom compiles a circuit to a WebAssembly module that calculates its witness (`module`). The calculation
//! is recorded once as a [`tape`], which is compared with the module ([`rehearsed`]); playing the tape is many times faster than running the module. Every
//! witness is checked against the constraints and the inputs ([`WitnessCheck`]). If the tape fails, the module
//! calculates the witness (`calculator`).

mod calculator;
mod check;
mod error;
mod module;
mod rehearsal;
mod signals;
mod table;
pub mod tape;
mod version;
mod wires;

pub use calculator::{CalculatorFiles, OpenError, Way, WitnessCalculator};
pub use check::WitnessCheck;
pub use error::WitnessError;
pub use module::WitnessLimits;
pub use rehearsal::{Rehearsal, rehearsed};
pub use signals::InputSignals;
pub use version::module_version;
pub use zkflow_groth16::witness::Witness;
