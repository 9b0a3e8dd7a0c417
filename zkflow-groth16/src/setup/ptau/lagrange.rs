//! Whether points are the Lagrange form of others.
//!
//! Weighted by the powers of a challenge z, Lagrange points of a domain of n give power i the factor
//! `1 + x + .. + x^(n-1)` over n for `x = z w^-i`, which is `(1 - z^n) / (n (1 - x))`. So both sides are combinations whose
//! factors are known piece by piece.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, One, batch_inversion};

/// `challenge^(first + i)`, `count` of them: the factors of Lagrange points.
pub(super) fn point_factors(challenge: &Fr, first: u64, count: u64) -> Vec<Fr> {
    std::iter::successors(Some(challenge.pow([first])), |power| Some(*power * challenge))
        .take(count as usize)
        .collect()
}

/// The factors that the powers from `first` on get by those of the Lagrange points.
pub(super) fn power_factors(challenge: &Fr, domain: u64, first: u64, count: u64) -> Vec<Fr> {
    let root = Fr::get_root_of_unity(domain).expect("a power of two of at most 2^28 points");
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
