//! Finds parameters that are a known multiple of a power of tau.
//!
//! The powers of tau are public points. If alpha, beta or delta is among them, as `tau^k` or `1 / tau^k` times a small
//! number, proofs of false statements follow from public points. Each contribution is then correct, and so is every
//! point. Other polynomials of tau cannot be found: only a contributor with an independent secret excludes them.

use std::collections::HashMap;
use std::io::{Read, Seek};

use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Field as _;

use super::ceremony::CeremonyError;
use super::step::pieces;
use super::verdict::Weakness;
use crate::format::ptau::{ALPHA_TAU_G1, BETA_TAU_G1, Ptau, PtauContribution, Section, TAU_G1};
use crate::format::zkey::{KeySection, ZKeyFile};

/// Largest numerator and denominator.
const SMALL: u64 = 8;

/// Points whose small multiples and fractions are looked up.
struct Targets(HashMap<Fq, &'static str>);

impl Targets {
    fn new(points: &[(&'static str, G1Affine)]) -> Self {
        let mut all = HashMap::new();
        for (name, point) in points {
            let multiples = (1..=SMALL).flat_map(|a| (1..=SMALL).map(move |b| (a, b)));
            let multiples =
                multiples.filter_map(|(a, b)| Some(*point * (Fr::from(a) * Fr::from(b).inverse()?)));
            let multiples = G1Projective::normalize_batch(&multiples.collect::<Vec<_>>());
            all.extend(multiples.iter().filter_map(|multiple| Some((multiple.x()?, *name))));
        }
        Self(all)
    }

    fn find(&self, points: &[G1Affine]) -> Option<&'static str> {
        points.iter().find_map(|point| self.0.get(&point.x()?).copied())
    }
}

/// Looks for alpha, beta and 1 among the first `most` powers of each section, and for powers of tau that are known.
pub(super) fn in_powers<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    last: &PtauContribution,
    most: u64,
) -> Result<Option<Weakness>, CeremonyError> {
    let (one, alpha, beta) = (("1", G1Affine::generator()), ("alpha", last.alpha_g1), ("beta", last.beta_g1));
    for (section, skipped, name, targets) in [
        (TAU_G1, 1, "a power of tau", [one, alpha, beta].as_slice()),
        (ALPHA_TAU_G1, 0, "alpha times a power of tau", &[one, beta]),
        (BETA_TAU_G1, 0, "beta times a power of tau", &[one, alpha]),
    ] {
        if let Some(found) = look(ptau, section, skipped, most, &Targets::new(targets))? {
            return Ok(Some(Weakness::Known(format!("{found} is a known multiple of {name}"))));
        }
    }
    Ok(None)
}

/// Looks for the delta of a key among the powers, and for its inverse.
pub(super) fn in_key<R: Read + Seek, K: Read + Seek>(
    ptau: &mut Ptau<R>,
    key: &mut ZKeyFile<K>,
) -> Result<Option<Weakness>, CeremonyError> {
    let n = u64::from(key.head().domain_size);
    // A delta that is a higher power gives no proofs: 1 / delta then does not follow from H.
    let most = 4 * n;
    let delta = Targets::new(&[("delta", key.head().delta_g1)]);
    for (section, name) in [
        (TAU_G1, "a power of tau"),
        (ALPHA_TAU_G1, "alpha times a power of tau"),
        (BETA_TAU_G1, "beta times a power of tau"),
    ] {
        if let Some(found) = look(ptau, section, 0, most, &delta)? {
            return Ok(Some(Weakness::Known(format!("{found} is a known multiple of {name}"))));
        }
    }
    // H contains the Lagrange polynomials of the odd roots of order 2n, divided by delta. Their sum, times -2, is
    // Z / delta with Z = tau^n - 1: a polynomial that is -2 at the odd roots and 0 at the even ones.
    let mut sum = G1Projective::default();
    for (first, count) in pieces(n) {
        sum += key.points(KeySection::H, first, count)?.into_iter().sum::<G1Projective>();
    }
    let divided = Targets::new(&[("1 / delta", (sum * -Fr::from(2)).into_affine())]);
    for (first, count) in pieces(n.min(TAU_G1.count(ptau.power()).saturating_sub(n))) {
        let (low, high) = (ptau.points(TAU_G1, first, count)?, ptau.points(TAU_G1, n + first, count)?);
        let differences: Vec<_> = low.iter().zip(&high).map(|(low, high)| *high - low).collect();
        if let Some(found) = divided.find(&G1Projective::normalize_batch(&differences)) {
            return Ok(Some(Weakness::Known(format!("{found} is a known multiple of a power of tau"))));
        }
    }
    Ok(None)
}

fn look<R: Read + Seek>(
    ptau: &mut Ptau<R>,
    section: Section<G1Affine>,
    skipped: u64,
    most: u64,
    targets: &Targets,
) -> Result<Option<&'static str>, CeremonyError> {
    let count = section.count(ptau.power()).min(most).saturating_sub(skipped);
    for (first, count) in pieces(count) {
        let found = targets.find(&ptau.points(section, skipped + first, count)?);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
