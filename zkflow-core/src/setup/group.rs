//! Many scalar multiplications at once, and Lagrange forms of commitments.
//!
//! All of it is variable in time: it runs on the contributor's own machine. Points of G2 must lie in the
//! subgroup of order r, where the endomorphism that products use is a multiplication.

mod lanes;

use ark_bn254::{Fr, g1, g2};
use ark_ec::CurveGroup;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{FftField, Field};
use rayon::prelude::*;

use self::lanes::{BLOCK, Butterflies, Digits, Multiply};
use crate::bn254::Kernel;
use crate::bn254::points::GroupLanes;

/// G1 or G2 of BN254.
pub(crate) trait Curve: GLVConfig<ScalarField = Fr> {
    /// The group as kernels see it.
    type Group: GroupLanes<Affine = Affine<Self>>;
}

impl Curve for g1::Config {
    type Group = Projective<Self>;
}

impl Curve for g2::Config {
    type Group = Projective<Self>;
}

/// Multiplies every point by one scalar.
pub(crate) fn scale<C: Curve>(points: &[Affine<C>], scalar: &Fr) -> Vec<Affine<C>> {
    let digits = Digits::of::<C>(scalar);
    products(points, |_, count| vec![&digits; count])
}

/// Multiplies the point of number `i` by `first * step^i`.
pub(crate) fn scale_by_powers<C: Curve>(points: &[Affine<C>], first: &Fr, step: &Fr) -> Vec<Affine<C>> {
    products_of(points, |start, count| {
        let start = *first * step.pow([start as u64]);
        std::iter::successors(Some(start), |last| Some(*last * step)).take(count).collect()
    })
}

/// The Lagrange form of commitments to `1, x, x^2, ..`, as many as a power of two: commitments to the
/// Lagrange polynomials of the roots of unity of that order. It is an inverse Fourier transform over the
/// group.
pub(crate) fn lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    let n = points.len() as u64;
    let inverse_root = root_of_unity(n).inverse().expect("a root of unity is not zero");
    let scale_down = Fr::from(n).inverse().expect("a power of two is not zero");
    scale(&transform(points, inverse_root), &scale_down)
}

/// The inverse of [`lagrange`]: commitments to powers from their Lagrange form.
pub(crate) fn from_lagrange<C: Curve>(points: &[Affine<C>]) -> Vec<Affine<C>> {
    transform(points, root_of_unity(points.len() as u64))
}

fn root_of_unity(order: u64) -> Fr {
    Fr::get_root_of_unity(order).expect("a power of two of at most 2^28 points")
}

/// The sums of `points[j] * root^(ij)` over `j`, for each `i` ([Cooley and Tukey], decimation in time).
///
/// [Cooley and Tukey]: https://doi.org/10.1090/S0025-5718-1965-0178586-1
fn transform<C: Curve>(points: &[Affine<C>], root: Fr) -> Vec<Affine<C>> {
    let n = points.len();
    let order = n.trailing_zeros();
    let reversed = |i: usize| i.reverse_bits().checked_shr(usize::BITS - order).unwrap_or(0);
    let mut values: Vec<Affine<C>> = (0..n).map(|i| points[reversed(i)]).collect();

    let kernel = Kernel::detect();
    let mut half = 1;
    while half < n {
        // Every block of this layer multiplies by the same roots of unity.
        let step = root.pow([(n / (2 * half)) as u64]);
        let twiddles: Vec<Digits> =
            (0..half).into_par_iter().map(|j| Digits::of::<C>(&step.pow([j as u64]))).collect();
        // Pair number i stands at this place and `half` behind it.
        let place = |i: usize| i / half * 2 * half + i % half;
        let starts: Vec<usize> = (0..n / 2).step_by(BLOCK).collect();
        let turned: Vec<_> = starts
            .par_iter()
            .map(|&start| {
                let pairs = start..(n / 2).min(start + BLOCK);
                let mut low: Vec<_> = pairs.clone().map(|i| values[place(i)]).collect();
                let mut high: Vec<_> = pairs.clone().map(|i| values[place(i) + half]).collect();
                let digits: Vec<_> = pairs.map(|i| &twiddles[i % half]).collect();
                kernel.run(Multiply { points: &mut high, digits: &digits });
                kernel.run(Butterflies { low: &mut low, high: &mut high });
                (low, high)
            })
            .collect();
        for (start, (low, high)) in starts.into_iter().zip(turned) {
            for (i, (low, high)) in (start..).zip(low.into_iter().zip(high)) {
                values[place(i)] = low;
                values[place(i) + half] = high;
            }
        }
        half *= 2;
    }
    values
}

/// The affine form of many points, on all cores.
pub(crate) fn normalize<C: Curve>(points: &[Projective<C>]) -> Vec<Affine<C>> {
    points.par_chunks(BLOCK).flat_map_iter(Projective::normalize_batch).collect()
}

/// Multiplies each point by a scalar of its own; `scalars(start, count)` gives those from `start` on.
pub(crate) fn products_of<C: Curve>(
    points: &[Affine<C>],
    scalars: impl Fn(usize, usize) -> Vec<Fr> + Sync,
) -> Vec<Affine<C>> {
    let kernel = Kernel::detect();
    let block = |(number, points): (usize, &[Affine<C>])| {
        let scalars = zeroize::Zeroizing::new(scalars(number * BLOCK, points.len()));
        let digits: Vec<Digits> = scalars.iter().map(Digits::of::<C>).collect();
        let digits: Vec<&Digits> = digits.iter().collect();
        let mut points = points.to_vec();
        kernel.run(Multiply { points: &mut points, digits: &digits });
        points
    };
    points.par_chunks(BLOCK).enumerate().flat_map_iter(block).collect()
}

/// Multiplies each point by the scalar of its digits.
fn products<'a, C: Curve>(
    points: &[Affine<C>],
    digits: impl Fn(usize, usize) -> Vec<&'a Digits> + Sync,
) -> Vec<Affine<C>> {
    let kernel = Kernel::detect();
    let block = |(number, points): (usize, &[Affine<C>])| {
        let digits = digits(number * BLOCK, points.len());
        let mut points = points.to_vec();
        kernel.run(Multiply { points: &mut points, digits: &digits });
        points
    };
    points.par_chunks(BLOCK).enumerate().flat_map_iter(block).collect()
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::{One, UniformRand, Zero};
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
