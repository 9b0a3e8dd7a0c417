//! Fq¹² in two vectors: lane k contains the coefficient of wᵏ. Lanes 6 and 7 are meaningless.
//!
//! A product is Σ aᵢ·(wⁱ·b), with the coefficient aᵢ in all lanes. The lanes of wⁱ·b are those of b, i places up; the
//! coefficients that leave at the top return at the bottom, times ξ. So all of them are windows of one table: ξ·b, then b.
//! The products of a lane are summed before they are reduced.

use core::arch::x86_64::*;

use ark_bn254::{Fq, Fq2, Fq12, FqConfig};
use ark_ff::AdditiveGroup;

use super::ifma::words;
use super::modulus::{LIMBS, Limbs};
use super::product::Limb;
use super::{Ifma, Words};
use crate::field::target::{Coefficients, TargetField, coefficients, element, frobenius_factors};
use crate::field::{Arithmetic, Lanes, MAX_WIDTH, Mask, Quadratic};

type Fq8 = Ifma<FqConfig>;

/// An element of Fq¹².
#[derive(Clone, Copy)]
pub(crate) struct Sextic(Quadratic<Fq8>);

/// Lanes of even powers of w.
const EVEN: Mask = 0b01_0101;

/// Limbs of eight lanes.
#[repr(align(64))]
struct Columns([[u64; MAX_WIDTH]; LIMBS]);

impl Columns {
    #[inline(always)]
    fn of(vectors: Fq8) -> Self {
        let mut columns = Self([[0; MAX_WIDTH]; LIMBS]);
        for i in 0..LIMBS {
            // SAFETY: a column is 64 bytes, at a multiple of 64 bytes in a type with that alignment.
            unsafe { _mm512_store_si512(columns.0[i].as_mut_ptr().cast(), vectors.0[i]) };
        }
        columns
    }

    #[inline(always)]
    fn lane(&self, lane: usize) -> Limbs {
        let mut limbs = [0; LIMBS];
        for i in 0..LIMBS {
            limbs[i] = self.0[i][lane];
        }
        limbs
    }
}

/// One lane of columns, in every lane.
#[derive(Clone, Copy)]
struct Spread<'a>(&'a Columns, usize);

impl Limb<__m512i> for Spread<'_> {
    #[inline(always)]
    fn limb(&self, i: usize) -> __m512i {
        __m512i::broadcast(self.0.0[i][self.1])
    }
}

impl Limb<__m512i> for &Limbs {
    #[inline(always)]
    fn limb(&self, i: usize) -> __m512i {
        __m512i::broadcast(self[i])
    }
}

/// The limbs of ξ·b in words 2 to 7, those of b in words 8 to 13; words 14 and 15 are meaningless.
#[repr(align(64))]
struct Shifts([[u64; 2 * MAX_WIDTH]; LIMBS]);

impl Shifts {
    #[inline(always)]
    fn of(b: Fq8, xi_b: Fq8) -> Self {
        let mut table = Self([[0; 16]; LIMBS]);
        for i in 0..LIMBS {
            let row = table.0[i].as_mut_ptr();
            // SAFETY: words 2 to 9 and 8 to 15 are in the row; the second store needs its alignment, which the row has.
            unsafe {
                _mm512_storeu_si512(row.add(2).cast(), xi_b.0[i]);
                _mm512_store_si512(row.add(8).cast(), b.0[i]);
            }
        }
        table
    }

    /// wⁱ·b for `places` = i.
    #[inline(always)]
    fn up(&self, places: usize) -> Shifted<'_> {
        assert!(places < 6, "there are six coefficients");
        Shifted(self, places)
    }
}

#[derive(Clone, Copy)]
struct Shifted<'a>(&'a Shifts, usize);

impl Limb<__m512i> for Shifted<'_> {
    #[inline(always)]
    fn limb(&self, i: usize) -> __m512i {
        let row = &self.0.0[i];
        // SAFETY: at most 5 places: eight words from word 3 on are in the row.
        unsafe { _mm512_loadu_si512(row.as_ptr().add(8 - self.1).cast()) }
    }
}

/// The coefficients of wⁱ·b: those of 1, of u, and of u with the other sign.
struct Multiples {
    c0: Shifts,
    c1: Shifts,
    minus_c1: Shifts,
}

impl Multiples {
    #[inline(always)]
    fn of(b: Quadratic<Fq8>) -> Self {
        let xi_b = b.times_xi();
        Self {
            c0: Shifts::of(b.c0, xi_b.c0),
            c1: Shifts::of(b.c1, xi_b.c1),
            minus_c1: Shifts::of(b.c1.neg(), xi_b.c1.neg()),
        }
    }

    /// Σ aₙ·wⁱ·b for the places i; `a` contains the coefficients of 1 and of u of each aₙ.
    #[inline(always)]
    fn dot<A: Limb<__m512i> + Copy, const N: usize>(
        &self,
        a: &[A; N],
        places: &[usize; N],
    ) -> Quadratic<Fq8> {
        let mut real = [self.c0.up(0); N];
        let mut imaginary = real;
        for n in 0..N {
            let (place, is_real) = (places[n], n % 2 == 0);
            real[n] = if is_real { self.c0.up(place) } else { self.minus_c1.up(place) };
            imaginary[n] = if is_real { self.c1.up(place) } else { self.c0.up(place) };
        }
        Quadratic { c0: Fq8::dot(a, &real), c1: Fq8::dot(a, &imaginary) }
    }
}

