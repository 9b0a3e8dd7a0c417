//! Finds out whether a point is a known multiple of another one.
//!
//! A number is known if it is small, a power of a small number, the inverse of such a number, the number of a public
//! beacon, or a product of two of the latter. Its opposite is known too.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{Field, One, PrimeField};

/// Numbers that anyone can compute.
pub(in super::super) struct Known {
    /// Numbers of public beacons, and products of two of them.
    of_beacons: Vec<Fr>,
}

impl Known {
    /// Small numbers and powers.
    pub(in super::super) fn numbers() -> Self {
        Self { of_beacons: Vec::new() }
    }

    /// Small numbers and powers, the numbers of beacons, and products of two of the first [`MULTIPLIED`].
    pub(in super::super) fn with_beacons(scalars: &[Fr]) -> Self {
        let mut of_beacons = scalars.to_vec();
        for i in 0..scalars.len().min(MULTIPLIED) {
            for j in 0..=i {
                of_beacons.push(scalars[i] * scalars[j]);
            }
        }
        Self { of_beacons }
    }

    /// The known number `k` with `point = k * base`; `None` if there is none.
    pub(in super::super) fn ratio<C>(&self, base: Affine<C>, point: Affine<C>) -> Option<Fr>
    where
        C: SWCurveConfig<ScalarField = Fr>,
    {
        let inverse = || multiple(point, base).and_then(|k| k.inverse());
        multiple(base, point).or_else(inverse).or_else(|| self.of_beacon(base, point))
    }

    fn of_beacon<C>(&self, base: Affine<C>, point: Affine<C>) -> Option<Fr>
    where
        C: SWCurveConfig<ScalarField = Fr>,
    {
        let multiples = multiples(base, &self.of_beacons);
        multiples.into_iter().zip(&self.of_beacons).find_map(|(multiple, k)| match multiple {
            _ if multiple == point => Some(*k),
            _ if multiple == -point => Some(-*k),
            _ => None,
        })
    }
}

/// Each of the numbers times the point.
pub(super) fn multiples<C>(point: Affine<C>, numbers: &[Fr]) -> Vec<Affine<C>>
where
    C: SWCurveConfig<ScalarField = Fr>,
{
    if numbers.is_empty() {
        return Vec::new();
    }
    BatchMulPreprocessing::new(point.into_group(), numbers.len()).batch_mul(numbers)
}

/// Numbers of beacons whose products are tried.
const MULTIPLIED: usize = 12;

/// The `k` with `point = k * base`, if `k` or `-k` is at most [`SMALL`] or a power of one of [`BASES`].
fn multiple<C: SWCurveConfig<ScalarField = Fr>>(base: Affine<C>, point: Affine<C>) -> Option<Fr> {
    if base.is_zero() || point.is_zero() {
        return None;
    }
    let (mut numbers, mut points) = (Vec::new(), Vec::new());
    let mut sum = base.into_group();
    for k in 1..=STEP {
        numbers.push(Fr::from(k));
        points.push(sum);
        sum += base;
    }
    for of in BASES {
        let (mut number, mut power) = (Fr::from(of), times(base.into_group(), of));
        let mut bits = u64::from(of.ilog2());
        while bits < u64::from(Fr::MODULUS_BIT_SIZE) {
            numbers.push(number);
            points.push(power);
            number *= Fr::from(of);
            power = times(power, of);
            bits += u64::from(of.ilog2());
        }
    }
    let points = Projective::normalize_batch(&points);
    let by_x: HashMap<C::BaseField, usize> =
        (0..points.len()).rev().filter_map(|i| Some((points[i].x()?, i))).collect();

    // point - offset * base is looked up; its sign follows from y.
    let giant = base * Fr::from(2 * STEP + 1);
    let offsets = Fr::from(2 * STEP + 1);
    let (mut up, mut down) = (point.into_group(), point.into_group());
    let mut shifted = vec![up];
    for _ in 0..SMALL.div_ceil(2 * STEP + 1) {
        up -= giant;
        down += giant;
        shifted.extend([up, down]);
    }
    let shifted = Projective::normalize_batch(&shifted);
    shifted.iter().enumerate().find_map(|(i, shifted)| {
        let count = Fr::from(i.div_ceil(2) as u64);
        let offset = if i % 2 == 1 { offsets * count } else { -(offsets * count) };
        let Some(x) = shifted.x() else { return Some(offset) };
        let found = *by_x.get(&x)?;
        let number = if points[found] == *shifted { numbers[found] } else { -numbers[found] };
        Some(number + offset)
    })
}

/// Multiples that are tried, and their opposites.
const SMALL: u64 = 1 << 16;

/// Multiples in the table; the others are reached in steps of twice as many.
const STEP: u64 = 256;

/// Numbers whose powers are tried.
const BASES: [u64; 5] = [2, 3, 5, 7, 10];

/// `factor * point`, in as many steps as the factor has bits.
pub(super) fn times<C: SWCurveConfig>(point: Projective<C>, factor: u64) -> Projective<C> {
    let bits = u64::BITS - factor.leading_zeros();
    (0..bits).rev().fold(Projective::ZERO, |sum, bit| {
        let doubled = sum.double();
        if factor >> bit & 1 == 1 { doubled + point } else { doubled }
    })
}

/// Product of numbers; `None` if one of them is unknown.
pub(in super::super) fn product(numbers: impl Iterator<Item = Option<Fr>>) -> Option<Fr> {
    numbers.into_iter().try_fold(Fr::one(), |product, number| Some(product * number?))
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ff::UniformRand;

    use super::*;

    #[test]
    fn known_numbers_are_found_in_both_groups() {
        let rng = &mut crate::rng::os_rng();
        let beacon = Fr::rand(rng);
        let (known, base) =
            (Known::with_beacons(&[beacon]), (G2Affine::generator() * Fr::rand(rng)).into_affine());
        for number in [Fr::from(300u64), Fr::from(3u64).inverse().unwrap(), -beacon.square()] {
            assert_eq!(known.ratio(base, (base * number).into_affine()), Some(number));
        }
        assert_eq!(known.ratio(base, (base * Fr::rand(rng)).into_affine()), None);
    }

    #[test]
    fn known_numbers_are_found_and_random_ones_are_not() {
        let rng = &mut crate::rng::os_rng();
        let beacons: Vec<Fr> = (0..100).map(|_| Fr::rand(rng)).collect();
        let known = Known::with_beacons(&beacons);
        let base = (G1Affine::generator() * Fr::rand(rng)).into_affine();
        let inverse = |k: u64| Fr::from(k).inverse().unwrap();
        let numbers = [
            Fr::one(),
            Fr::from(2u64),
            Fr::from(256u64),
            Fr::from(257u64),
            Fr::from(12_345u64),
            Fr::from(65_535u64),
            Fr::from(65_536u64),
            inverse(3),
            inverse(54_321),
            Fr::from(2u64).pow([200]),
            Fr::from(2u64).pow([253]),
            Fr::from(3u64).pow([99]),
            Fr::from(10u64).pow([60]),
            Fr::from(7u64).pow([31]).inverse().unwrap(),
            beacons[0],
            beacons[1].square(),
            beacons[0] * beacons[1],
            beacons[99],
        ];
        for number in numbers.into_iter().flat_map(|number| [number, -number]) {
            assert_eq!(known.ratio(base, (base * number).into_affine()), Some(number), "{number}");
        }
        for _ in 0..8 {
            assert_eq!(known.ratio(base, (base * Fr::rand(rng)).into_affine()), None);
        }
        assert_eq!(known.ratio(base, G1Affine::identity()), None);
    }
}
