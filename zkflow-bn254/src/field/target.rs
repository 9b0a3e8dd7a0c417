//! Fq¹² = Fq²\[w\]/(w⁶ − ξ) with ξ = 9 + u: the field of the values of pairings.
//!
//! arkworks builds the same field as Fq⁶\[w\] over Fq⁶ = Fq²\[v\] with v = w².

use std::sync::LazyLock;

use ark_bn254::{Fq, Fq2, Fq6, Fq12, Fq12Config};
use ark_ff::fields::fp12_2over3over2::Fp12Config;
use ark_ff::{AdditiveGroup, Field};

use super::{Arithmetic, Coordinate as _, Lanes, MAX_WIDTH, Quadratic};

/// One element of Fq¹². The functions are inlined; callers make them [tasks](crate::Task).
pub(crate) trait TargetField: Copy + Send + Sync + 'static {
    /// The lanes in which lines are calculated.
    type Lanes: Lanes<Field = Fq>;
    /// The element 1 + a·w + b·w³.
    type Line: Copy + Send + Sync + 'static;

    /// One.
    fn one() -> Self;
    /// Converts from arkworks' form.
    fn from_ark(element: &Fq12) -> Self;
    /// Converts to arkworks' form.
    fn to_ark(&self) -> Fq12;
    /// The product.
    fn mul(&self, other: &Self) -> Self;
    /// The square.
    fn square(&self) -> Self;
    /// The square of an element whose order divides p⁴ − p² + 1 (R. Granger and M. Scott, *Faster Squaring in the
    /// Cyclotomic Subgroup of Sixth Degree Extensions*, 2010).
    fn cyclotomic_square(&self) -> Self;
    /// The power p⁶: w becomes −w. The inverse of an element as in [`cyclotomic_square`](Self::cyclotomic_square).
    fn conjugate(&self) -> Self;
    /// The power pⁿ, for n from 1 to 3.
    fn frobenius(&self, n: usize) -> Self;
    /// Appends the line of each lane.
    fn append_lines(a: Quadratic<Self::Lanes>, b: Quadratic<Self::Lanes>, lines: &mut Vec<Self::Line>);
    /// The product with a line.
    fn mul_line(&self, line: &Self::Line) -> Self;
}

/// The coefficients of w⁰ to w⁵.
pub(super) type Coefficients<T> = [T; 6];

pub(super) fn coefficients(element: &Fq12) -> Coefficients<Fq2> {
    let Fq12 { c0: even, c1: odd, .. } = element;
    [even.c0, odd.c0, even.c1, odd.c1, even.c2, odd.c2]
}

pub(super) fn element([c0, c1, c2, c3, c4, c5]: Coefficients<Fq2>) -> Fq12 {
    Fq12::new(Fq6::new(c0, c2, c4), Fq6::new(c1, c3, c5))
}

/// wᵏ to the power pⁿ is the coefficient k of row n − 1 times wᵏ.
pub(super) fn frobenius_factors(n: usize) -> &'static Coefficients<Fq2> {
    static FACTORS: LazyLock<[Coefficients<Fq2>; 3]> = LazyLock::new(|| {
        std::array::from_fn(|n| {
            let mut power = Fq2::ONE;
            std::array::from_fn(|_| {
                let this = power;
                power *= Fq12Config::FROBENIUS_COEFF_FP12_C1[n + 1];
                this
            })
        })
    });
    &FACTORS[n - 1]
}

impl<L: Lanes<Field = Fq>> Quadratic<L> {
    /// The product with ξ, of a reduced value.
    #[inline(always)]
    pub(crate) fn times_xi(self) -> Self {
        let nine = self.double().double().double().add(self);
        Self { c0: nine.c0.sub(self.c1), c1: nine.c1.add(self.c0) }
    }

    /// The same element in every lane.
    #[inline(always)]
    pub(crate) fn broadcast(element: &Fq2) -> Self {
        Self { c0: L::load(&[element.c0; MAX_WIDTH]), c1: L::load(&[element.c1; MAX_WIDTH]) }
    }
}

/// An element of Fq¹² on lanes of which only the first is used: the coefficients of w⁰ to w⁵.
#[derive(Clone, Copy)]
pub(crate) struct Tower<L>(Coefficients<Quadratic<L>>);

/// An element of Fq⁶ = Fq²\[v\]/(v³ − ξ).
#[derive(Clone, Copy)]
struct Cubic<L>([Quadratic<L>; 3]);

impl<L: Lanes<Field = Fq>> Cubic<L> {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a.add(d), b.add(e), c.add(f)])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        Self([a.sub(d), b.sub(e), c.sub(f)])
    }

    /// The product with v.
    #[inline(always)]
    fn shift(self) -> Self {
        let [a, b, c] = self.0;
        Self([c.times_xi(), a, b])
    }

    /// Karatsuba's product, with six products in Fq².
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        let (ad, be, cf) = (a.mul(d), b.mul(e), c.mul(f));
        Self([
            b.add_loose(c).mul(e.add(f)).sub_both(be, cf).times_xi().add(ad),
            a.add_loose(b).mul(d.add(e)).sub_both(ad, be).add(cf.times_xi()),
            a.add_loose(c).mul(d.add(f)).sub_both(ad, cf).add(be),
        ])
    }

    /// The product with d + e·v.
    #[inline(always)]
    fn mul_by_two(self, d: Quadratic<L>, e: Quadratic<L>) -> Self {
        let [a, b, c] = self.0;
        let (ad, be) = (a.mul(d), b.mul(e));
        Self([c.mul(e).times_xi().add(ad), a.add_loose(b).mul(d.add(e)).sub_both(ad, be), c.mul(d).add(be)])
    }
}

