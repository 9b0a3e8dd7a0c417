//! The optimal Ate pairing of BN254, and products of pairings (F. Vercauteren, *Optimal Pairings*, 2010).
//!
//! Lines through multiples of a point Q of G2 depend on Q alone: [`Lines`]. A line with the slope s through a multiple T
//! has at P, divided by the y of P, the value
//!
//! ```text
//! 1 − s·(x_P / y_P)·w + (s·x_T − y_T)·(1 / y_P)·w³,   w⁶ = 9 + u
//! ```
//!
//! The final exponentiation removes the factors of subfields by which it differs from other forms of lines.
//!
//! All pairings of a product share the squarings of the loop and the final exponentiation. With [`Kernel::Ifma`], an element of
//! Fq¹² is six lanes; the other kernels calculate in one lane.

mod operations;
mod power;
#[cfg(test)]
mod tests;
mod walk;

use std::marker::PhantomData;

use ark_bn254::{Bn254, Config, Fq, Fq2, Fq12, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ec::bn::BnConfig;
use ark_ec::pairing::PairingOutput;
use ark_ff::Field;
use ark_ff::fields::serial_batch_inversion_and_mul;

use self::operations::{square, times_line};
use crate::field::{Arithmetic as _, Lanes as _, MAX_WIDTH, Quadratic, TargetField};
use crate::{Backend, Kernel, Task};

/// The lines of a point of G2, for pairings with it.
///
/// ```
/// use ark_bn254::{Bn254, G1Affine, G2Affine};
/// use ark_ec::AffineRepr;
/// use ark_ec::pairing::Pairing;
/// use zkflow_bn254::Kernel;
/// use zkflow_bn254::pairing::{Lines, product};
///
/// let (p, q) = (G1Affine::generator(), G2Affine::generator());
/// let kernel = Kernel::detect();
/// let lines = Lines::new(kernel, &q).expect("the generator is in G2");
/// assert_eq!(product(kernel, &[(p, &lines)]), Bn254::pairing(p, q));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The parts of the slopes s, then those of s·x_T − y_T. Each is filled up to a multiple of [`MAX_WIDTH`]. Empty for
    /// the point at infinity.
    parts: [Vec<Fq>; 4],
}

impl Lines {
    /// The lines of a point. `None` if it is not in G2: off the curve, or outside the group of order r.
    ///
    /// The check of the group costs one comparison. In the group, the endomorphism ψ multiplies by p, and
    /// 6x + 2 + p − p² + p³ = 0 mod r. The loop arrives at T = \[6x + 2\]Q + ψ(Q) − ψ²(Q), so T = −ψ³(Q). Outside, this
    /// never holds: ψ² − tψ + p = 0, so a point for which it holds has an order that divides the norm of
    /// 6x + 2 + ψ − ψ² + ψ³, whose greatest common divisor with the order of the twist is r (a test computes it).
    pub fn new(kernel: Kernel, point: &G2Affine) -> Option<Self> {
        Self::of_all(kernel, std::slice::from_ref(point))
            .map(|lines| lines.into_iter().next().expect("one point"))
    }

    /// The lines of many points, as [`Lines::new`] returns them. `None` if one of them is not in G2.
    pub fn of_all(kernel: Kernel, points: &[G2Affine]) -> Option<Vec<Self>> {
        let mut walked = walks(kernel, points)?.into_iter();
        let lines = |point: &G2Affine| match point.is_zero() {
            true => Self { parts: Default::default() },
            false => {
                let steps = walked.next().expect("one for each point that is not at infinity");
                Self { parts: kernel.run(walk::Slopes(&steps)) }
            }
        };
        Some(points.iter().map(lines).collect())
    }

    /// True for the lines of the point at infinity.
    fn is_at_infinity(&self) -> bool {
        self.parts[0].is_empty()
    }
}

/// Whether all points are in G2, as [`Lines::new`] finds.
pub(crate) fn are_in_group(kernel: Kernel, points: &[G2Affine]) -> bool {
    walks(kernel, points).is_some()
}

/// The walks of the points that are not at infinity. `None` if a point is not in G2.
fn walks(kernel: Kernel, points: &[G2Affine]) -> Option<Vec<walk::Walked>> {
    if !points.iter().all(G2Affine::is_on_curve) {
        return None;
    }
    let finite: Vec<(Fq2, Fq2)> = points.iter().filter_map(AffineRepr::xy).collect();
    // A single point leaves all lanes but one empty, and one lane is faster alone.
    let kernel = if finite.len() < walk::FEW { Kernel::Portable } else { kernel };
    let mut walked = Vec::with_capacity(finite.len());
    for points in finite.chunks(MAX_WIDTH) {
        walked.extend(kernel.run(walk::Walk { points })?);
    }
    Some(walked)
}

