//! G1 and G2 behind one trait, for generic algorithms.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{AdditiveGroup, Field, MontFp};

use super::parts::Splitter;
use crate::Backend;
use crate::compiled::Compiled;
use crate::field::{Coordinate, Lanes, MAX_WIDTH, Quadratic, Row};

/// The curve of a group of BN254: arkworks' configuration [`g1::Config`] or [`g2::Config`].
#[expect(private_bounds, reason = "the types of the kernels are not part of the public interface")]
pub trait Curve: Compiled {}

impl Curve for g1::Config {}
impl Curve for g2::Config {}

/// The parts of [`Curve`] that only the kernels use.
pub(crate) trait CurveLanes: GLVConfig<ScalarField = Fr> {
    /// An affine point in memory, in the form of a kernel; infinity is all zero bytes.
    type Packed: Copy + Default + Send + Sync + AsRef<[Row]> + AsMut<[Row]> + 'static;
    /// One coordinate of `WIDTH` points.
    type Coordinate<B: Backend>: Coordinate<Base = B::Fq, Packed = Self::Packed>;

    /// Number of pairs of parts into which products split a scalar.
    const PAIRS: usize;
    /// Number of digits of a pair of parts; see `digits`.
    const PLACES: usize;
    /// Splits scalars into these parts.
    fn splitter() -> Splitter;
    /// The factors of x and y in the Frobenius endomorphism, after the conjugation; ones for G1, where it is not used.
    fn frobenius() -> [Self::BaseField; 2];

    /// Views rows as points.
    fn packed(rows: &[Row]) -> &[Self::Packed];
    /// Coordinates of the first `WIDTH` points; (0, 0) for infinity.
    fn load<B: Backend>(points: &[Affine<Self>]) -> (Self::Coordinate<B>, Self::Coordinate<B>);
    /// Writes `WIDTH` points; (0, 0) becomes infinity.
    fn store<B: Backend>(x: Self::Coordinate<B>, y: Self::Coordinate<B>, points: &mut [Affine<Self>]);
}

impl CurveLanes for g1::Config {
    type Packed = [Row; 1];
    type Coordinate<B: Backend> = B::Fq;

    const PAIRS: usize = 1;
    // √3 · 0.27 · 2^128 < 3.37 · 8^42.
    const PLACES: usize = 43;

    fn splitter() -> Splitter {
        Splitter::of_g1()
    }

    fn frobenius() -> [Fq; 2] {
        [Fq::ONE; 2]
    }

    fn packed(rows: &[Row]) -> &[[Row; 1]] {
        rows.as_chunks().0
    }

    #[inline(always)]
    fn load<B: Backend>(points: &[G1Affine]) -> (B::Fq, B::Fq) {
        let (mut x, mut y) = ([Fq::ZERO; MAX_WIDTH], [Fq::ZERO; MAX_WIDTH]);
        for i in 0..B::Fq::WIDTH {
            if let Some((px, py)) = points[i].xy() {
                (x[i], y[i]) = (px, py);
            }
        }
        (B::Fq::load(&x), B::Fq::load(&y))
    }

    #[inline(always)]
    fn store<B: Backend>(x: B::Fq, y: B::Fq, points: &mut [G1Affine]) {
        let (mut xs, mut ys) = ([Fq::ZERO; MAX_WIDTH], [Fq::ZERO; MAX_WIDTH]);
        x.store(&mut xs);
        y.store(&mut ys);
        for i in 0..B::Fq::WIDTH {
            let infinity = xs[i] == Fq::ZERO && ys[i] == Fq::ZERO;
            points[i] = if infinity { G1Affine::identity() } else { G1Affine::new_unchecked(xs[i], ys[i]) };
        }
    }
}

impl CurveLanes for g2::Config {
    type Packed = [Row; 2];
    type Coordinate<B: Backend> = Quadratic<B::Fq>;

    const PAIRS: usize = 2;
    // √3 · 0.97 · 2^64 < 3.37 · 8^21.
    const PLACES: usize = 22;

    fn splitter() -> Splitter {
        Splitter::of_g2()
    }

    /// (9 + u)^((q − 1)/3) and (9 + u)^((q − 1)/2), for the twist y² = x³ + 3/(9 + u).
    fn frobenius() -> [Fq2; 2] {
        const X: Fq2 = Fq2::new(
            MontFp!("21575463638280843010398324269430826099269044274347216827212613867836435027261"),
            MontFp!("10307601595873709700152284273816112264069230130616436755625194854815875713954"),
        );
        const Y: Fq2 = Fq2::new(
            MontFp!("2821565182194536844548159561693502659359617185244120367078079554186484126554"),
            MontFp!("3505843767911556378687030309984248845540243509899259641013678093033130930403"),
        );
        [X, Y]
    }

    fn packed(rows: &[Row]) -> &[[Row; 2]] {
        rows.as_chunks().0
    }

    #[inline(always)]
    fn load<B: Backend>(points: &[G2Affine]) -> (Quadratic<B::Fq>, Quadratic<B::Fq>) {
        let mut c = [[Fq::ZERO; MAX_WIDTH]; 4];
        for i in 0..B::Fq::WIDTH {
            if let Some((px, py)) = points[i].xy() {
                [c[0][i], c[1][i], c[2][i], c[3][i]] = [px.c0, px.c1, py.c0, py.c1];
            }
        }
        let [x0, x1, y0, y1] = [&c[0], &c[1], &c[2], &c[3]];
        (
            Quadratic { c0: B::Fq::load(x0), c1: B::Fq::load(x1) },
            Quadratic { c0: B::Fq::load(y0), c1: B::Fq::load(y1) },
        )
    }

    #[inline(always)]
    fn store<B: Backend>(x: Quadratic<B::Fq>, y: Quadratic<B::Fq>, points: &mut [G2Affine]) {
        let mut c = [[Fq::ZERO; MAX_WIDTH]; 4];
        x.c0.store(&mut c[0]);
        x.c1.store(&mut c[1]);
        y.c0.store(&mut c[2]);
        y.c1.store(&mut c[3]);
        for i in 0..B::Fq::WIDTH {
            let (x, y) = (Fq2::new(c[0][i], c[1][i]), Fq2::new(c[2][i], c[3][i]));
            let infinity = x == Fq2::ZERO && y == Fq2::ZERO;
            points[i] = if infinity { G2Affine::identity() } else { G2Affine::new_unchecked(x, y) };
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::PrimeField;

    use super::*;

    #[test]
    fn the_frobenius_endomorphism_multiplies_by_the_modulus_of_fq() {
        let nonresidue = Fq2::new(9u64.into(), 1u64.into());
        let less_one = num_bigint::BigUint::from(Fq::MODULUS) - 1u32;
        let [x, y] = g2::Config::frobenius();
        assert_eq!(nonresidue.pow((less_one.clone() / 3u32).to_u64_digits()), x);
        assert_eq!(nonresidue.pow((less_one / 2u32).to_u64_digits()), y);
        let mut image = G2Affine::generator();
        image.x.conjugate_in_place();
        image.y.conjugate_in_place();
        (image.x, image.y) = (image.x * x, image.y * y);
        let factor = Fr::from(num_bigint::BigUint::from(Fq::MODULUS));
        assert_eq!(image, G2Affine::generator() * factor);
    }
}
