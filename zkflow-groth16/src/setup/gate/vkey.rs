//! Judges a verification key alone, without its contributions.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;

use super::super::beacon::Replay;
use super::super::verdict::Weakness;
use super::known::Known;
use super::{beacon_streams, relations};
use crate::proof::VerifyingKey;

/// All reasons in a verification key why anyone could forge proofs.
///
/// # Behaviour
/// - Checks that no point is infinity or outside the group of order r, that gamma is the generator and differs from
///   delta, and that alpha, beta, delta and the points of the public signals are no known multiples of the generator or of
///   each other.
/// - The numbers of the beacons in snarkjs' documentation are known: a key without secret contributions that ends in one
///   of them is found.
/// - No reason does not mean that the key can be trusted: other contributions are not visible in it.
pub fn judge_verification_key(key: &VerifyingKey) -> Vec<Weakness> {
    let bad = bad_points(key);
    // Further checks compute with the points.
    if !bad.is_empty() {
        return bad;
    }
    let mut found = Vec::new();
    let generator = G2Affine::generator();
    if key.gamma_g2 != generator {
        found.push(Weakness::Gamma);
    }
    if key.gamma_g2 == key.delta_g2 {
        found.push(Weakness::GammaIsDelta);
        return found;
    }
    found.extend(known_delta(key).or_else(|| known_parameter(key)));
    found
}

fn bad_points(key: &VerifyingKey) -> Vec<Weakness> {
    let g1 =
        std::iter::once(("alpha", &key.alpha_g1)).chain(key.ic.iter().map(|point| ("a point of IC", point)));
    let g1 = g1.filter(|(_, point)| point.is_zero() || !point.is_on_curve());
    let g2 = [("beta", &key.beta_g2), ("gamma", &key.gamma_g2), ("delta", &key.delta_g2)];
    let g2 = g2.into_iter().filter(|(_, point)| {
        point.is_zero() || !point.is_on_curve() || !point.is_in_correct_subgroup_assuming_on_curve()
    });
    let mut names: Vec<&'static str> = g1.map(|(name, _)| name).chain(g2.map(|(name, _)| name)).collect();
    names.dedup();
    names.into_iter().map(Weakness::BadPoint).collect()
}

/// delta as a multiple of gamma or of the generator.
fn known_delta(key: &VerifyingKey) -> Option<Weakness> {
    let beacons: Vec<Fr> = beacon_streams(std::iter::empty(), &mut Replay::quick())
        .into_iter()
        .map(|mut stream| stream.scalar())
        .collect();
    for base in [key.gamma_g2, G2Affine::generator()] {
        if Known::numbers().ratio(base, key.delta_g2).is_some() {
            return Some(Weakness::Known(
                "delta is a known multiple of gamma or of the generator".to_owned(),
            ));
        }
        if Known::with_beacons(&beacons).ratio(base, key.delta_g2).is_some() {
            return Some(Weakness::BeaconOnly);
        }
    }
    None
}

fn known_parameter(key: &VerifyingKey) -> Option<Weakness> {
    let known = Known::numbers();
    let of =
        |name: &str, other: &str| Some(Weakness::Known(format!("{name} is a known multiple of {other}")));
    if known.ratio(G1Affine::generator(), key.alpha_g1).is_some() {
        return of("alpha", "the generator");
    }
    if known.ratio(G2Affine::generator(), key.beta_g2).is_some() {
        return of("beta", "the generator");
    }
    if known.ratio(key.beta_g2, key.delta_g2).is_some() {
        return of("delta", "beta");
    }
    let generator = ("the generator".to_owned(), G1Affine::generator());
    let alpha = ("alpha".to_owned(), key.alpha_g1);
    let signals = key.ic.iter().enumerate().map(|(i, point)| (format!("IC[{i}]"), *point));
    let points: Vec<_> = [generator, alpha.clone()].into_iter().chain(signals).collect();
    let products = || relations::products(&[alpha], &[("beta", key.beta_g2), ("delta", key.delta_g2)]);
    relations::relation(&points).or_else(products).map(Weakness::Known)
}

#[cfg(test)]
mod tests {
    use ark_ec::CurveGroup as _;
    use ark_ff::UniformRand as _;

    use super::*;
    use crate::setup::Beacon;

    fn key() -> VerifyingKey {
        let number = || Fr::rand(&mut crate::rng::os_rng());
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        VerifyingKey {
            alpha_g1: (g1 * number()).into_affine(),
            beta_g2: (g2 * number()).into_affine(),
            gamma_g2: g2,
            delta_g2: (g2 * number()).into_affine(),
            ic: (0..4).map(|_| (g1 * number()).into_affine()).collect(),
        }
    }

    #[test]
    fn a_key_of_random_numbers_shows_no_weakness_and_a_weak_one_its_reason() {
        assert_eq!(judge_verification_key(&key()), []);
        let g2 = G2Affine::generator();
        let times = |k: u64| (g2 * Fr::from(k)).into_affine();
        let beacon = Beacon::new(&(1..=31).collect::<Vec<u8>>(), 10).unwrap().stream().scalar();
        let other = key();
        let cases: [(VerifyingKey, Weakness); 6] = [
            (VerifyingKey { delta_g2: g2, ..key() }, Weakness::GammaIsDelta),
            (VerifyingKey { gamma_g2: other.beta_g2, ..key() }, Weakness::Gamma),
            (VerifyingKey { delta_g2: (g2 * beacon).into_affine(), ..key() }, Weakness::BeaconOnly),
            (VerifyingKey { alpha_g1: G1Affine::identity(), ..key() }, Weakness::BadPoint("alpha")),
            (VerifyingKey { beta_g2: G2Affine::identity(), ..key() }, Weakness::BadPoint("beta")),
            (
                VerifyingKey { ic: vec![other.alpha_g1, G1Affine::identity()], ..key() },
                Weakness::BadPoint("a point of IC"),
            ),
        ];
        for (weak, reason) in cases {
            assert_eq!(judge_verification_key(&weak), [reason]);
        }
        let mut twice = key();
        twice.ic[2] = twice.ic[1];
        let mut multiple = key();
        multiple.delta_g2 = (multiple.beta_g2 * Fr::from(7u64)).into_affine();
        for weak in [
            VerifyingKey { delta_g2: times(77), ..key() },
            VerifyingKey { beta_g2: times(2), ..key() },
            twice,
            multiple,
        ] {
            assert!(matches!(judge_verification_key(&weak)[..], [Weakness::Known(_)]), "{weak:?}");
        }
    }
}
