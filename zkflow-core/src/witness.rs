//! Inputs to witness.
//!
//! circom compiles a circuit to a WebAssembly module that calculates its witness (`module`). What the module does is
//! recorded once as a [`tape`], which is played instead, many times faster; every witness is checked against the
//! constraints (`check`), and the module decides where the tape does not hold (`calculator`).

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

/// The value of every wire, the constant one first. Zeroised when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Witness(Vec<Fr>);

impl Witness {
    /// Takes the values of all wires.
    pub fn new(values: Vec<Fr>) -> Self {
        Self(values)
    }

    /// The values, `values()[0]` being the constant one.
    pub fn values(&self) -> &[Fr] {
        &self.0
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Witness({} wires)", self.0.len())
    }
}
