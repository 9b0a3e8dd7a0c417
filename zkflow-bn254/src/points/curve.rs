//! G1 and G2 behind one trait, for generic algorithms.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::short_weierstrass::Affine;
use ark_ff::AdditiveGroup;

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
