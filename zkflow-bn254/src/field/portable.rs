//! One lane on 64-bit words. Every value is canonical.
//!
//! Multiplications use `mulx` and two chains of carries on x86-64 processors that have them, and arkworks' code on
//! others. Additions have no branches: the outcome of a comparison of random values cannot be predicted.

#[cfg(target_arch = "x86_64")]
mod adx;

use ark_ff::{AdditiveGroup, BigInt, Fp, MontBackend, MontConfig, PrimeField};

use super::{Arithmetic, Lanes, Mask, Row};

/// One field element, as one lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Portable<F>(F);

/// Looks for the instructions of multiplications. Without a call, they are not used.
pub(crate) fn detect_instructions() {
    #[cfg(target_arch = "x86_64")]
    adx::detect();
}

type Words = [u64; 4];

/// a + b, which must be below 2^256.
#[inline(always)]
fn sum(a: &Words, b: &Words) -> Words {
    let (mut out, mut carry) = ([0; 4], false);
    for i in 0..4 {
        (out[i], carry) = a[i].carrying_add(b[i], carry);
    }
    out
}

/// a − b modulo 2^256, and whether it is negative.
#[inline(always)]
fn difference(a: &Words, b: &Words) -> (Words, bool) {
    let (mut out, mut borrow) = ([0; 4], false);
    for i in 0..4 {
        (out[i], borrow) = a[i].borrowing_sub(b[i], borrow);
    }
    (out, borrow)
}

/// `a` if the condition holds, zero otherwise, without a branch.
#[inline(always)]
fn keep_if(condition: bool, a: &Words) -> Words {
    let mask = u64::from(condition).wrapping_neg();
    [a[0] & mask, a[1] & mask, a[2] & mask, a[3] & mask]
}

impl<C: MontConfig<4>> Portable<Fp<MontBackend<C, 4>, 4>> {
    const P: Words = C::MODULUS.0;

    #[inline(always)]
    fn new(words: Words) -> Self {
        Self(BigInt(words).into_field())
    }

    #[inline(always)]
    fn words(&self) -> &Words {
        &self.0.0.0
    }
}

#[cfg(target_arch = "x86_64")]
impl<C: MontConfig<4>> Portable<Fp<MontBackend<C, 4>, 4>> {
    const MODULUS: adx::Modulus = [Self::P[0], Self::P[1], Self::P[2], Self::P[3], C::INV];

    #[inline(always)]
    fn product(&self, other: &Self) -> Self {
        if adx::is_available() {
            // SAFETY: the processor has the instructions.
            return Self::new(unsafe { adx::mul(self.words(), other.words(), const { &Self::MODULUS }) });
        }
        self.product_anywhere(other)
    }

    #[inline(always)]
    fn sum_of_products(&self, b: &Self, c: &Self, d: &Self) -> Self {
        if adx::is_available() {
            let factors = [*self.words(), *b.words(), *c.words(), *d.words()];
            // SAFETY: the processor has the instructions.
            return Self::new(unsafe { adx::mul_add_mul(&factors, const { &Self::MODULUS }) });
        }
        self.sum_of_products_anywhere(b, c, d)
    }

    /// On processors without the instructions.
    #[cold]
    #[inline(never)]
    fn product_anywhere(&self, other: &Self) -> Self {
        Self(self.0 * other.0)
    }

    /// On processors without the instructions.
    #[cold]
    #[inline(never)]
    fn sum_of_products_anywhere(&self, b: &Self, c: &Self, d: &Self) -> Self {
        Self(ark_ff::Field::sum_of_products(&[self.0, c.0], &[b.0, d.0]))
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl<C: MontConfig<4>> Portable<Fp<MontBackend<C, 4>, 4>> {
    #[inline(always)]
    fn product(&self, other: &Self) -> Self {
        Self(self.0 * other.0)
    }

    #[inline(always)]
    fn sum_of_products(&self, b: &Self, c: &Self, d: &Self) -> Self {
        Self(ark_ff::Field::sum_of_products(&[self.0, c.0], &[b.0, d.0]))
    }
}

impl<C: MontConfig<4>> Arithmetic for Portable<Fp<MontBackend<C, 4>, 4>> {
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
        // p is below 2^254, so the sum fits.
        let (reduced, negative) = difference(&sum(self.words(), other.words()), &Self::P);
        Self::new(sum(&reduced, &keep_if(negative, &Self::P)))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let (difference, negative) = difference(self.words(), other.words());
        Self::new(sum(&difference, &keep_if(negative, &Self::P)))
    }

    #[inline(always)]
    fn add_loose(self, other: Self) -> Self {
        self.add(other)
    }

    #[inline(always)]
    fn sub_loose(self, other: Self) -> Self {
        self.sub(other)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.product(&other)
    }

    #[inline(always)]
    fn square(self) -> Self {
        self.product(&self)
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        self
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

impl<C: MontConfig<4>> Lanes for Portable<Fp<MontBackend<C, 4>, 4>> {
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
        (self, difference(self.words(), &Self::P).1.into())
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
        self
    }

    #[inline(always)]
    fn mul_add_mul(self, b: Self, c: Self, d: Self) -> Self {
        self.sum_of_products(&b, &c, &d)
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
