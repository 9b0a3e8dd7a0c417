//! Whether a key is the one of its circuit, its powers of tau and its contributions.

use std::borrow::Cow;
use std::io::{Read, Seek};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, Field, One, Zero, batch_inversion};
use zkflow_bn254::msm::Scalars;

use super::super::beacon::Beacon;
use super::super::ceremony::CeremonyError;
use super::super::ratio::{combine, random_challenge, random_factors, same_ratio, scalars};
use super::super::step::StepOptions;
use super::super::stream::RandomStream;
use super::super::transcript::Transcript;
use super::initial::{InitialKey, Maker, PointSink};
use super::put_public_key;
use crate::digest::Hash;
use crate::format::encoding::FilePoint;
use crate::format::ptau::Ptau;
use crate::format::r1cs::R1cs;
use crate::format::zkey::{Coefficient, Contribution, ContributionKind, KeySection, ZKey, ZKeyFile};
use crate::rng::SecureRng;

/// Checks a key against its circuit and powers of tau, by making the initial key again.
///
/// # Behaviour
/// Of the powers of tau nothing is checked: [`ptau::verify`](super::super::ptau::verify()) does that. A key without
/// a contribution verifies; whether proofs for a key mean anything says [`gate`](super::super::gate).
///
/// # Errors
/// [`CeremonyError::Invalid`] says what is wrong first; those of [`create`](super::create()).
pub fn verify<R: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    key: &ZKey,
    rng: &mut dyn SecureRng,
) -> Result<(), CeremonyError> {
    compare(&mut Maker::new(r1cs, ptau, StepOptions::default())?, &mut &*key, rng)
}

/// As [`verify`], with the key read piece by piece.
///
/// # Behaviour
/// Holds the circuit in memory, and beside it what `options` allow.
///
/// # Errors
/// Those of [`verify`]; the key's file fails.
pub fn verify_file<R: Read + Seek, K: Read + Seek>(
    r1cs: &R1cs,
    ptau: &mut Ptau<R>,
    key: &mut ZKeyFile<K>,
    rng: &mut dyn SecureRng,
    options: StepOptions<'_>,
) -> Result<(), CeremonyError> {
    compare(&mut Maker::new(r1cs, ptau, options)?, key, rng)
}

/// Checks a key against the initial one of the circuit, which the caller trusts.
///
/// # Behaviour
/// - Every contribution's transcript and proof of knowledge, and that it follows the one before; beacons are
///   replayed.
/// - Everything that contributions leave alone is equal.
/// - The points divided by delta, by a random linear combination of 128 bits from `rng`; H may lack what
///   [other programs](super::import_params()) leave out.
///
/// # Errors
/// [`CeremonyError::Invalid`] says what is wrong first.
pub fn verify_from_initial(initial: &ZKey, key: &ZKey, rng: &mut dyn SecureRng) -> Result<(), CeremonyError> {
    compare(&mut &*initial, &mut &*key, rng)
}

fn compare(
    initial: &mut impl InitialKey,
    key: &mut impl KeySource,
    rng: &mut dyn SecureRng,
) -> Result<(), CeremonyError> {
    let (ours, theirs) = (initial.head(), key.head());
    let sizes = |key: &ZKey| [key.n_vars, key.n_public, key.domain_size];
    for (equal, what) in [
        (sizes(theirs) == sizes(ours), "the size"),
        (theirs.vk.alpha_g1 == ours.vk.alpha_g1, "alpha"),
        (theirs.beta_g1 == ours.beta_g1 && theirs.vk.beta_g2 == ours.vk.beta_g2, "beta"),
        (theirs.vk.gamma_g2 == ours.vk.gamma_g2, "gamma"),
        (key.has_all_points(), "the number of points"),
        (key.has_coefficients(initial.coefficients())?, "the matrices"),
    ] {
        demand(equal, what)?;
    }
    let delta = check_contributions(key.head())?;
    if delta != key.head().delta_g1 {
        return Err(CeremonyError::invalid("delta in G1 is not that of the last contribution"));
    }
    let delta_g2 = key.head().vk.delta_g2;
    if !in_subgroup(&delta_g2) || !same_ratio(G1Affine::generator(), delta, G2Affine::generator(), delta_g2) {
        return Err(CeremonyError::invalid("delta in G2 is another than in G1"));
    }

    let mut comparison = Comparison { key, at: At::default(), rng, c: Pair::default(), h: Pair::default() };
    let circuit_hash = initial.points(&mut comparison)?;
    let Comparison { c, h, .. } = comparison;
    demand(key.head().circuit_hash == circuit_hash, "the circuit hash")?;
    if !c.is_divided(delta_g2) {
        return Err(CeremonyError::invalid("C is not divided by delta"));
    }
    if !h.is_divided(delta_g2) && !came_as_powers(initial, key, delta_g2, rng)? {
        return Err(CeremonyError::invalid("H is not divided by delta"));
    }
    Ok(())
}

