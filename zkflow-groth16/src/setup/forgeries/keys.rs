//! Forged keys.

use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::SWCurveConfig as _;
use ark_ec::{AdditiveGroup as _, AffineRepr, CurveGroup};
use ark_ff::{Field, One, UniformRand};

use super::super::{Beacon, development_name, phase2};
use super::{Forgery, Verified, contributed, divide, g1, initial, name, number, powers, powers_with, random};
use crate::format::zkey::{ContributionKind, ZKey};
use crate::rng::os_rng;

/// Cases whose contributions are consistent, but belong to another circuit or to other powers: without these, the key
/// only claims them.
pub(super) const CLAIMS: [&str; 10] = [
    "powers of a beacon",
    "key of other powers",
    "A of another key",
    "C not divided",
    "H not divided",
    "delta is tau",
    "delta is minus 3 tau to the 5",
    "delta is 2 over tau to the 4",
    "delta is alpha times tau cubed",
    "delta is beta times tau",
];

pub(super) fn all() -> Vec<Forgery> {
    let secrets = [random(), random(), random()];
    let ptau = powers_with(secrets);
    let mut cases = known_deltas(&ptau);
    cases.extend(related_deltas(secrets, &ptau));
    cases.extend(changed_keys(&ptau));
    cases.extend(weak_phases());
    cases
}

