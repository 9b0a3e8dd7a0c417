//! The values of all wires of a circuit.

use ark_bn254::Fr;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The value of every wire; wire 0 is the constant one. Zeroised on drop, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Witness(Vec<Fr>);

impl Witness {
    /// A witness from the values of all wires; does not check them.
    pub fn new(values: Vec<Fr>) -> Self {
        Self(values)
    }

    /// Collects the values of `wires` wires. The memory is allocated once, so that no copy is left behind, and is
    /// zeroised when a value is an error.
    ///
    /// # Errors
    /// The first error among the values.
    pub fn try_collect<E>(wires: usize, values: impl IntoIterator<Item = Result<Fr, E>>) -> Result<Self, E> {
        let mut witness = Self(Vec::with_capacity(wires));
        for value in values.into_iter().take(wires) {
            witness.0.push(value?);
        }
        Ok(witness)
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