/// Π e(Pᵢ, Qᵢ) for points on the curve of G1 and the lines of points of G2. A pairing with a point at infinity is 1.
///
/// The result is that of arkworks' `multi_pairing`. For a P off the curve it is meaningless, and can be 1.
pub fn product(kernel: Kernel, pairs: &[(G1Affine, &Lines)]) -> PairingOutput<Bn254> {
    final_exponentiation(kernel, &miller_loops(kernel, pairs))
}

/// The value of [`product`] before the final exponentiation, for products that are calculated in parts. Parts are multiplied.
pub fn miller_loops(kernel: Kernel, pairs: &[(G1Affine, &Lines)]) -> Fq12 {
    let finite = pairs.iter().filter(|(p, lines)| !p.is_zero() && !lines.is_at_infinity());
    let finite: Vec<(&G1Affine, &Lines)> = finite.map(|(p, lines)| (p, *lines)).collect();
    let mut inverses: Vec<Fq> = finite.iter().map(|(p, _)| p.y).collect();
    serial_batch_inversion_and_mul(&mut inverses, &Fq::ONE);
    let factors = finite.iter().zip(inverses);
    let pairs: Vec<Pair<'_>> =
        factors.map(|((p, lines), y)| Pair { lines, minus_x_over_y: -p.x * y, one_over_y: y }).collect();
    kernel.run(MillerLoops(&pairs))
}

/// The power of a product of [`miller_loops`] that is the product of the pairings.
///
/// # Panics
/// Panics for zero, which is no such product.
pub fn final_exponentiation(kernel: Kernel, product: &Fq12) -> PairingOutput<Bn254> {
    let inverse = product.inverse().expect("the value of a Miller loop is not zero");
    PairingOutput(kernel.run(power::FinalExponentiation { value: product, inverse: &inverse }))
}

/// A line of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The tangent in T, for 2T.
    Double,
    /// The line through T and Q.
    Add,
    /// The line through T and −Q.
    Subtract,
    /// The line through T and ψ(Q).
    AddImage,
    /// The line through T and −ψ²(Q).
    SubtractImage,
}

/// The lines of the loop, in order.
fn steps() -> impl Iterator<Item = Step> {
    let digits = Config::ATE_LOOP_COUNT.iter().rev().skip(1).flat_map(|digit| {
        let addition = match digit {
            1 => Some(Step::Add),
            -1 => Some(Step::Subtract),
            _ => None,
        };
        std::iter::once(Step::Double).chain(addition)
    });
    digits.chain([Step::AddImage, Step::SubtractImage])
}

struct Pair<'a> {
    lines: &'a Lines,
    minus_x_over_y: Fq,
    one_over_y: Fq,
}

/// The product of the lines of all pairs.
struct MillerLoops<'a>(&'a [Pair<'a>]);

impl Task for MillerLoops<'_> {
    type Output = Fq12;

    #[inline(always)]
    fn run<B: Backend>(self) -> Fq12 {
        let mut lines = Vec::with_capacity(self.0.len());
        for pair in self.0 {
            lines.push(B::run(Values::<B::Fq12>(pair, PhantomData)));
        }
        let mut value = B::Fq12::one();
        for (index, step) in steps().enumerate() {
            if step == Step::Double {
                value = square::<B>(&value);
            }
            for lines in &lines {
                value = times_line::<B>(&value, &lines[index]);
            }
        }
        value.to_ark()
    }
}

/// The lines of a pair, with the coordinates of its P.
struct Values<'a, T>(&'a Pair<'a>, PhantomData<T>);

impl<T: TargetField> Task for Values<'_, T> {
    type Output = Vec<T::Line>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let Pair { lines, minus_x_over_y, one_over_y } = self.0;
        let minus_x_over_y = T::Lanes::load(&[*minus_x_over_y; MAX_WIDTH]);
        let one_over_y = T::Lanes::load(&[*one_over_y; MAX_WIDTH]);
        let mut values = Vec::with_capacity(lines.parts[0].len());
        for first in (0..lines.parts[0].len()).step_by(T::Lanes::WIDTH) {
            let [s0, s1, m0, m1] = &lines.parts;
            let (s0, s1) = (T::Lanes::load(&s0[first..]), T::Lanes::load(&s1[first..]));
            let (m0, m1) = (T::Lanes::load(&m0[first..]), T::Lanes::load(&m1[first..]));
            let a = Quadratic { c0: s0.mul(minus_x_over_y), c1: s1.mul(minus_x_over_y) };
            let b = Quadratic { c0: m0.mul(one_over_y), c1: m1.mul(one_over_y) };
            T::append_lines(a, b, &mut values);
        }
        values
    }
}
