//! The deep search for known numbers, for the few points that everything depends on.
//!
//! What remains of a parameter without its public contributions is the product of the secrets. If it is a number that
//! anyone can compute, there is no secret. [`Known`](super::known::Known) judges one contribution and must be quick;
//! this search reaches further, from the generator only.

use std::collections::HashSet;
use std::sync::OnceLock;

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup as _, Field, PrimeField};

use super::known::{multiples, times};

/// Numbers of public beacons, with the values that are computed from them once for all points.
pub(in super::super) struct Search {
    /// Numbers of beacons, their powers up to the third, their inverses, and the products of two of these.
    factors: Vec<Fr>,
    /// Each factor times the generator.
    offsets: Vec<G1Affine>,
}

/// x of `k G` for small `k`, and for small multiples of powers of small numbers. Computed by the first caller.
fn table() -> &'static HashSet<Fq> {
    static TABLE: OnceLock<HashSet<Fq>> = OnceLock::new();
    if let Some(table) = TABLE.get() {
        return table;
    }
    // Outside of the lock: the normalisation waits for threads of rayon, which may wait for the table.
    let generator = G1Affine::generator().into_group();
    let mut points = run(generator, generator, SMALL);
    for power in powers(generator) {
        points.extend(run(power, power, MULTIPLES));
    }
    let table = G1Projective::normalize_batch(&points).iter().filter_map(AffineRepr::x).collect();
    TABLE.get_or_init(|| table)
}

impl Search {
    /// Prepares the search; `beacons` are the numbers of public beacons, of which the first [`BEACONS`] are used.
    pub(in super::super) fn new(beacons: &[Fr]) -> Self {
        let factors = factors(&beacons[..beacons.len().min(BEACONS)]);
        Self { offsets: multiples(G1Affine::generator(), &factors), factors }
    }

    /// Whether the point is a known multiple of the generator: `a / b`, a sum of such a number and a small one, or one of
    /// these times a number of the beacons.
    pub(in super::super) fn knows(&self, point: G1Affine) -> bool {
        let (base, generator) = (point.into_group(), G1Affine::generator());
        let one = generator.into_group();
        let giant = generator * Fr::from(2 * SMALL + 1);
        // Large numbers, and the neighbours of powers.
        let mut candidates = vec![base];
        for (step, count) in [(giant, GIANT_STEPS), (one, NEIGHBOURS)] {
            candidates.extend(run(base + step, step, count));
            candidates.extend(run(base - step, -step, count));
        }
        // Fractions with small numbers and with powers below.
        candidates.extend(run(base, base, SMALL));
        candidates.extend(powers(base));
        for (offset, quotient) in self.offsets.iter().zip(multiples(point, &self.factors)) {
            candidates.extend([base - *offset, base + *offset]);
            let quotient = quotient.into_group();
            candidates.extend(run(quotient, quotient, MULTIPLES));
            candidates.extend(run(quotient - one, -one, MULTIPLES));
            candidates.extend(run(quotient + one, one, MULTIPLES));
        }
        let (candidates, table) = (G1Projective::normalize_batch(&candidates), table());
        candidates.iter().any(|candidate| candidate.x().is_none_or(|x| table.contains(&x)))
    }
}

/// `b^e` times the point, for small `b` and all `e` below the length of the modulus.
fn powers(point: G1Projective) -> Vec<G1Projective> {
    let mut all = Vec::new();
    for of in 2..=LARGEST_BASE {
        let (mut power, mut bits) = (point, 0);
        while bits < u64::from(Fr::MODULUS_BIT_SIZE) {
            power = times(power, of);
            bits += u64::from(of.ilog2());
            all.push(power);
        }
    }
    all
}

/// `start`, `start + step`, …: `count` points.
fn run(start: G1Projective, step: G1Projective, count: u64) -> Vec<G1Projective> {
    let next = |point: &G1Projective| Some(*point + step);
    std::iter::successors(Some(start), next).take(count as usize).collect()
}

/// The inverses of all factors are factors too.
fn factors(beacons: &[Fr]) -> Vec<Fr> {
    let mut single = Vec::new();
    for beacon in beacons.iter().filter(|beacon| **beacon != Fr::ZERO) {
        let inverse = beacon.inverse().unwrap_or(Fr::ONE);
        single.extend([*beacon, beacon.square(), beacon.square() * beacon]);
        single.extend([inverse, inverse.square(), inverse.square() * inverse]);
    }
    let mut all = single.clone();
    for (i, one) in single.iter().enumerate() {
        all.extend(single[..i].iter().map(|other| *one * other));
    }
    all
}

/// Multiples in the table; also the largest denominator.
const SMALL: u64 = 1 << 14;

/// Steps of twice as many multiples, in each direction.
const GIANT_STEPS: u64 = 1 << 13;

/// Numbers beside powers, in each direction.
const NEIGHBOURS: u64 = 1 << 8;

/// Largest number whose powers are in the table.
const LARGEST_BASE: u64 = 16;

/// Multiples of each power, and of each quotient.
const MULTIPLES: u64 = 8;

/// Beacons whose numbers are used.
const BEACONS: usize = 6;

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;

    use super::*;

    #[test]
    fn numbers_that_anyone_can_compute_are_found_and_random_ones_are_not() {
        let rng = &mut crate::rng::os_rng();
        let [b, c] = [Fr::rand(rng), Fr::rand(rng)];
        let search = Search::new(&[b, c]);
        let n = |k: u64| Fr::from(k);
        let inverse = |k: Fr| k.inverse().unwrap();
        let numbers = [
            n(1),
            n(65_537),
            n(123_456_789),
            n(2).pow([200]),
            n(2).pow([200]) - n(1),
            n(2).pow([100]) * n(3),
            n(6).pow([80]),
            n(11).pow([60]),
            n(3) * inverse(n(16_381)),
            inverse(n(2).pow([77])),
            b,
            n(3) * b,
            inverse(b),
            b.square() * b,
            b + n(1),
            b * c,
            b * inverse(c),
            b.square() * inverse(c),
            n(5) * inverse(b * c),
        ];
        for (place, number) in numbers.into_iter().flat_map(|number| [number, -number]).enumerate() {
            assert!(search.knows((G1Affine::generator() * number).into_affine()), "number {place}");
        }
        for _ in 0..4 {
            assert!(!search.knows((G1Affine::generator() * Fr::rand(rng)).into_affine()));
        }
    }
}