impl<L: Lanes<Field = Fq>> Tower<L> {
    /// The coefficients of even and of odd powers of w.
    #[inline(always)]
    fn halves(&self) -> (Cubic<L>, Cubic<L>) {
        let [c0, c1, c2, c3, c4, c5] = self.0;
        (Cubic([c0, c2, c4]), Cubic([c1, c3, c5]))
    }

    #[inline(always)]
    fn from_halves(Cubic([c0, c2, c4]): Cubic<L>, Cubic([c1, c3, c5]): Cubic<L>) -> Self {
        Self([c0, c1, c2, c3, c4, c5])
    }
}

/// The coefficients of (x + y·w³)², where w⁶ = ξ.
#[inline(always)]
fn square_of_pair<L: Lanes<Field = Fq>>(x: Quadratic<L>, y: Quadratic<L>) -> (Quadratic<L>, Quadratic<L>) {
    let (xx, yy) = (x.square(), y.square());
    (xx.add(yy.times_xi()), x.add(y).square().sub_both(xx, yy))
}

impl<L: Lanes<Field = Fq>> TargetField for Tower<L> {
    type Lanes = L;
    type Line = [Quadratic<L>; 2];

    #[inline(always)]
    fn one() -> Self {
        let mut coefficients = [Quadratic::zero(); 6];
        coefficients[0] = Quadratic::one();
        Self(coefficients)
    }

    #[inline(always)]
    fn from_ark(element: &Fq12) -> Self {
        let (mut lanes, coefficients) = ([Quadratic::zero(); 6], coefficients(element));
        for k in 0..6 {
            lanes[k] = Quadratic::broadcast(&coefficients[k]);
        }
        Self(lanes)
    }

    #[inline(always)]
    fn to_ark(&self) -> Fq12 {
        let (mut c0, mut c1) = ([Fq::ZERO; MAX_WIDTH], [Fq::ZERO; MAX_WIDTH]);
        let mut coefficients = [Fq2::ZERO; 6];
        for k in 0..6 {
            self.0[k].c0.store(&mut c0);
            self.0[k].c1.store(&mut c1);
            coefficients[k] = Fq2::new(c0[0], c1[0]);
        }
        element(coefficients)
    }

    /// Karatsuba's product.
    #[inline(always)]
    fn mul(&self, other: &Self) -> Self {
        let ((a, b), (c, d)) = (self.halves(), other.halves());
        let (ac, bd) = (a.mul(c), b.mul(d));
        Self::from_halves(ac.add(bd.shift()), a.add(b).mul(c.add(d)).sub(ac).sub(bd))
    }

    /// (a + b)(a + b·w²) − (1 + w²)·ab, and 2ab·w.
    #[inline(always)]
    fn square(&self) -> Self {
        let (a, b) = self.halves();
        let ab = a.mul(b);
        Self::from_halves(a.add(b).mul(a.add(b.shift())).sub(ab).sub(ab.shift()), ab.add(ab))
    }

    #[inline(always)]
    fn cyclotomic_square(&self) -> Self {
        let [c0, c1, c2, c3, c4, c5] = self.0;
        let ((a0, a3), (b0, b3), (d0, d3)) =
            (square_of_pair(c0, c3), square_of_pair(c1, c4), square_of_pair(c2, c5));
        let (sums, differences) = ([a3.add(c3), b3.add(c5)], [a0.sub(c0), b0.sub(c2), d0.sub(c4)]);
        let d3 = d3.times_xi();
        Self([
            differences[0].double().add(a0),
            d3.add(c1).double().add(d3),
            differences[1].double().add(b0),
            sums[0].double().add(a3),
            differences[2].double().add(d0),
            sums[1].double().add(b3),
        ])
    }

    #[inline(always)]
    fn conjugate(&self) -> Self {
        let [c0, c1, c2, c3, c4, c5] = self.0;
        Self([c0, c1.neg(), c2, c3.neg(), c4, c5.neg()])
    }

    #[inline(always)]
    fn frobenius(&self, n: usize) -> Self {
        let factors = frobenius_factors(n);
        let mut coefficients = self.0;
        for k in 0..6 {
            let c = if n % 2 == 1 { coefficients[k].conjugate() } else { coefficients[k] };
            coefficients[k] = c.mul(Quadratic::broadcast(&factors[k]));
        }
        Self(coefficients)
    }

    #[inline(always)]
    fn append_lines(a: Quadratic<L>, b: Quadratic<L>, lines: &mut Vec<Self::Line>) {
        lines.push([a, b]);
    }

    #[inline(always)]
    fn mul_line(&self, [a, b]: &Self::Line) -> Self {
        let (even, odd) = self.halves();
        Self::from_halves(even.add(odd.mul_by_two(*a, *b).shift()), odd.add(even.mul_by_two(*a, *b)))
    }
}
