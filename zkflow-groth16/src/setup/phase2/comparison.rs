//! Compares the points of a key with those of the initial key, piece by piece.

use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field, One, Zero, batch_inversion};
use zkflow_bn254::msm::Scalars;

use super::super::ceremony::CeremonyError;
use super::super::ratio::{combine, random_challenge, random_factors, same_ratio, scalars};
use super::initial::{InitialKey, PointSink};
use crate::format::zkey::{KeySection, ZKeyFile};
use crate::rng::SecureRng;

/// Receives the points of the initial key. Points of A and B must be equal in the key that is checked; points of C
/// and H are added to random linear combinations.
pub(super) struct Comparison<'a, R> {
    key: &'a mut ZKeyFile<R>,
    at: At,
    rng: &'a mut dyn SecureRng,
    c: Pair,
    h: Pair,
}

impl<'a, R: Read + Seek> Comparison<'a, R> {
    pub(super) fn new(key: &'a mut ZKeyFile<R>, rng: &'a mut dyn SecureRng) -> Self {
        Self { key, at: At::default(), rng, c: Pair::default(), h: Pair::default() }
    }

    /// The combinations of C and of H.
    pub(super) fn finish(self) -> (Pair, Pair) {
        (self.c, self.h)
    }
}

impl<R: Read + Seek> PointSink for Comparison<'_, R> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        let theirs = self.key.points(section, first, points.len() as u64)?;
        let pair = match section.id() {
            id if id == KeySection::C.id() => &mut self.c,
            id if id == KeySection::H.id() => &mut self.h,
            id if id == KeySection::A.id() => return demand(theirs == points, "A"),
            _ => return demand(theirs == points, "B"),
        };
        pair.add(points, &theirs, &random_factors(points.len(), self.rng));
        Ok(())
    }

    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        demand(self.key.points(section, first, points.len() as u64)? == points, "B")
    }
}

/// Refuses a key with a part that is not equal to the initial key's.
pub(super) fn demand(equal: bool, part: &str) -> Result<(), CeremonyError> {
    if equal {
        Ok(())
    } else {
        Err(CeremonyError::invalid(format!("{part}: does not match the circuit and its powers of tau")))
    }
}

/// Position in the current section.
#[derive(Default)]
struct At {
    section: u32,
    next: u64,
}

impl At {
    /// The index of the first of the next `points`.
    fn advance<P>(&mut self, section: KeySection<P>, points: &[P]) -> u64 {
        if self.section != section.id() {
            *self = Self { section: section.id(), next: 0 };
        }
        let first = self.next;
        self.next += points.len() as u64;
        first
    }
}

/// A random linear combination of points before contributions, and the same combination of the points after.
#[derive(Default)]
pub(super) struct Pair {
    before: G1Projective,
    after: G1Projective,
}

impl Pair {
    fn add(&mut self, before: &[G1Affine], after: &[G1Affine], factors: &Scalars) {
        self.before += combine(before, factors);
        self.after += combine(after, factors);
    }

    /// Whether each point after is the point before, divided by delta.
    pub(super) fn is_divided(&self, delta: G2Affine) -> bool {
        self.is_divided_again(G2Affine::generator(), delta)
    }

    /// Whether each point after is the point before, divided by the ratio of two values of delta.
    pub(super) fn is_divided_again(&self, delta_before: G2Affine, delta_after: G2Affine) -> bool {
        let [before, after] = [self.before, self.after].map(CurveGroup::into_affine);
        // If all points are infinity, as in a circuit without private wires, there is no ratio.
        before.is_zero() && after.is_zero() || same_ratio(after, before, delta_before, delta_after)
    }
}

/// Whether H is divided by delta and passed through [parameters](super::export_params()) of other programs.
///
/// Parameters store H as multiples of powers of tau, without the last power, which no quotient needs. So a random
/// combination of the other powers must be divided by delta, and the last power must be infinity.
pub(super) fn passed_through_parameters<R: Read + Seek>(
    initial: &mut impl InitialKey,
    key: &mut ZKeyFile<R>,
    delta: G2Affine,
    rng: &mut dyn SecureRng,
) -> Result<bool, CeremonyError> {
    let n = u64::from(key.head().domain_size);
    let Some(root) = Fr::get_root_of_unity(2 * n) else { return Ok(false) };
    let challenge = random_challenge(rng);
    let mut comparison = PowerComparison {
        key,
        at: At::default(),
        root,
        challenge,
        challenge_to_n: challenge.pow([n]),
        others: Pair::default(),
        last: G1Projective::zero(),
    };
    initial.h(&mut comparison)?;
    Ok(comparison.last.is_zero() && comparison.others.is_divided(delta))
}

/// Compares combinations of the powers that H represents.
///
/// With w the root of unity of order 2n (see [`export_params`](super::export_params())), power i is
///
/// ```text
/// sum over j of w^((2j+1)i) H_j
/// ```
///
/// Powers 0 to n - 2, weighted by the powers of a challenge z, give H_j the factor
///
/// ```text
/// 1 + x + ... + x^(n-2) = (1 - x^(n-1)) / (1 - x)    for x = z w^(2j+1), where x^n = -z^n
/// ```
struct PowerComparison<'a, R> {
    key: &'a mut ZKeyFile<R>,
    at: At,
    root: Fr,
    challenge: Fr,
    challenge_to_n: Fr,
    others: Pair,
    last: G1Projective,
}

impl<R: Read + Seek> PointSink for PowerComparison<'_, R> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        let theirs = self.key.points(section, first, points.len() as u64)?;
        // w^(2j+1). Its power n - 1, the factor in the last power, is -w^-(2j+1).
        let start = self.root.pow([2 * first + 1]);
        let step = self.root.square();
        let odd: Vec<Fr> =
            std::iter::successors(Some(start), |root| Some(*root * step)).take(points.len()).collect();
        let mut denominators: Vec<Fr> = odd
            .iter()
            .map(|root| {
                let x = self.challenge * root;
                x * (Fr::one() - x)
            })
            .collect();
        batch_inversion(&mut denominators);
        let others: Vec<Fr> = odd
            .iter()
            .zip(&denominators)
            .map(|(root, inverse)| (self.challenge * root + self.challenge_to_n) * inverse)
            .collect();
        let mut last = odd;
        batch_inversion(&mut last);
        self.others.add(points, &theirs, &scalars(&others));
        self.last += combine(&theirs, &scalars(&last));
        Ok(())
    }

    fn g2(&mut self, _: KeySection<G2Affine>, _: &[G2Affine]) -> Result<(), CeremonyError> {
        Ok(())
    }
}