fn demand(equal: bool, what: &str) -> Result<(), CeremonyError> {
    if equal { Ok(()) } else { Err(CeremonyError::invalid(format!("{what}: not that of the circuit"))) }
}

/// The key that is checked.
trait KeySource {
    /// The key without its points and matrices.
    fn head(&self) -> &ZKey;
    /// Whether every section has as many points as the sizes demand.
    fn has_all_points(&self) -> bool;
    /// Whether its matrices are these.
    fn has_coefficients(
        &mut self,
        expected: impl Iterator<Item = Coefficient>,
    ) -> Result<bool, CeremonyError>;
    /// The points of a section from the one of number `first` on, `count` of them.
    fn points<P: FilePoint>(
        &mut self,
        section: KeySection<P>,
        first: u64,
        count: u64,
    ) -> Result<Cow<'_, [P]>, CeremonyError>;
}

impl KeySource for &ZKey {
    fn head(&self) -> &ZKey {
        self
    }

    fn has_all_points(&self) -> bool {
        use KeySection as S;
        [S::IC, S::A, S::B1, S::C, S::H].iter().all(|one| one.of(self).len() as u64 == one.count(self))
            && S::B2.of(self).len() as u64 == S::B2.count(self)
    }

    fn has_coefficients(
        &mut self,
        expected: impl Iterator<Item = Coefficient>,
    ) -> Result<bool, CeremonyError> {
        Ok(self.coefficients.iter().copied().eq(expected))
    }

    fn points<P: FilePoint>(
        &mut self,
        section: KeySection<P>,
        first: u64,
        count: u64,
    ) -> Result<Cow<'_, [P]>, CeremonyError> {
        // The counts were compared: the initial key has no more points than this one.
        Ok(Cow::Borrowed(&section.of(self)[first as usize..][..count as usize]))
    }
}

impl<R: Read + Seek> KeySource for ZKeyFile<R> {
    fn head(&self) -> &ZKey {
        self.head()
    }

    /// Checked when it was opened.
    fn has_all_points(&self) -> bool {
        true
    }

    fn has_coefficients(
        &mut self,
        expected: impl Iterator<Item = Coefficient>,
    ) -> Result<bool, CeremonyError> {
        Ok(self.has_coefficients(expected)?)
    }

    fn points<P: FilePoint>(
        &mut self,
        section: KeySection<P>,
        first: u64,
        count: u64,
    ) -> Result<Cow<'_, [P]>, CeremonyError> {
        Ok(Cow::Owned(self.points(section, first, count)?))
    }
}

impl InitialKey for &ZKey {
    fn head(&self) -> &ZKey {
        self
    }

    fn coefficients(&self) -> impl Iterator<Item = Coefficient> {
        self.coefficients.iter().copied()
    }

    fn points(&mut self, sink: &mut impl PointSink) -> Result<Hash, CeremonyError> {
        use KeySection as S;
        for section in [S::IC, S::H, S::C, S::A, S::B1] {
            sink.g1(section, section.of(self))?;
        }
        sink.g2(S::B2, S::B2.of(self))?;
        Ok(self.circuit_hash)
    }

    fn h(&mut self, sink: &mut impl PointSink) -> Result<(), CeremonyError> {
        sink.g1(KeySection::H, &self.h)
    }
}

/// Compares the points of an initial key with those of the key that is checked.
struct Comparison<'a, K> {
    key: &'a mut K,
    at: At,
    rng: &'a mut dyn SecureRng,
    c: Pair,
    h: Pair,
}

impl<K: KeySource> PointSink for Comparison<'_, K> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        let theirs = self.key.points(section, first, points.len() as u64)?;
        let pair = match section.id() {
            id if id == KeySection::C.id() => &mut self.c,
            id if id == KeySection::H.id() => &mut self.h,
            id if id == KeySection::IC.id() => return demand(*theirs == *points, "IC"),
            id if id == KeySection::A.id() => return demand(*theirs == *points, "A"),
            _ => return demand(*theirs == *points, "B"),
        };
        pair.add(points, &theirs, &random_factors(points.len(), self.rng));
        Ok(())
    }

    fn g2(&mut self, section: KeySection<G2Affine>, points: &[G2Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        let theirs = self.key.points(section, first, points.len() as u64)?;
        demand(*theirs == *points, "B")
    }
}

