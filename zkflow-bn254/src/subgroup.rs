//! Checks that points of G2 are multiples of its generator.
//!
//! The twist that contains G2 has r·h points, with h = 2q − r, and h has small factors. The proof's B is a
//! sum weighted by the witness. A point outside the subgroup of order r would therefore reveal the witness
//! modulo such a factor. The curve of G1 has r points, so it is enough to check that a point is on it.
//!
//! Checking a point by its endomorphism, ψ(P) = \[6x²\]P ([El Housni, Guillevic, Piellard 2022], section
//! 4.3), takes 127 doublings: seconds for a whole key. Random combinations of all points are checked
//! instead.
//!
//! Suppose that a point is outside. Its component modulo the smallest factor of h, 10069, or modulo a larger
//! one is not zero. A combination with 2^13 equally likely consecutive weights is then in the subgroup with
//! a probability of at most 2^-13. For [`ROUNDS`] combinations it is at most 2^-65. The weights are drawn
//! here, after the key was made, so a key cannot be crafted to pass.
//!
//! [El Housni, Guillevic, Piellard 2022]: https://eprint.iacr.org/2022/352

use ark_bn254::g2;
use ark_ec::CurveGroup;
use ark_ec::short_weierstrass::Projective;
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;

use crate::msm::{FixedBases, ROUNDS, Weights};

/// Whether all points are in the subgroup of order r. Accepts points outside with a probability of at most
/// 2^-65. The weights come from `rng`, which the maker of the points must not be able to predict.
///
/// ```
/// use ark_bn254::G2Affine;
/// use ark_ec::AffineRepr;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::msm::{FixedBases, Options};
/// use zkflow_bn254::subgroup::all_in_subgroup;
///
/// let kernel = Kernel::detect();
/// let points = [G2Affine::generator(); 100];
/// let bases = FixedBases::prepare(&points, Options { kernel, table_bytes: 0 });
/// assert!(all_in_subgroup(&bases, &mut rand::rngs::OsRng));
/// ```
pub fn all_in_subgroup<R>(points: &FixedBases<g2::Config>, rng: &mut R) -> bool
where
    R: RngCore + CryptoRng + ?Sized,
{
    are_in_subgroup(&points.combinations(&Weights::random(points.len(), rng)))
}

/// Whether the [combinations](FixedBases::combinations) of points are in the subgroup of order r: the check of
/// [`all_in_subgroup`], for callers that use the combinations further.
pub fn are_in_subgroup(combinations: &[Projective<g2::Config>; ROUNDS]) -> bool {
    let inside = |sum: &Projective<g2::Config>| sum.into_affine().is_in_correct_subgroup_assuming_on_curve();
    combinations.par_iter().all(inside)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Fq2, Fr, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::PrimeField;
    use rand::rngs::OsRng;

    use super::*;
    use crate::Kernel;
    use crate::msm::Options;

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
}
