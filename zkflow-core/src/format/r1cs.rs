//! `.r1cs`, version 1: the constraint system.

use ark_bn254::Fr;

/// A rank-1 constraint system over the scalar field of BN254.
///
/// Wires: `0` is the constant one, then the outputs, the public inputs, the private inputs, the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct R1cs {
    /// Wires, the constant one included.
    pub n_wires: u32,
    /// Outputs, all public.
    pub n_outputs: u32,
    /// Public inputs.
    pub n_public_inputs: u32,
    /// Private inputs.
    pub n_private_inputs: u32,
    /// Signals before simplification.
    pub n_labels: u64,
    /// `<a, w> * <b, w> = <c, w>`, one each.
    pub constraints: Vec<Constraint>,
    /// The label of each wire.
    pub labels: Vec<u64>,
}

impl R1cs {
    /// Outputs and public inputs: the public signals of a proof.
    pub fn n_public(&self) -> u32 {
        self.n_outputs + self.n_public_inputs
    }
}

/// `<a, w> * <b, w> = <c, w>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Constraint {
    /// Left factor.
    pub a: LinearCombination,
    /// Right factor.
    pub b: LinearCombination,
    /// Product.
    pub c: LinearCombination,
}

/// Wires with their coefficients, each wire at most once.
pub type LinearCombination = Vec<(u32, Fr)>;
