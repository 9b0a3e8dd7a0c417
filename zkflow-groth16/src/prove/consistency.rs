//! Checks on which every prover relies.

use ark_ec::AffineRepr;
use ark_ff::Zero;
use rayon::prelude::*;

use super::ProveError;
use crate::domain::MAX_DOMAIN_SIZE;
use crate::format::zkey::{KeyHead, Matrix, ZKey};

/// Checks what the arithmetic relies on. Without this check a wrong index would cause a panic, and a short
/// vector a wrong proof.
pub(super) fn check(key: &ZKey) -> Result<(), ProveError> {
    let head = &key.head;
    check_sizes(head)?;
    let (wires, domain) = (head.n_vars as usize, head.domain_size as usize);
    let inputs = head.n_public as usize + 1;
    let private = wires - inputs;
    let lengths = [
        ("IC", head.vk.ic.len(), inputs),
        ("A", key.a.len(), wires),
        ("B1", key.b1.len(), wires),
        ("B2", key.b2.len(), wires),
        ("C", key.c.len(), private),
        ("H", key.h.len(), domain),
    ];
    for (section, found, expected) in lengths {
        if found != expected {
            return Err(ProveError::Key(format!("{section}: expected {expected} points, found {found}")));
        }
    }
    for entry in &key.coefficients {
        if entry.constraint >= head.domain_size || entry.signal >= head.n_vars {
            return Err(ProveError::Key(format!(
                "a coefficient is in row {} and column {}, outside {domain} rows and {wires} wires",
                entry.constraint, entry.signal
            )));
        }
    }
    let in_b =
        key.coefficients.par_iter().filter(|entry| entry.matrix == Matrix::B && !entry.value.is_zero());
    check_columns(in_b.map(|entry| entry.signal), |wire| key.b1[wire as usize].is_zero())
}

/// Checks the sizes of a key, on which provers rely before they read its sections.
///
/// # Errors
/// [`ProveError::Key`]: there are no wires besides the public signals, or the size of the domain is not a power of two.
pub fn check_sizes(head: &KeyHead) -> Result<(), ProveError> {
    let KeyHead { n_vars, n_public, domain_size, .. } = *head;
    if n_public >= n_vars {
        return Err(ProveError::Key(format!("{n_vars} wires are too few for {n_public} public signals")));
    }
    if !domain_size.is_power_of_two() || u64::from(domain_size) > MAX_DOMAIN_SIZE {
        return Err(ProveError::Key(format!("invalid domain size {domain_size}")));
    }
    Ok(())
}

/// Checks that every wire that occurs in B has a point in B1, given the columns of the entries of B that are not zero; the smallest
/// wire without one is reported. `b_i(tau)` is zero only if the column of the wire is, except with a probability of `domain / r`. B2
/// is [compared](super::blinding) with B1.
pub(super) fn check_columns(
    in_b: impl ParallelIterator<Item = u32>,
    is_infinity: impl Fn(u32) -> bool + Sync,
) -> Result<(), ProveError> {
    match in_b.filter(|wire| is_infinity(*wire)).min() {
        None => Ok(()),
        Some(wire) => Err(ProveError::Key(format!("B1: wire {wire} occurs in B, but its point is infinity"))),
    }
}