/// How far a section has come.
#[derive(Default)]
struct At {
    section: u32,
    next: u64,
}

impl At {
    /// The number of the first of some points that come next.
    fn advance<P>(&mut self, section: KeySection<P>, points: &[P]) -> u64 {
        if self.section != section.id() {
            *self = Self { section: section.id(), next: 0 };
        }
        let first = self.next;
        self.next += points.len() as u64;
        first
    }
}

/// One random combination of the points before contributions and of those after.
#[derive(Default)]
struct Pair {
    before: G1Projective,
    after: G1Projective,
}

impl Pair {
    fn add(&mut self, before: &[G1Affine], after: &[G1Affine], factors: &Scalars) {
        self.before += combine(before, factors);
        self.after += combine(after, factors);
    }

    /// Whether each point is divided by delta.
    fn is_divided(&self, delta: G2Affine) -> bool {
        let [before, after] = [self.before, self.after].map(CurveGroup::into_affine);
        // Where all points are infinity, as for a circuit without private wires, there is no ratio.
        before.is_zero() && after.is_zero() || same_ratio(after, before, G2Affine::generator(), delta)
    }
}

/// Whether H is divided by delta and passed through [parameters](super::export_params()) of other programs.
///
/// They hold H as multiples of powers of tau and leave out the last, which no quotient needs: a random
/// combination of the other powers is divided by delta, and the last is infinity.
fn came_as_powers<K: KeySource>(
    initial: &mut impl InitialKey,
    key: &mut K,
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

/// Compares combinations of the powers that H stands for.
///
/// The power of number i is the sum of w^((2j+1)i) Hⱼ over j, w being the root of unity of order 2n (see `export_params`).
/// Weighted by the powers of a challenge z, all but the last give Hⱼ the factor 1 + x + … + x^(n-2) for x = z w^(2j+1), which
/// is (1 - x^(n-1)) / (1 - x) with x^n = -z^n.
struct PowerComparison<'a, K> {
    key: &'a mut K,
    at: At,
    root: Fr,
    challenge: Fr,
    challenge_to_n: Fr,
    others: Pair,
    last: G1Projective,
}

impl<K: KeySource> PointSink for PowerComparison<'_, K> {
    fn g1(&mut self, section: KeySection<G1Affine>, points: &[G1Affine]) -> Result<(), CeremonyError> {
        let first = self.at.advance(section, points);
        let theirs = self.key.points(section, first, points.len() as u64)?;
        // w^(2j+1), whose power n-1 is that of the last, -w^-(2j+1).
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

/// Checks the chain of contributions; returns the delta at its end.
pub(super) fn check_contributions(key: &ZKey) -> Result<G1Affine, CeremonyError> {
    let mut transcript = Transcript::new();
    transcript.bytes(&key.circuit_hash);
    let mut delta = G1Affine::generator();
    for (number, contribution) in (1..).zip(&key.contributions) {
        check(&transcript, delta, contribution)
            .map_err(|what| CeremonyError::invalid(format!("contribution {number}: {what}")))?;
        put_public_key(&mut transcript, contribution);
        delta = contribution.delta_after;
    }
    Ok(delta)
}

fn check(before: &Transcript, delta: G1Affine, contribution: &Contribution) -> Result<(), &'static str> {
    let Contribution { delta_after, g1_s, g1_sx, g2_spx, .. } = *contribution;
    let mut transcript = before.clone();
    transcript.points(&[g1_s, g1_sx]);
    if transcript.finish() != contribution.transcript {
        return Err("another transcript");
    }
    let g2_s = RandomStream::of_hash(&contribution.transcript).g2();
    if !in_subgroup(&g2_spx) || !same_ratio(g1_s, g1_sx, g2_s, g2_spx) {
        return Err("the key does not prove knowledge of the secret");
    }
    if !same_ratio(delta, delta_after, g2_s, g2_spx) {
        return Err("delta does not follow the contribution before");
    }
    if let ContributionKind::Beacon { exponent, hash } = &contribution.kind {
        let beacon = Beacon::new(hash.as_bytes(), *exponent).map_err(|_| "no such beacon is possible")?;
        let mut stream = beacon.stream();
        let secret = stream.scalar();
        let expected = stream.g1();
        if g1_s != expected || g1_sx != (expected * secret).into_affine() {
            return Err("the key is not that of the beacon");
        }
    }
    Ok(())
}

fn in_subgroup(point: &G2Affine) -> bool {
    point.is_in_correct_subgroup_assuming_on_curve()
}
