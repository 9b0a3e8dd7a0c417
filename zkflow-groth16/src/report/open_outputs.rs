//! Finds outputs that their constraints do not fix.

use ark_bn254::Fr;
use ark_ff::Zero;

use super::{is_constant, wires};
use crate::format::r1cs::{Constraint, LinearCombination, R1cs};

/// The outputs that are open, as [`super::WarningKind::UndeterminedOutput`] defines it. Every term is visited once.
pub(super) fn open_outputs(r1cs: &R1cs) -> Vec<u32> {
    let mut uses = vec![Use::None; r1cs.n_outputs as usize + 1];
    for (index, constraint) in r1cs.constraints.iter().enumerate() {
        for wire in wires(constraint) {
            if let Some(used) = uses.get_mut(wire as usize) {
                *used = used.and(index);
            }
        }
    }
    let is_open = |wire: u32| match uses[wire as usize] {
        Use::One(index) => leaves_open(&r1cs.constraints[index], wire),
        Use::None | Use::Several => false,
    };
    (1..=r1cs.n_outputs).filter(|wire| is_open(*wire)).collect()
}

/// The constraints that contain a wire.
#[derive(Clone, Copy)]
enum Use {
    None,
    One(usize),
    Several,
}

impl Use {
    fn and(self, index: usize) -> Self {
        match self {
            Self::None => Self::One(index),
            Self::One(same) if same == index => self,
            _ => Self::Several,
        }
    }
}

/// Whether a constraint that has a solution has another one that differs in this wire alone: it is quadratic in the wire,
/// or its coefficients of the wire cancel.
fn leaves_open(constraint: &Constraint, wire: u32) -> bool {
    let Constraint { a, b, c } = constraint;
    let in_product = if is_constant(a) {
        coefficient(a, 0) * coefficient(b, wire)
    } else if is_constant(b) {
        coefficient(b, 0) * coefficient(a, wire)
    } else {
        return !coefficient(a, wire).is_zero() && !coefficient(b, wire).is_zero();
    };
    in_product == coefficient(c, wire)
}

fn coefficient(combination: &LinearCombination, wire: u32) -> Fr {
    combination.iter().filter(|term| term.0 == wire).map(|term| term.1).sum()
}
