//! Checks on which every prover relies.

use ark_ec::AffineRepr;
use ark_ff::Zero;

use super::ProveError;
use crate::domain::MAX_DOMAIN_SIZE;
use crate::format::zkey::{Matrix, ZKey};

/// Checks what the arithmetic relies on. Without this check a wrong index would cause a panic, and a short
/// vector a wrong proof.
pub(super) fn check(key: &ZKey) -> Result<(), ProveError> {
    let head = &key.head;
    let (wires, domain) = (head.n_vars as usize, head.domain_size as usize);
    let inputs = head.n_public as usize + 1;
    let private = wires.checked_sub(inputs).ok_or_else(|| {
        ProveError::Key(format!("{wires} wires are too few for {} public signals", head.n_public))
    })?;
    if !domain.is_power_of_two() || domain > MAX_DOMAIN_SIZE as usize {
        return Err(ProveError::Key(format!("invalid domain size {domain}")));
    }
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
    check_columns(key)
}

/// Every wire that occurs in B has a point in B1. `b_i(tau)` is zero only if the column of the wire is, except
/// with a probability of `domain / r`. B2 is [compared](super::blinding) with B1.
fn check_columns(key: &ZKey) -> Result<(), ProveError> {
    let mut in_b =
        key.coefficients.iter().filter(|entry| entry.matrix == Matrix::B && !entry.value.is_zero());
    match in_b.find(|entry| key.b1[entry.signal as usize].is_zero()) {
        None => Ok(()),
        Some(entry) => {
            Err(ProveError::Key(format!("B1: wire {} occurs in B, but its point is infinity", entry.signal)))
        }
    }
}
