//! Many scalar multiplications at once, and Lagrange forms of commitments.
//!
//! A scalar is split with the curve's endomorphism ([GLV]) into two halves of 128 bits, each written in
//! windowed non-adjacent form; the tables of a batch share one inversion. All of it is variable in
//! time: it runs on the contributor's own machine.
//!
//! Points of G2 must lie in the subgroup of order r, where the endomorphism is a multiplication.
//!
//! [GLV]: https://www.iacr.org/archive/crypto2001/21390189.pdf

use std::borrow::Borrow;

use ark_bn254::Fr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{FftField, Field, One, PrimeField, Zero};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// G1 or G2 of BN254.
pub(crate) trait Curve: GLVConfig<ScalarField = Fr> {}

impl<C: GLVConfig<ScalarField = Fr>> Curve for C {}

/// Multiplies every point by one scalar.
pub(crate) fn scale<C: Curve>(points: &[Affine<C>], scalar: &Fr) -> Vec<Affine<C>> {
    let digits = Digits::of::<C>(scalar);
    let bases: Vec<_> = points.iter().map(|point| point.into_group()).collect();
    normalize(&products(&bases, |_| &digits))
}

/// Multiplies the point of number `i` by `first * step^i`.
pub(crate) fn scale_by_powers<C: Curve>(points: &[Affine<C>], first: &Fr, step: &Fr) -> Vec<Affine<C>> {
    let bases: Vec<_> = points.iter().map(|point| point.into_group()).collect();
    let digits = |i: usize| Digits::of::<C>(&(*first * step.pow([i as u64])));
    normalize(&products(&bases, digits))
}

/// The Lagrange form of commitments to `1, x, x^2, ..`, as many as a power of two: commitments to the
/// Lagrange polynomials of the roots of unity of that order. It is an inverse Fourier transform over the
/// group.
pub(crate) fn lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    let n = points.len() as u64;
    let inverse_root = root_of_unity(n).inverse().expect("a root of unity is not zero");
    let values = transform(points, inverse_root);
    let scale_down = Fr::from(n).inverse().expect("a power of two is not zero");
    let digits = Digits::of::<C>(&scale_down);
    normalize(&products(&values, |_| &digits))
}

/// The inverse of [`lagrange`]: commitments to powers from their Lagrange form.
pub(crate) fn from_lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    normalize(&transform(points, root_of_unity(points.len() as u64)))
}

fn root_of_unity(order: u64) -> Fr {
    Fr::get_root_of_unity(order).expect("a power of two of at most 2^28 points")
}

/// The sums of `points[j] * root^(ij)` over `j`, for each `i` ([Cooley and Tukey], decimation in time).
///
/// [Cooley and Tukey]: https://doi.org/10.1090/S0025-5718-1965-0178586-1
fn transform<C: Curve>(points: &[Affine<C>], root: Fr) -> Vec<Projective<C>> {
    let n = points.len();
    let order = n.trailing_zeros();
    let reversed = |i: usize| i.reverse_bits().checked_shr(usize::BITS - order).unwrap_or(0);
    let mut values: Vec<Projective<C>> = (0..n).map(|i| points[reversed(i)].into_group()).collect();

    let mut half = 1;
    while half < n {
        // Every block of this layer multiplies by the same roots of unity.
        let step = root.pow([(n / (2 * half)) as u64]);
        let twiddles: Vec<Digits> =
            (0..half).into_par_iter().map(|j| Digits::of::<C>(&step.pow([j as u64]))).collect();
        let upper: Vec<Projective<C>> =
            values.chunks_exact(2 * half).flat_map(|block| &block[half..]).copied().collect();
        let turned = products(&upper, |i| &twiddles[i % half]);
        values.par_chunks_exact_mut(2 * half).zip(turned.par_chunks_exact(half)).for_each(
            |(block, turned)| {
                let (lower, upper) = block.split_at_mut(half);
                for ((low, high), turned) in lower.iter_mut().zip(upper).zip(turned) {
                    *high = *low - turned;
                    *low += turned;
                }
            },
        );
        half *= 2;
    }
    values
}

/// The affine form of many points, on all cores.
pub(crate) fn normalize<C: Curve>(points: &[Projective<C>]) -> Vec<Affine<C>> {
    points.par_chunks(BATCH).flat_map_iter(Projective::normalize_batch).collect()
}

/// Multiplies the point of number `i` by the scalar whose digits are `digits(i)`.
fn products<C: Curve, D: Borrow<Digits>>(
    bases: &[Projective<C>],
    digits: impl Fn(usize) -> D + Sync,
) -> Vec<Projective<C>> {
    let batch = |(number, bases): (usize, &[Projective<C>])| -> Vec<Projective<C>> {
        let first = number * BATCH;
        let one = |(i, table)| digits(first + i).borrow().times(table);
        tables(bases).chunks_exact(ENTRIES).enumerate().map(one).collect()
    };
    bases.par_chunks(BATCH).enumerate().flat_map_iter(batch).collect()
}

/// The multiples by 1, 3, 5, 7 of every base.
fn tables<C: Curve>(bases: &[Projective<C>]) -> Vec<Affine<C>> {
    let mut multiples = Vec::with_capacity(bases.len() * ENTRIES);
    for base in bases {
        let double = base.double();
        let odd = std::iter::successors(Some(*base), |last| Some(*last + double));
        multiples.extend(odd.take(ENTRIES));
    }
    Projective::normalize_batch(&multiples)
}

