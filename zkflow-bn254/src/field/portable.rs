//! One lane, with arkworks' arithmetic on 64-bit words. Every value is canonical.

use ark_ff::{AdditiveGroup, BigInt, Fp, MontBackend, MontConfig, PrimeField};

use super::{Arithmetic, Lanes, Mask, Row};

/// One field element, as one lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Portable<F>(F);

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
        Self(self.0 + other.0)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline(always)]
    fn double(self) -> Self {
        Self(self.0.double())
    }

    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0)
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
        Self(self.0 * other.0)
    }

    #[inline(always)]
    fn square(self) -> Self {
        Self(ark_ff::Field::square(&self.0))
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        self
    }

    #[inline(always)]
    fn zero_mask(self) -> Mask {
        self.literal_zero_mask()
    }

    #[inline(always)]
    fn literal_zero_mask(self) -> Mask {
        (self.0 == Fp::ZERO).into()
    }

    #[inline(always)]
    fn perhaps_equal_mask(self, other: Self) -> Mask {
        (self.0 == other.0).into()
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        if mask & 1 == 1 { yes } else { no }
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
        Self(ark_ff::Field::sum_of_products(&[self.0, c.0], &[b.0, d.0]))
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
