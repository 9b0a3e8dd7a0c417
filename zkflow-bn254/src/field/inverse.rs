//! Batch inversion: one inversion in all and three multiplications per element (P. Montgomery, *Speeding the
//! Pollard and Elliptic Curve Methods of Factorization*, 1987).

use ark_ff::{AdditiveGroup, BigInt, PrimeField};

use super::divsteps::inverse;
use super::{Lanes, MAX_WIDTH};

/// The reduced inverse of every lane of a loose value; the inverse of zero is zero. Costs one inversion.
#[inline(always)]
pub(crate) fn invert_each<L: Lanes>(value: L) -> L {
    let mut elements = [<L::Field as AdditiveGroup>::ZERO; MAX_WIDTH];
    value.store(&mut elements);
    invert_elements(&mut elements[..L::WIDTH]);
    L::load(&elements)
}

/// Replaces every element by its inverse; zero stays zero.
fn invert_elements<F: PrimeField<BigInt = BigInt<4>>>(elements: &mut [F]) {
    debug_assert!(elements.len() <= MAX_WIDTH);
    let mut before = [F::ONE; MAX_WIDTH];
    let mut product = F::ONE;
    for (element, before) in elements.iter().zip(&mut before) {
        *before = product;
        if !element.is_zero() {
            product *= element;
        }
    }
    let mut inverse = inverse(product).expect("a product of nonzero elements is nonzero");
    for (element, before) in elements.iter_mut().zip(&before).rev() {
        if !element.is_zero() {
            let this = inverse * before;
            inverse *= *element;
            *element = this;
        }
    }
}

/// Replaces every lane of all reduced values by its inverse; zero stays zero. Costs one inversion.
#[inline(always)]
pub(crate) fn invert_all<L: Lanes>(values: &mut [L]) {
    let mut before = Vec::with_capacity(values.len());
    let mut product = L::one();
    for value in values.iter_mut() {
        before.push(product);
        product = product.mul(L::select(value.zero_mask(), L::one(), *value));
    }
    let mut inverse = invert_each(product);
    for (value, before) in values.iter_mut().zip(before).rev() {
        let zero = value.zero_mask();
        let this = inverse.mul(before);
        inverse = inverse.mul(L::select(zero, L::one(), *value));
        *value = L::select(zero, L::zero(), this);
    }
}

/// Number of chains, so that multiplications do not wait for each other.
const CHAINS: usize = 2;

/// Products of nonzero values, for an inversion that all of them share. Value i belongs to chain i mod 2.
///
/// Call [`push`](Self::push) for each value, then [`invert`](Self::invert), then [`pop`](Self::pop) for each value, the
/// last one of a chain first.
pub(crate) struct Chains<L>([L; CHAINS]);

impl<L: Lanes> Chains<L> {
    /// Empty chains.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([L::one(); CHAINS])
    }

    /// Appends value `index`. Returns the product of the earlier values of its chain.
    #[inline(always)]
    pub(crate) fn push(&mut self, index: usize, value: L) -> L {
        let chain = &mut self.0[index % CHAINS];
        let before = *chain;
        // The value is the first factor: the portable kernel has it in registers.
        *chain = value.mul(before);
        before
    }

    /// Inverts the product of all values.
    #[inline(always)]
    pub(crate) fn invert(&mut self) {
        self.invert_scaled(L::one());
    }

    /// [`invert`](Self::invert), but [`pop`](Self::pop) returns inverses times a reduced factor.
    #[inline(always)]
    pub(crate) fn invert_scaled(&mut self, factor: L) {
        let [a, b] = self.0;
        let inverse = invert_each(a.mul(b)).mul(factor);
        self.0 = [inverse.mul(b), inverse.mul(a)];
    }

    /// Removes value `index`, for which [`push`](Self::push) returned `before`. Returns its inverse.
    #[inline(always)]
    pub(crate) fn pop(&mut self, index: usize, value: L, before: L) -> L {
        let chain = &mut self.0[index % CHAINS];
        let inverse = chain.mul(before);
        *chain = chain.mul(value);
        inverse
    }
}