/// The digits of the two halves of a scalar from the lowest up: odd numbers from -7 to 7, or zeros.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Digits(Vec<[i8; 2]>);

impl Digits {
    fn of<C: Curve>(scalar: &Fr) -> Self {
        if scalar.is_one() {
            return Self(vec![[1, 0]]);
        }
        let ((first_positive, first), (second_positive, second)) = C::scalar_decomposition(*scalar);
        let mut digits = vec![[0; 2]; LENGTH];
        for (column, positive, half) in [(0, first_positive, first), (1, second_positive, second)] {
            let [low, high, rest @ ..] = half.into_bigint().0;
            assert_eq!(rest, [0, 0], "the halves of a scalar of 254 bits have at most 128");
            let mut left = u128::from(high) << 64 | u128::from(low);
            for row in &mut digits {
                if left & 1 == 1 {
                    let digit = signed(left);
                    left = left.wrapping_sub(digit as u128);
                    row[column] = if positive { digit } else { -digit };
                }
                left >>= 1;
            }
            assert_eq!(left, 0, "the digits hold the whole scalar");
        }
        let used = digits.iter().rposition(|row| *row != [0, 0]).map_or(0, |last| last + 1);
        digits.truncate(used);
        Self(digits)
    }

    /// The product, from the table of the base.
    fn times<C: Curve>(&self, table: &[Affine<C>]) -> Projective<C> {
        let turned: [Affine<C>; ENTRIES] = std::array::from_fn(|i| C::endomorphism_affine(&table[i]));
        let mut sum = Projective::zero();
        for [first, second] in self.0.iter().rev() {
            sum.double_in_place();
            add(&mut sum, table, *first);
            add(&mut sum, &turned, *second);
        }
        sum
    }
}

/// The odd digit between -7 and 7 that an odd number ends with.
fn signed(number: u128) -> i8 {
    let digit = (number & 15) as i8;
    if digit > 8 { digit - 16 } else { digit }
}

fn add<C: Curve>(sum: &mut Projective<C>, table: &[Affine<C>], digit: i8) {
    match digit {
        0 => {}
        1.. => *sum += table[digit as usize / 2],
        _ => *sum -= table[digit.unsigned_abs() as usize / 2],
    }
}

/// Entries of a table.
const ENTRIES: usize = 4;
/// Digits of half a scalar, whose carry may reach one further.
const LENGTH: usize = 130;
/// Points whose tables share an inversion.
const BATCH: usize = 128;

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine, g1, g2};
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn points<C: Curve>(count: usize) -> Vec<Affine<C>> {
        let mut rng = StdRng::seed_from_u64(5);
        (0..count).map(|_| (Affine::<C>::generator() * Fr::rand(&mut rng)).into_affine()).collect()
    }

    fn products_agree<C: Curve>() {
        let points = points::<C>(6);
        let mut rng = StdRng::seed_from_u64(6);
        let edges =
            [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(2u64), Fr::from(8u64), C::LAMBDA, -C::LAMBDA];
        for scalar in edges.into_iter().chain((0..20).map(|_| Fr::rand(&mut rng))) {
            let expected: Vec<_> = points.iter().map(|point| (*point * scalar).into_affine()).collect();
            assert_eq!(scale(&points, &scalar), expected, "{scalar}");
        }
        let (first, step) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let expected: Vec<_> = (0u64..)
            .zip(&points)
            .map(|(i, point)| (*point * (first * step.pow([i]))).into_affine())
            .collect();
        assert_eq!(scale_by_powers(&points, &first, &step), expected);
    }

    #[test]
    fn products_are_those_of_the_reference() {
        products_agree::<g1::Config>();
        products_agree::<g2::Config>();
    }

    #[test]
    fn infinity_stays_infinity() {
        assert_eq!(scale(&[G1Affine::identity()], &Fr::from(77u64)), [G1Affine::identity()]);
        let mixed = [G2Affine::identity(), G2Affine::generator()];
        assert_eq!(scale(&mixed, &-Fr::one()), [G2Affine::identity(), -G2Affine::generator()]);
    }

    #[test]
    fn the_lagrange_form_commits_to_lagrange_polynomials() {
        let mut rng = StdRng::seed_from_u64(7);
        let tau = Fr::rand(&mut rng);
        for n in [1u64, 2, 8, 32] {
            let commit = |scalar: Fr| (G1Affine::generator() * scalar).into_affine();
            let powers: Vec<_> = (0..n).map(|i| commit(tau.pow([i]))).collect();
            let root = Fr::get_root_of_unity(n).unwrap();
            // L_j(tau) = (tau^n - 1) / n * w^j / (tau - w^j)
            let at = |j: u64| {
                let w = root.pow([j]);
                (tau.pow([n]) - Fr::one()) * w / (Fr::from(n) * (tau - w))
            };
            let expected: Vec<_> = (0..n).map(|j| commit(at(j))).collect();
            assert_eq!(lagrange(&powers), expected, "{n}");
            assert_eq!(from_lagrange(&expected), powers, "{n}");
        }
    }
}
