//! Finds the wires that the inputs determine through linear relations.

use ark_bn254::Fr;
use ark_ff::Zero;

use super::{is_constant, wires};
use crate::format::r1cs::{Constraint, LinearCombination, R1cs};

/// Whether each wire is tied to the inputs, as [`super::WarningKind::UndeterminedOutput`] defines it.
///
/// Each constraint counts its wires that are not tied yet. Tying a wire lowers the counts of its
/// constraints. A constraint is examined once, when its count falls to one. Every term is visited a constant
/// number of times.
pub(super) fn determined(r1cs: &R1cs, is_input: &[bool]) -> Vec<bool> {
    let constraints: Vec<Vec<u32>> = r1cs.constraints.iter().map(distinct_wires).collect();
    let uses = Uses::of(&constraints, r1cs.n_wires as usize);
    let mut open: Vec<Open> = constraints.iter().map(|wires| Open::of(wires)).collect();

    let mut is_determined = vec![false; r1cs.n_wires as usize];
    let mut pending: Vec<u32> =
        (0..r1cs.n_wires).filter(|wire| *wire == 0 || is_input[*wire as usize]).collect();
    for wire in &pending {
        is_determined[*wire as usize] = true;
    }
    let tie = |wire: u32, pending: &mut Vec<u32>, is_determined: &mut Vec<bool>| {
        if !std::mem::replace(&mut is_determined[wire as usize], true) {
            pending.push(wire);
        }
    };
    // A constraint with a single wire, such as `x = 5`, ties it on its own.
    for (constraint, open) in r1cs.constraints.iter().zip(&open) {
        if open.count == 1 && gives(constraint, open.last()) {
            tie(open.last(), &mut pending, &mut is_determined);
        }
    }
    while let Some(wire) = pending.pop() {
        for index in uses.of_wire(wire) {
            let (constraint, open) = (&r1cs.constraints[*index as usize], &mut open[*index as usize]);
            open.remove(wire);
            if open.count == 1 && gives(constraint, open.last()) {
                tie(open.last(), &mut pending, &mut is_determined);
            }
        }
    }
    is_determined
}

/// Whether the constraint gives `wire` by a linear equation once all its other wires are known.
fn gives(constraint: &Constraint, wire: u32) -> bool {
    let Constraint { a, b, c } = constraint;
    let in_product = if is_constant(a) {
        coefficient(a, 0) * coefficient(b, wire)
    } else if is_constant(b) {
        coefficient(b, 0) * coefficient(a, wire)
    } else if coefficient(a, wire).is_zero() && coefficient(b, wire).is_zero() {
        Fr::zero()
    } else {
        return false;
    };
    in_product != coefficient(c, wire)
}

fn coefficient(combination: &LinearCombination, wire: u32) -> Fr {
    combination.iter().filter(|term| term.0 == wire).map(|term| term.1).sum()
}

fn distinct_wires(constraint: &Constraint) -> Vec<u32> {
    let mut distinct: Vec<u32> = wires(constraint).collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// Number and sum of the untied wires of a constraint; the sum is the last wire once one is left.
#[derive(Clone, Copy)]
struct Open {
    count: u32,
    sum: u64,
}

impl Open {
    fn of(wires: &[u32]) -> Self {
        Self { count: wires.len() as u32, sum: wires.iter().map(|wire| u64::from(*wire)).sum() }
    }

    fn remove(&mut self, wire: u32) {
        self.count -= 1;
        self.sum -= u64::from(wire);
    }

    /// The last wire; valid only if `count` is 1.
    fn last(&self) -> u32 {
        self.sum as u32
    }
}

/// The constraints that contain each wire, as concatenated lists.
struct Uses {
    ends: Vec<usize>,
    constraints: Vec<u32>,
}

impl Uses {
    fn of(constraints: &[Vec<u32>], n_wires: usize) -> Self {
        let mut ends = vec![0; n_wires + 1];
        for wire in constraints.iter().flatten() {
            ends[*wire as usize + 1] += 1;
        }
        for wire in 0..n_wires {
            ends[wire + 1] += ends[wire];
        }
        let mut next = ends.clone();
        let mut uses = vec![0; ends[n_wires]];
        for (index, wires) in constraints.iter().enumerate() {
            for wire in wires {
                uses[next[*wire as usize]] = index as u32;
                next[*wire as usize] += 1;
            }
        }
        Self { ends, constraints: uses }
    }

    fn of_wire(&self, wire: u32) -> &[u32] {
        &self.constraints[self.ends[wire as usize]..self.ends[wire as usize + 1]]
    }
}