/// Lane `from[k]` in lane k.
#[inline(always)]
fn permute(vectors: Quadratic<Fq8>, from: [u64; 8]) -> Quadratic<Fq8> {
    let from = words(from);
    let Quadratic { mut c0, mut c1 } = vectors;
    for i in 0..LIMBS {
        // SAFETY: registers in, registers out; `Kernel::run` checks for the instructions.
        unsafe {
            c0.0[i] = _mm512_permutexvar_epi64(from, c0.0[i]);
            c1.0[i] = _mm512_permutexvar_epi64(from, c1.0[i]);
        }
    }
    Quadratic { c0, c1 }
}

#[inline(always)]
fn load(c: &Coefficients<Fq2>) -> Quadratic<Fq8> {
    let (mut c0, mut c1) = ([Fq::ZERO; MAX_WIDTH], [Fq::ZERO; MAX_WIDTH]);
    for k in 0..6 {
        (c0[k], c1[k]) = (c[k].c0, c[k].c1);
    }
    Quadratic { c0: Fq8::load(&c0), c1: Fq8::load(&c1) }
}

impl TargetField for Sextic {
    type Lanes = Fq8;
    type Line = [Limbs; 4];

    #[inline(always)]
    fn one() -> Self {
        Self(Quadratic::select(1, Quadratic::one(), Quadratic::zero()))
    }

    #[inline(always)]
    fn from_ark(element: &Fq12) -> Self {
        Self(load(&coefficients(element)))
    }

    #[inline(always)]
    fn to_ark(&self) -> Fq12 {
        let (mut c0, mut c1) = ([Fq::ZERO; MAX_WIDTH], [Fq::ZERO; MAX_WIDTH]);
        self.0.c0.store(&mut c0);
        self.0.c1.store(&mut c1);
        element(core::array::from_fn(|k| Fq2::new(c0[k], c1[k])))
    }

    #[inline(always)]
    fn mul(&self, other: &Self) -> Self {
        let (a0, a1) = (Columns::of(self.0.c0), Columns::of(self.0.c1));
        let b = Multiples::of(other.0);
        // Twelve products of reduced values are below 12 · 1.9² < 44 p².
        let mut a = [Spread(&a0, 0); 12];
        for n in 0..12 {
            a[n] = Spread(if n % 2 == 0 { &a0 } else { &a1 }, n / 2);
        }
        Self(b.dot(&a, &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]))
    }

    #[inline(always)]
    fn square(&self) -> Self {
        self.mul(self)
    }

    #[inline(always)]
    fn cyclotomic_square(&self) -> Self {
        // (x + y·w³)² with w⁶ = ξ, for three pairs of coefficients x and y: x² + ξy² in lanes 0, 2 and 4, 2xy in lanes
        // 3 and 5, and 2ξxy in lane 1.
        let c = self.0;
        let (xi_c, twice) = (c.times_xi(), c.double());
        let twice =
            Quadratic::select(0b10, permute(xi_c.double(), [5; 8]), permute(twice, [0, 0, 1, 3, 2, 4, 0, 0]));
        let x = permute(c, [0, 2, 1, 0, 2, 1, 0, 0]);
        let y = Quadratic::select(EVEN, x, twice);
        let z = Quadratic::select(EVEN, permute(c, [3, 0, 4, 0, 5, 0, 0, 0]), Quadratic::zero());
        let t = permute(xi_c, [3, 0, 4, 0, 5, 0, 0, 0]);
        let a = [x.c0, x.c1, z.c0, z.c1];
        let s = Quadratic {
            c0: Fq8::dot(&a, &[y.c0, y.c1.neg(), t.c0, t.c1.neg()]),
            c1: Fq8::dot(&a, &[y.c1, y.c0, t.c1, t.c0]),
        };
        Self(s.add(Quadratic::select(EVEN, c.neg(), c)).double().add(s))
    }

    #[inline(always)]
    fn conjugate(&self) -> Self {
        Self(Quadratic::select(EVEN, self.0, self.0.neg()))
    }

    #[inline(always)]
    fn frobenius(&self, n: usize) -> Self {
        let Quadratic { c0, c1 } = self.0;
        let c1 = if n % 2 == 1 { c1.neg() } else { c1 };
        Self(Quadratic { c0, c1 }.mul(load(frobenius_factors(n))))
    }

    #[inline(always)]
    fn append_lines(a: Quadratic<Fq8>, b: Quadratic<Fq8>, lines: &mut Vec<Self::Line>) {
        let (a0, a1, b0, b1) = (Columns::of(a.c0), Columns::of(a.c1), Columns::of(b.c0), Columns::of(b.c1));
        for lane in 0..MAX_WIDTH {
            lines.push([a0.lane(lane), a1.lane(lane), b0.lane(lane), b1.lane(lane)]);
        }
    }

    #[inline(always)]
    fn mul_line(&self, line: &Self::Line) -> Self {
        let product = Multiples::of(self.0).dot(&[&line[0], &line[1], &line[2], &line[3]], &[1, 1, 3, 3]);
        Self(self.0.add(product))
    }
}
