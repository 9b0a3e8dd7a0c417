//! One lane on 64-bit words. Reduced values are canonical; loose ones are below 4p.
//!
//! Multiplications use `mulx` and two chains of carries on x86-64 processors that have them, and 128-bit products on
//! others. Additions have no branches: the outcome of a comparison of random values cannot be predicted.

mod modular;
#[cfg(target_arch = "x86_64")]
mod x86;

use ark_ff::{AdditiveGroup, BigInt, Fp, MontBackend, MontConfig, PrimeField};

use super::{Arithmetic, Lanes, Mask, Row};
use modular::{Modular, Words, difference};

/// One field element, as one lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Portable<F>(F);

#[cfg(not(target_arch = "x86_64"))]
impl Modular for ark_bn254::FqConfig {}
#[cfg(not(target_arch = "x86_64"))]
impl Modular for ark_bn254::FrConfig {}

/// Looks for the instructions of multiplications. Without a call, they are not used.
pub(crate) fn detect_instructions() {
    #[cfg(target_arch = "x86_64")]
    x86::detect();
}

impl<C: MontConfig<4>> Portable<Fp<MontBackend<C, 4>, 4>> {
    #[inline(always)]
    fn new(words: Words) -> Self {
        Self(BigInt(words).into_field())
    }

    #[inline(always)]
    fn words(&self) -> &Words {
        &self.0.0.0
    }
}

impl<C: Modular> Arithmetic for Portable<Fp<MontBackend<C, 4>, 4>> {
    #[inline(always)]
    fn zero() -> Self {
        Self(Fp::ZERO)
    }

    #[inline(always)]
    fn one() -> Self {
        Self(C::R.into_field())
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::new(C::add(*self.words(), *other.words()))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::new(C::sub(*self.words(), *other.words()))
    }

    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        Self::new(C::add_loose(*self.words(), *other.words()))
    }

    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        Self::new(C::sub_loose(*self.words(), *other.words()))
    }

    #[inline(always)]
    fn sub_sums(self, other: Self) -> Self {
        Self::new(C::sub_sums(*self.words(), *other.words()))
    }

    #[inline(always)]
    fn sub_both(self, b: Self, c: Self) -> Self {
        self.sub(b).sub(c)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(C::mul(*self.words(), other.words()))
    }

    #[inline(always)]
    fn square(self) -> Self {
        self.mul(self)
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        self.reduce()
    }

    #[inline(always)]
    fn zero_mask(self) -> Mask {
        let [a, b, c, d] = *self.words();
        (a | b | c | d == 0).into()
    }

    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        (self.words()[0] == 0).into()
    }

    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        (self.words()[0] == other.words()[0]).into()
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        let (yes, no) = (yes.words(), no.words());
        let mask = u64::from(mask & 1).wrapping_neg();
        Self::new(std::array::from_fn(|i| no[i] ^ (no[i] ^ yes[i]) & mask))
    }
}

impl<C: Modular> Lanes for Portable<Fp<MontBackend<C, 4>, 4>> {
    type Field = Fp<MontBackend<C, 4>, 4>;
    const WIDTH: usize = 1;

    #[inline(always)]
    fn load(elements: &[Self::Field]) -> Self {
        Self(elements[0])
    }

    #[inline(always)]
    fn store(self, elements: &mut [Self::Field]) {
        elements[0] = self.0;
    }

    #[inline(always)]
    fn store_integers(self, integers: &mut [[u64; 4]]) {
        integers[0] = self.0.into_bigint().0;
    }

    #[inline(always)]
    fn gather_rows(rows: &[&Row]) -> (Self, Self) {
        let [a, b, c, d, e, f, g, h] = rows[0].0;
        (Self(BigInt([a, b, c, d]).into_field()), Self(BigInt([e, f, g, h]).into_field()))
    }

    #[inline(always)]
    fn adopt(self) -> (Self, Mask) {
        (self, difference(self.words(), &C::MODULUS.0).1.into())
    }

    #[inline(always)]
    fn transpose(_vectors: &mut [Self]) {}

    #[inline(always)]
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]) {
        let [a, b, c, d] = first.0.0.0;
        let [e, f, g, h] = second.0.0.0;
        rows[0] = Row([a, b, c, d, e, f, g, h]);
    }

    #[inline(always)]
    fn reduce(self) -> Self {
        Self::new(C::reduce(*self.words()))
    }

    #[inline(always)]
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self {
        Self::new(C::mul_add_mul(&[*self.words(), *b.words(), *c.words(), *d.words()]))
    }
}

/// Interprets words as an element that is already in Montgomery form.
trait IntoField<F> {
    fn into_field(self) -> F;
}

impl<C: MontConfig<4>> IntoField<Fp<MontBackend<C, 4>, 4>> for BigInt<4> {
    #[inline(always)]
    fn into_field(self) -> Fp<MontBackend<C, 4>, 4> {
        Fp::new_unchecked(self)
    }
}
