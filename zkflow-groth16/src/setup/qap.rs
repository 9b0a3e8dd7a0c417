//! The quadratic arithmetic program of a constraint system, in the layout of snarkjs.
//!
//! - Row `i < n_constraints` is constraint `i`.
//! - Row `n_constraints + s` contains only `1 * w_s` in A, for the constant one and every public signal `s`.
//!   These rows keep the public polynomials linearly independent.
//!
//! Polynomials are given by their values at the `n`-th roots of unity.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, One, Zero, batch_inversion};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::SetupError;
use crate::domain::{MAX_DOMAIN_SIZE, domain_size};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{Coefficient, Matrix};

/// [`domain_size`] within [`MAX_DOMAIN_SIZE`].
///
/// # Errors
/// [`SetupError::TooLarge`].
pub fn checked_domain_size(n_constraints: u64, n_public: u64) -> Result<u32, SetupError> {
    let rows = n_constraints.saturating_add(n_public).saturating_add(1);
    match u32::try_from(domain_size(n_constraints, n_public)) {
        Ok(size) if u64::from(size) <= MAX_DOMAIN_SIZE => Ok(size),
        _ => Err(SetupError::TooLarge { rows, limit: MAX_DOMAIN_SIZE }),
    }
}

/// The entries of A and B in the order of section 4 of a `.zkey`: for each constraint the A terms, then the
/// B terms. The rows that bind the public signals follow at the end.
pub fn coefficients(r1cs: &R1cs) -> impl Iterator<Item = Coefficient> {
    let constraints = (0..).zip(&r1cs.constraints).flat_map(|(row, constraint)| {
        [(Matrix::A, &constraint.a), (Matrix::B, &constraint.b)].into_iter().flat_map(
            move |(matrix, terms)| {
                terms.iter().map(move |&(signal, value)| Coefficient {
                    matrix,
                    constraint: row,
                    signal,
                    value,
                })
            },
        )
    });
    let first_binding = u32::try_from(r1cs.constraints.len()).expect("checked against the largest domain");
    let bindings = (0..=r1cs.n_public()).map(move |signal| Coefficient {
        matrix: Matrix::A,
        constraint: first_binding + signal,
        signal,
        value: Fr::one(),
    });
    constraints.chain(bindings)
}

/// Number of [`coefficients`]; `None` if a `.zkey` cannot store it.
pub fn coefficient_count(r1cs: &R1cs) -> Option<u32> {
    let terms: usize = r1cs.constraints.iter().map(|row| row.a.len() + row.b.len()).sum();
    u32::try_from(terms + r1cs.n_public() as usize + 1).ok()
}

/// The polynomials of every wire at a secret point `tau`; zeroised on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Evaluations {
    /// `a_i(tau)`, one per wire.
    pub a: Vec<Fr>,
    /// `b_i(tau)`, one per wire.
    pub b: Vec<Fr>,
    /// `c_i(tau)`, one per wire.
    pub c: Vec<Fr>,
    /// The Lagrange polynomials of the odd `2n`-th roots of unity at `tau`, `n` values. A polynomial of
    /// degree below `2n` that vanishes at the `n`-th roots is their combination, weighted by its values at
    /// the odd roots.
    pub odd_lagrange: Vec<Fr>,
}

impl Evaluations {
    /// Evaluates at `tau`; `None` if `tau` is one of the roots of unity, which hide nothing.
    ///
    /// # Panics
    /// If a constraint refers to a wire beyond `n_wires`, or the rows exceed `domain_size`. The caller has
    /// checked the system.
    pub fn at(r1cs: &R1cs, domain_size: u32, tau: &Fr) -> Option<Self> {
        let n = u64::from(domain_size);
        let root = Fr::get_root_of_unity(2 * n).expect("the domain is a power of two of at most 2^27");
        let mut even_lagrange = lagrange_at(tau, Fr::one(), root.square(), domain_size, n)?;
        let odd_lagrange = lagrange_at(tau, root, root.square(), domain_size, 2 * n)?;

        let wires = r1cs.n_wires as usize;
        let (mut a, mut b, mut c) =
            (vec![Fr::zero(); wires], vec![Fr::zero(); wires], vec![Fr::zero(); wires]);
        for (constraint, lagrange) in r1cs.constraints.iter().zip(&even_lagrange) {
            for (polynomials, terms) in
                [(&mut a, &constraint.a), (&mut b, &constraint.b), (&mut c, &constraint.c)]
            {
                for &(wire, value) in terms {
                    polynomials[wire as usize] += value * lagrange;
                }
            }
        }
        let bound = 0..=r1cs.n_public() as usize;
        for (polynomial, lagrange) in a[bound].iter_mut().zip(&even_lagrange[r1cs.constraints.len()..]) {
            *polynomial += lagrange;
        }
        even_lagrange.zeroize();
        Some(Self { a, b, c, odd_lagrange })
    }
}

/// `(tau^order - 1) / order * root / (tau - root)` for the `count` roots `first * step^i`: the Lagrange
/// polynomials of a domain of `order` roots of unity at `tau`.
fn lagrange_at(tau: &Fr, first: Fr, step: Fr, count: u32, order: u64) -> Option<Vec<Fr>> {
    let vanishing = tau.pow([order]) - Fr::one();
    if vanishing.is_zero() {
        return None;
    }
    let mut root = first;
    let mut values = Vec::with_capacity(count as usize);
    for _ in 0..count {
        values.push(*tau - root);
        root *= step;
    }
    batch_inversion(&mut values);
    let mut factor = vanishing * first * Fr::from(order).inverse().expect("2^k is below r and not zero");
    for value in &mut values {
        *value *= factor;
        factor *= step;
    }
    factor.zeroize();
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_the_one_of_snarkjs() {
        for (constraints, public, size) in [
            (0, 0, 2),
            (1, 0, 2),
            (1, 1, 4),
            (2, 1, 4),
            (3, 1, 8),
            (7, 0, 8),
            (8, 0, 16),
            (60_000, 1, 65_536),
        ] {
            assert_eq!(checked_domain_size(constraints, public), Ok(size), "{constraints} + {public}");
            let sum: u64 = constraints + public;
            assert_eq!(1 << (sum.max(1).ilog2() + 1), size);
        }
        assert_eq!(checked_domain_size((1 << 27) - 2, 1), Ok(1 << 27));
        assert!(matches!(checked_domain_size((1 << 27) - 1, 1), Err(SetupError::TooLarge { .. })));
        assert!(matches!(checked_domain_size(u64::MAX, u64::MAX), Err(SetupError::TooLarge { .. })));
    }

    #[test]
    fn lagrange_polynomials_interpolate() {
        let tau = Fr::from(123_456_789u64);
        let root = Fr::get_root_of_unity(16).unwrap();
        let all = lagrange_at(&tau, Fr::one(), root, 16, 16).unwrap();
        // x^11 is the combination of its values.
        let sum: Fr = (0..16u64).zip(&all).map(|(i, l)| root.pow([11 * i]) * l).sum();
        assert_eq!(sum, tau.pow([11]));
        let odd = lagrange_at(&tau, root, root.square(), 8, 16).unwrap();
        assert!(odd.iter().eq(all.iter().skip(1).step_by(2)));
        assert!(lagrange_at(&root, Fr::one(), root, 16, 16).is_none(), "a root hides nothing");
    }
}
