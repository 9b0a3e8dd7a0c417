//! Circuits of arkworks in the terms of circom's files.

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::Zero;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, OptimizationGoal, R1CS_PREDICATE_LABEL,
    SynthesisMode,
};
use zeroize::Zeroizing;

use super::SnarkError;
use crate::format::r1cs::{Constraint, LinearCombination, R1cs};
use crate::witness::Witness;

/// The constraint system of a circuit of arkworks.
///
/// # Behaviour
/// - Wires in order: the constant one, instance variables, witness variables.
/// - Instance variables are public inputs, witness variables private inputs. Wires are their own labels.
/// - The circuit needs no values: it runs in the mode for a setup.
///
/// # Errors
/// - [`SnarkError::Synthesis`]: the circuit returns an error.
/// - [`SnarkError::NotR1cs`]: a constraint is not rank-1.
/// - [`SnarkError::TooLarge`]: there are more than 2^32 - 1 variables.
pub fn r1cs(circuit: impl ConstraintSynthesizer<Fr>) -> Result<R1cs, SnarkError> {
    let cs = synthesize(circuit, SynthesisMode::Setup)?;
    let [n_wires, n_public, n_private] =
        [cs.num_variables(), cs.num_instance_variables() - 1, cs.num_witness_variables()];
    let n_wires = u32::try_from(n_wires).map_err(|_| SnarkError::TooLarge(n_wires))?;
    let mut matrices = cs.to_matrices()?;
    let rank_one = matrices.remove(R1CS_PREDICATE_LABEL).unwrap_or_default();
    let [a, b, c] = <[_; 3]>::try_from(rank_one).map_err(|_| SnarkError::NotR1cs)?;
    if a.len() != cs.num_constraints() {
        return Err(SnarkError::NotR1cs);
    }
    let rows = a.into_iter().zip(b).zip(c);
    Ok(R1cs {
        n_wires,
        n_outputs: 0,
        n_public_inputs: n_public as u32,
        n_private_inputs: n_private as u32,
        n_labels: n_wires.into(),
        constraints: rows
            .map(|((a, b), c)| Constraint { a: combination(a), b: combination(b), c: combination(c) })
            .collect(),
        labels: (0..n_wires.into()).collect(),
    })
}

/// The values of all wires of a circuit of arkworks, in the order of [`r1cs`]. They are not checked against the
/// constraints.
///
/// The witness is zeroised on drop; the copy in arkworks' constraint system is not.
///
/// # Errors
/// [`SnarkError::Synthesis`]: the circuit returns an error.
pub fn witness(circuit: impl ConstraintSynthesizer<Fr>) -> Result<Witness, SnarkError> {
    let mode = SynthesisMode::Prove { construct_matrices: false, generate_lc_assignments: false };
    let cs = synthesize(circuit, mode)?;
    let public = cs.instance_assignment()?;
    let private = Zeroizing::new(cs.witness_assignment()?);
    Ok(Witness::new([&public[..], &private[..]].concat()))
}

fn synthesize(
    circuit: impl ConstraintSynthesizer<Fr>,
    mode: SynthesisMode,
) -> Result<ConstraintSystemRef<Fr>, SnarkError> {
    let cs = ConstraintSystem::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(mode);
    circuit.generate_constraints(cs.clone())?;
    cs.finalize();
    Ok(cs)
}

/// The entries of a row, each wire at most once.
fn combination(row: Vec<(Fr, usize)>) -> LinearCombination {
    let mut merged = BTreeMap::new();
    for (value, wire) in row {
        *merged.entry(wire as u32).or_insert_with(Fr::zero) += value;
    }
    merged.into_iter().filter(|(_, value)| !value.is_zero()).collect()
}
