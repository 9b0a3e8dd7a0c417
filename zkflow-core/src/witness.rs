//! Calculates witnesses from inputs.
//!
//! circom compiles a circuit to a WebAssembly module that calculates its witness (`module`). The calculation
//! is recorded once as a [`tape`]; playing the tape is many times faster than running the module. Every
//! witness is checked against the constraints (`check`). If the tape fails, the module calculates the witness
//! (`calculator`).

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

mod calculator;
mod check;
mod error;
mod inputs;
mod module;
mod signals;
pub mod tape;

pub use calculator::{Way, WitnessCalculator};
pub use check::ConstraintCheck;
pub use error::WitnessError;
pub use module::WitnessLimits;
pub use signals::InputSignals;

/// The value of every wire; wire 0 is the constant one. Zeroised on drop, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Witness(Vec<Fr>);

impl Witness {
    /// A witness from the values of all wires; does not check them.
    pub fn new(values: Vec<Fr>) -> Self {
        Self(values)
    }

    /// The values of all wires; `values()[0]` is the constant one.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Witness({} wires)", self.0.len())
    }
}
