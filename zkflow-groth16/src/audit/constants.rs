//! Numbers in a contract: moduli, and points, which are told by their curve equations.

use std::collections::HashSet;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{BigInt, BigInteger as _, PrimeField, Zero as _};

use super::finding::Place;
use crate::calldata::Word;

/// A number of at most 256 bits with its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constant {
    pub(super) value: Word,
    pub(super) place: Place,
}

/// q, the order of the base field, in big-endian order.
pub(super) fn base_field() -> Word {
    word::<Fq>()
}

/// r, the order of the scalar field, in big-endian order.
pub(super) fn scalar_field() -> Word {
    word::<Fr>()
}

fn word<F: PrimeField>() -> Word {
    let mut word = [0; 32];
    let bytes = F::MODULUS.to_bytes_be();
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    word
}

/// Whether a number begins like q and r, and is neither of them nor [`inversion_exponent`].
pub(super) fn is_wrong_modulus(value: &Word) -> bool {
    begins_like_moduli(value) && ![base_field(), scalar_field(), inversion_exponent()].contains(value)
}

fn begins_like_moduli(value: &Word) -> bool {
    value[..SAME] == base_field()[..SAME]
}

/// q − 2, the exponent of inversions in the base field: gnark's contracts decompress proofs.
fn inversion_exponent() -> Word {
    let mut word = base_field();
    // q ends with 0x47.
    word[31] -= 2;
    word
}

/// Bytes at which a number that is no modulus differs with certainty; q and r have sixteen equal ones.
const SAME: usize = 12;

/// The number as a coordinate; `None` if it is not below q.
pub(super) fn coordinate(value: &Word) -> Option<Fq> {
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(value.rchunks_exact(8)) {
        *limb = u64::from_be_bytes(chunk.try_into().ok()?);
    }
    Fq::from_bigint(BigInt(limbs))
}

/// The point with these coordinates; zeros are infinity. `None` if it is off the curve.
pub(super) fn g1([x, y]: [Fq; 2]) -> Option<G1Affine> {
    if x.is_zero() && y.is_zero() {
        return Some(G1Affine::identity());
    }
    Some(G1Affine::new_unchecked(x, y)).filter(G1Affine::is_on_curve)
}

/// The point with the coordinates `x.c1, x.c0, y.c1, y.c0`; zeros are infinity. `None` if it is off the curve.
pub(super) fn g2([x1, x0, y1, y0]: [Fq; 4]) -> Option<G2Affine> {
    let (x, y) = (Fq2::new(x0, x1), Fq2::new(y0, y1));
    if x.is_zero() && y.is_zero() {
        return Some(G2Affine::identity());
    }
    Some(G2Affine::new_unchecked(x, y)).filter(G2Affine::is_on_curve)
}

/// A point in a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    G1(G1Affine),
    G2(G2Affine),
}

/// The points among numbers in their order, and the number of large numbers that are no coordinate of any of them.
pub(super) fn points(constants: &[Constant]) -> (Vec<Found>, usize) {
    let numbers: Vec<Fq> = constants
        .iter()
        .filter(|constant| is_large(&constant.value))
        .filter_map(|constant| coordinate(&constant.value))
        .collect();
    let (mut found, mut left) = (Vec::new(), Vec::new());
    let mut used: HashSet<Fq> = HashSet::new();
    let mut rest = numbers.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        let point = first_g2(rest).map(|(point, tail)| (Found::G2(point), tail));
        match point.or_else(|| first_g1(rest).map(|(point, tail)| (Found::G1(point), tail))) {
            Some((point, tail)) => {
                found.push(point);
                used.extend(&rest[..rest.len() - tail.len()]);
                rest = tail;
            }
            None => {
                left.push(first);
                rest = tail;
            }
        }
    }
    // Compilers copy a number that occurs several times, so a repeated point can be incomplete.
    left.retain(|number| !used.contains(*number));
    (found, left.len())
}

/// Whether a number can be a random coordinate: not small, no modulus, and without a long run of zeros at its end, as
/// selectors have.
fn is_large(value: &Word) -> bool {
    let small = value[..LEADING].iter().all(|byte| *byte == 0);
    let shifted = value[32 - LEADING..].iter().all(|byte| *byte == 0);
    !small && !shifted && !begins_like_moduli(value)
}

const LEADING: usize = 8;

/// Compilers push the arguments of a call from last to first, so both orders occur.
fn first_g1(numbers: &[Fq]) -> Option<(G1Affine, &[Fq])> {
    let ([a, b], rest) = numbers.split_first_chunk::<2>()?;
    let point = [[*a, *b], [*b, *a]].into_iter().find_map(g1)?;
    Some((point, rest))
}

/// `x.c1, x.c0, y.c1, y.c0` or halves swapped, from first to last or from last to first.
fn first_g2(numbers: &[Fq]) -> Option<(G2Affine, &[Fq])> {
    let ([a, b, c, d], rest) = numbers.split_first_chunk::<4>()?;
    let orders = [[*a, *b, *c, *d], [*b, *a, *d, *c], [*d, *c, *b, *a], [*c, *d, *a, *b]];
    Some((orders.into_iter().find_map(g2)?, rest))
}
