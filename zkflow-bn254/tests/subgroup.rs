//! Points of G2 outside the subgroup of order r are found.

#![allow(clippy::unwrap_used)]

use ark_bn254::{Fq2, Fr, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::PrimeField;
use rand::rngs::OsRng;

use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options};
use zkflow_bn254::subgroup::all_in_subgroup;

/// The verdict of each kernel, which must be the same.
fn checked(points: &[G2Affine]) -> bool {
    let check = |kernel| {
        all_in_subgroup(&FixedBases::prepare(points, Options { kernel, table_bytes: 0 }), &mut OsRng)
    };
    let verdicts: Vec<bool> = Kernel::available().map(check).collect();
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    verdicts[0]
}

/// A point on the twist that is outside the subgroup.
fn outside() -> G2Affine {
    (0u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::new(x.into(), 1u64.into()), true))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

fn multiples(count: u64) -> Vec<G2Affine> {
    (0..count).map(|i| (G2Affine::generator() * Fr::from(i)).into_affine()).collect()
}

#[test]
fn multiples_of_the_generator_and_infinity_are_inside() {
    assert!(checked(&multiples(200)));
    assert!(checked(&[]));
}

#[test]
fn a_single_point_outside_is_found_wherever_it_stands() {
    for place in [0, 57, 199] {
        let mut points = multiples(200);
        points[place] = outside();
        assert!(!checked(&points), "place {place}");
    }
}

/// A component of the smallest possible order, which one combination misses most easily.
#[test]
fn a_point_of_order_10069_is_found() {
    // h = 10069 * rest: multiplied by r * rest, a point has order 10069 or is infinity.
    let h = num_bigint::BigUint::parse_bytes(
        b"21888242871839275222246405745257275088844257914179612981679871602714643921549",
        10,
    )
    .unwrap();
    let rest = (h.clone() / 10069u32).to_u64_digits();
    assert_eq!(h % 10069u32, 0u32.into());
    let point = outside().mul_bigint(Fr::MODULUS).into_affine().mul_bigint(&rest).into_affine();
    assert!(!point.is_zero());
    assert!(point.mul_bigint([10069u64]).into_affine().is_zero());
    let mut points = multiples(100);
    points[42] = (points[42] + point).into_affine();
    assert!(!checked(&points));
    // Two points whose components cancel in a plain sum.
    points[17] = (points[17] - point).into_affine();
    assert!(!checked(&points));
}
