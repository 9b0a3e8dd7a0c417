//! Sound and weak verification keys.

use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::UniformRand as _;
use zkflow_core::proof::VerifyingKey;
use zkflow_core::rng::os_rng;

/// A key with the rule that it breaks; `None`: it is sound.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) key: VerifyingKey,
    pub(crate) rule: Option<&'static str>,
    /// Whether the code of a contract shows it.
    pub(crate) in_code: bool,
}

/// A key of random numbers.
pub(crate) fn sound(signals: usize) -> VerifyingKey {
    let number = || Fr::rand(&mut os_rng());
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    VerifyingKey {
        alpha_g1: (g1 * number()).into_affine(),
        beta_g2: (g2 * number()).into_affine(),
        gamma_g2: g2,
        delta_g2: (g2 * number()).into_affine(),
        ic: (0..=signals).map(|_| (g1 * number()).into_affine()).collect(),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let key = || sound(3);
    let times = |k: u64| (g2 * Fr::from(k)).into_affine();
    let case = |name, key, rule: &'static str| Case { name, key, rule: Some(rule), in_code: true };
    let ic = |change: fn(&mut Vec<G1Affine>)| {
        let mut key = key();
        change(&mut key.ic);
        key
    };
    let of_beta = key();
    let multiple = (of_beta.beta_g2 * Fr::from(6u64)).into_affine();
    let mut all = vec![
        case("without a contribution", VerifyingKey { delta_g2: g2, ..key() }, "gamma-is-delta"),
        case(
            "with another gamma",
            VerifyingKey { gamma_g2: sound(1).beta_g2, ..key() },
            "gamma-not-generator",
        ),
        case("with a small delta", VerifyingKey { delta_g2: times(12_345), ..key() }, "known-relation"),
        case("with a small beta", VerifyingKey { beta_g2: times(2), ..key() }, "known-relation"),
        case("with a delta of beta", VerifyingKey { delta_g2: multiple, ..of_beta }, "known-relation"),
        case(
            "with a small alpha",
            VerifyingKey { alpha_g1: (g1 * Fr::from(5u64)).into_affine(), ..key() },
            "known-relation",
        ),
        case(
            "with related signals",
            ic(|ic| ic[2] = (ic[1] * Fr::from(3u64)).into_affine()),
            "known-relation",
        ),
        case(
            "with a point outside the group",
            VerifyingKey { delta_g2: outside_the_group(), ..key() },
            "bad-point",
        ),
        Case {
            in_code: false,
            ..case("with an unused signal", ic(|ic| ic[2] = G1Affine::identity()), "bad-point")
        },
        Case {
            in_code: false,
            ..case(
                "with beta at infinity",
                VerifyingKey { beta_g2: G2Affine::identity(), ..key() },
                "bad-point",
            )
        },
    ];
    all.extend([1, 3, 16].map(|signals| Case {
        name: "sound",
        key: sound(signals),
        rule: None,
        in_code: true,
    }));
    all
}

/// A point of the curve of G2 that is not in the group of order r.
fn outside_the_group() -> G2Affine {
    loop {
        let x = Fq2::rand(&mut os_rng());
        let point = G2Affine::get_point_from_x_unchecked(x, false);
        if let Some(point) = point.filter(|point| !point.is_in_correct_subgroup_assuming_on_curve()) {
            return point;
        }
    }
}