/// delta is a known number, with honest proofs of knowledge by contributors that know it.
fn known_deltas(ptau: &[u8]) -> Vec<Forgery> {
    let of_beacon = |value: &[u8]| Beacon::new(value, 10).unwrap().stream().scalar();
    let documented: Vec<u8> = (1..=32).collect();
    let half = number(2).inverse().unwrap();
    let beacon = of_beacon(&documented);
    let cancelled = random();
    let inverse = cancelled.inverse().unwrap();
    let cases: [(&'static str, Vec<Fr>); 26] = [
        ("delta is 2", vec![number(2)]),
        ("delta is 3 by three", vec![number(3), number(5), number(15).inverse().unwrap() * number(3)]),
        ("delta is minus 1", vec![-Fr::one()]),
        ("delta is minus 2", vec![-number(2)]),
        ("delta is 65535", vec![number(65_535)]),
        ("delta is a half", vec![half]),
        ("delta is a seventh", vec![number(7).inverse().unwrap()]),
        ("delta is 2 to the 100", vec![number(2).pow([100])]),
        ("delta is 2 to the minus 100", vec![half.pow([100])]),
        ("delta is 3 to the 50", vec![number(3).pow([50])]),
        ("delta is 10 to the 20", vec![number(10).pow([20])]),
        ("delta is 6 by two", vec![number(2), number(3)]),
        ("delta is the documented beacon", vec![of_beacon(&documented)]),
        ("delta is the beacon squared", vec![of_beacon(&documented).square()]),
        ("delta is minus the beacon", vec![-of_beacon(&documented)]),
        ("delta is the beacon and 4", vec![of_beacon(&documented), number(4)]),
        ("delta is three times the beacon", vec![beacon * number(3)]),
        ("delta is the inverse of the beacon", vec![beacon.inverse().unwrap()]),
        ("delta is the beacon cubed", vec![beacon.square() * beacon]),
        ("delta is the beacon plus 1", vec![beacon + Fr::one()]),
        ("delta is 123456789", vec![number(123_456_789)]),
        ("delta is 3 times 2 to the 100", vec![number(3) * number(2).pow([100])]),
        ("delta is 2 to the 200 minus 1", vec![number(2).pow([200]) - Fr::one()]),
        ("two secrets cancel before a beacon", vec![cancelled, inverse, beacon]),
        ("two secrets cancel around a beacon", vec![cancelled, beacon, inverse * number(6)]),
        ("two secrets cancel", {
            let secret = random();
            vec![secret, secret.inverse().unwrap() * number(9)]
        }),
    ];
    let forgery = |(name, secrets): (&'static str, Vec<Fr>)| {
        let mut key = initial(ptau);
        contributed(&mut key, &secrets);
        let delta = secrets.iter().product();
        Forgery { name, ptau: ptau.to_vec(), zkey: key.write(), delta: Some(delta) }
    };
    cases.into_iter().map(forgery).collect()
}

/// delta depends on the secrets of phase 1.
fn related_deltas([tau, alpha, beta]: [Fr; 3], ptau: &[u8]) -> Vec<Forgery> {
    let cases: [(&'static str, Fr); 15] = [
        ("delta is tau", tau),
        ("delta is minus 3 tau to the 5", -number(3) * tau.pow([5])),
        ("delta is 2 over tau to the 4", number(2) * tau.inverse().unwrap().pow([4])),
        ("delta is alpha times tau cubed", alpha * tau.pow([3])),
        ("delta is beta times tau", beta * tau),
        ("delta is alpha", alpha),
        ("delta is beta", beta),
        ("delta is minus alpha", -alpha),
        ("delta is twice beta", beta.double()),
        ("delta is a third of alpha", alpha * number(3).inverse().unwrap()),
        ("delta is alpha times beta", alpha * beta),
        ("delta is beta squared", beta.square()),
        ("delta is alpha over beta", alpha * beta.inverse().unwrap()),
        ("delta is alpha plus beta", alpha + beta),
        ("delta is alpha minus 1", alpha - Fr::one()),
    ];
    let forgery = |(name, delta): (&'static str, Fr)| {
        let mut key = initial(ptau);
        contributed(&mut key, &[delta]);
        Forgery { name, ptau: ptau.to_vec(), zkey: key.write(), delta: None }
    };
    cases.into_iter().map(forgery).collect()
}

/// An honest key with one change.
fn changed_keys(ptau: &[u8]) -> Vec<Forgery> {
    let mut honest = initial(ptau);
    contributed(&mut honest, &[random(), random(), random()]);
    let mut other = initial(&powers_with([random(), random(), random()]));
    contributed(&mut other, &[random(), random(), random()]);
    let mut sibling = initial(ptau);
    contributed(&mut sibling, &[random(), random()]);
    let (o1, o2) = (G1Affine::identity(), G2Affine::identity());
    let outside = outside();
    type Change<'a> = Box<dyn Fn(&mut ZKey) + 'a>;
    let cases: Vec<(&'static str, Change<'_>)> = vec![
        ("alpha is infinity", Box::new(|key| key.head.vk.alpha_g1 = o1)),
        ("beta is infinity in G1", Box::new(|key| key.head.beta_g1 = o1)),
        ("beta is infinity in G2", Box::new(|key| key.head.vk.beta_g2 = o2)),
        ("gamma is infinity", Box::new(|key| key.head.vk.gamma_g2 = o2)),
        ("delta is infinity in G1", Box::new(|key| key.head.delta_g1 = o1)),
        ("delta is infinity in G2", Box::new(|key| key.head.vk.delta_g2 = o2)),
        ("gamma is 2", Box::new(|key| key.head.vk.gamma_g2 = twice(key.head.vk.gamma_g2))),
        ("gamma is minus 1", Box::new(|key| key.head.vk.gamma_g2 = -key.head.vk.gamma_g2)),
        ("gamma is beta", Box::new(|key| key.head.vk.gamma_g2 = key.head.vk.beta_g2)),
        ("beta is 2 in G1 only", Box::new(|key| key.head.beta_g1 = g1(number(2)))),
        ("alpha is the generator", Box::new(|key| key.head.vk.alpha_g1 = G1Affine::generator())),
        ("alpha is beta", Box::new(|key| key.head.vk.alpha_g1 = key.head.beta_g1)),
        ("delta in G2 of another key", Box::new(|key| key.head.vk.delta_g2 = sibling.head.vk.delta_g2)),
        ("delta in G1 of another key", Box::new(|key| key.head.delta_g1 = sibling.head.delta_g1)),
        (
            "delta in G2 outside the group",
            Box::new(|key| {
                key.head.vk.delta_g2 = (key.head.vk.delta_g2 + outside).into_affine();
            }),
        ),
        (
            "beta in G2 outside the group",
            Box::new(|key| {
                key.head.vk.beta_g2 = (key.head.vk.beta_g2 + outside).into_affine();
            }),
        ),
        (
            "proof of knowledge outside the group",
            Box::new(|key| {
                let point = &mut key.head.contributions[1].g2_spx;
                *point = (*point + outside).into_affine();
            }),
        ),
        ("IC is infinity", Box::new(|key| key.head.vk.ic[1] = o1)),
        ("IC points are equal", Box::new(|key| key.head.vk.ic[1] = key.head.vk.ic[0])),
        ("IC points are opposite", Box::new(|key| key.head.vk.ic[1] = -key.head.vk.ic[0])),
        ("IC is twice another", Box::new(|key| key.head.vk.ic[1] = twice(key.head.vk.ic[0]))),
        ("IC is alpha", Box::new(|key| key.head.vk.ic[1] = key.head.vk.alpha_g1)),
        ("IC is the generator", Box::new(|key| key.head.vk.ic[0] = G1Affine::generator())),
        (
            "IC is another plus alpha",
            Box::new(|key| {
                key.head.vk.ic[1] = (key.head.vk.ic[0] + key.head.vk.alpha_g1).into_affine();
            }),
        ),
        ("contributions reordered", Box::new(|key| key.head.contributions.swap(0, 1))),
        (
            "contribution duplicated",
            Box::new(|key| {
                let last = key.head.contributions[2].clone();
                key.head.contributions.push(last);
            }),
        ),
        ("contributions truncated", Box::new(|key| drop(key.head.contributions.pop()))),
        ("first contribution missing", Box::new(|key| drop(key.head.contributions.remove(0)))),
        (
            "contributions of a sibling key",
            Box::new(|key| {
                key.head.contributions = sibling.head.contributions.clone();
            }),
        ),
        (
            "contribution of a sibling spliced in",
            Box::new(|key| {
                key.head.contributions[0] = sibling.head.contributions[0].clone();
            }),
        ),
        (
            "contributions of other powers",
            Box::new(|key| {
                key.head.contributions = other.head.contributions.clone();
            }),
        ),
        ("transcript is zero", Box::new(|key| key.head.contributions[0].transcript = [0; 64])),
        ("circuit hash of another circuit", Box::new(|key| key.head.circuit_hash[5] ^= 1)),
        (
            "secret relabelled as a beacon",
            Box::new(|key| {
                key.head.contributions[2].kind = Beacon::new(&[7], 10).unwrap().kind();
            }),
        ),
        ("no contributions", Box::new(|key| key.head.contributions.clear())),
        (
            "invented contributions and delta is 2",
            Box::new(|key| {
                let generators = (G1Affine::generator(), G2Affine::generator());
                for one in &mut key.head.contributions {
                    (one.g1_s, one.g1_sx, one.g2_spx) = (generators.0, generators.0, generators.1);
                    (one.transcript, one.delta_after) = ([0; 64], g1(number(2)));
                }
                key.head.delta_g1 = g1(number(2));
                key.head.vk.delta_g2 = twice(G2Affine::generator());
            }),
        ),
        (
            "gamma is a multiple of delta",
            Box::new(|key| {
                key.head.vk.gamma_g2 = (key.head.vk.delta_g2 * number(12_345)).into_affine();
            }),
        ),
        ("gamma is delta", Box::new(|key| key.head.vk.gamma_g2 = key.head.vk.delta_g2)),
        ("A of another key", Box::new(|key| key.a[1] = other.a[1])),
        ("C not divided", Box::new(|key| divide(key, &number(3)))),
        ("H not divided", Box::new(|key| key.h[0] = twice(key.h[0]))),
    ];
    let delta_of = |name: &str| match name {
        "invented contributions and delta is 2" => Some(number(2)),
        "gamma is a multiple of delta" => number(12_345).inverse(),
        "gamma is delta" => Some(Fr::one()),
        _ => None,
    };
    let forgery = |(name, change): (&'static str, Change<'_>)| {
        let mut key = ZKey::read(&honest.write()).unwrap();
        change(&mut key);
        Forgery { name, ptau: ptau.to_vec(), zkey: key.write(), delta: delta_of(name) }
    };
    let mut cases: Vec<Forgery> = cases.into_iter().map(forgery).collect();
    cases.push(Forgery {
        name: "key of other powers",
        ptau: ptau.to_vec(),
        zkey: other.write(),
        delta: None,
    });
    cases
}

/// A phase without a secret, and an honest other phase.
fn weak_phases() -> Vec<Forgery> {
    let mut cases = Vec::new();
    for (case, ptau) in
        [("powers of tau are 1", powers::all_are_1()), ("powers of a beacon", powers::of_a_beacon())]
    {
        let mut key = initial(&ptau);
        contributed(&mut key, &[random(), random()]);
        cases.push(Forgery { name: case, zkey: key.write(), ptau, delta: None });
    }
    let ptau = powers_with([random(), random(), random()]);
    let key = initial(&ptau);
    cases.push(Forgery {
        name: "initial key",
        zkey: key.write(),
        ptau: ptau.clone(),
        delta: Some(Fr::one()),
    });
    let mut key = initial(&ptau);
    let beacon = Beacon::new(&[3], 10).unwrap();
    let mut stream = beacon.stream();
    let (secret, point) = (stream.scalar(), stream.g1());
    phase2::multiply(&mut key.head, &secret, point, beacon.kind(), name("beacon"));
    divide(&mut key, &secret);
    let zkey = key.write();
    cases.push(Forgery { name: "beacon only", zkey, ptau: ptau.clone(), delta: Some(secret) });
    // The same number again, as a secret.
    let square = secret.square();
    phase2::multiply(&mut key.head, &secret, point, ContributionKind::Secret, name("mallory"));
    divide(&mut key, &secret);
    cases.push(Forgery { name: "beacon as a secret", zkey: key.write(), ptau, delta: Some(square) });
    cases
}

fn twice<A: AffineRepr>(point: A) -> A {
    point.into_group().double().into_affine()
}

/// A point of the twist outside the group of order r.
pub(super) fn outside() -> G2Affine {
    loop {
        let x = Fq2::rand(&mut os_rng());
        let y = (x.square() * x + ark_bn254::g2::Config::COEFF_B).sqrt();
        let Some(y) = y else { continue };
        let point = G2Affine::new_unchecked(x, y);
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return point;
        }
    }
}

#[test]
fn keys_for_development_are_labelled_whatever_their_other_phase_is() {
    let mut key = initial(&powers::for_development());
    contributed(&mut key, &[random(), random()]);
    let verdict = Verified::default().verdict(&powers::for_development(), &key.write());
    assert!(verdict.is_none(), "other powers for development");
    let ptau = powers::for_development();
    let mut key = initial(&ptau);
    contributed(&mut key, &[random(), random()]);
    let verdict = Verified::default().verdict(&ptau, &key.write()).unwrap();
    assert_eq!(verdict.admit(true).unwrap().to_string(), "development");
    assert!(verdict.admit(false).is_err());
    let ptau = powers_with([random(), random(), random()]);
    let mut key = initial(&ptau);
    phase2::multiply(
        &mut key.head,
        &random(),
        g1(random()),
        ContributionKind::Secret,
        Some(development_name()),
    );
    assert!(super::gate::judge(&key.head).admit(false).is_err());
}
