//! Checks whether points are the Lagrange form of others.
//!
//! The Lagrange points of a domain of size n are weighted by the powers of a challenge z. Power i then has
//! this factor, with `x = z w^-i`:
//!
//! `(1 + x + .. + x^(n-1)) / n = (1 - z^n) / (n (1 - x))`.
//!
//! Both sides are therefore combinations whose factors can be computed piece by piece.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, One, batch_inversion};

/// `challenge^(first + i)` for `i` below `count`: the factors of Lagrange points.
pub(super) fn point_factors(challenge: &Fr, first: u64, count: u64) -> Vec<Fr> {
    std::iter::successors(Some(challenge.pow([first])), |power| Some(*power * challenge))
        .take(count as usize)
        .collect()
}

/// The factors of the powers from `first` on that correspond to those of the Lagrange points.
pub(super) fn power_factors(challenge: &Fr, domain: u64, first: u64, count: u64) -> Vec<Fr> {
    let root = Fr::get_root_of_unity(domain).expect("the domain is a power of two of at most 2^28");
    let inverse = root.inverse().expect("a root of unity is not zero");
    let start = *challenge * inverse.pow([first]);
    let turned = std::iter::successors(Some(start), |x| Some(*x * inverse)).take(count as usize);
    let mut factors: Vec<Fr> = turned.map(|x| Fr::one() - x).collect();
    batch_inversion(&mut factors);
    let share = Fr::from(domain).inverse().expect("a power of two is not zero");
    let numerator = (Fr::one() - challenge.pow([domain])) * share;
    factors.iter_mut().for_each(|factor| *factor *= numerator);
    factors
}
