//! Memory that is overwritten before it is freed.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering, compiler_fence};

use crate::field::Lanes;
use crate::pages;

/// Vectors of lanes that contain secrets. Zeroised on drop.
pub(crate) struct Wiped<L: Lanes>(Vec<L>);

impl<L: Lanes> Wiped<L> {
    /// Takes ownership of vectors.
    pub(crate) fn of(vectors: Vec<L>) -> Self {
        Self(vectors)
    }

    /// `count` vectors of zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        let mut vectors = pages::with_capacity(count);
        vectors.resize(count, L::zero());
        Self(vectors)
    }
}

impl<L: Lanes> Deref for Wiped<L> {
    type Target = [L];

    fn deref(&self) -> &[L] {
        &self.0
    }
}

impl<L: Lanes> DerefMut for Wiped<L> {
    fn deref_mut(&mut self) -> &mut [L] {
        &mut self.0
    }
}

impl<L: Lanes> Drop for Wiped<L> {
    fn drop(&mut self) {
        for vector in &mut self.0 {
            // SAFETY: a mutable reference is valid for writes; lanes have no destructor that the write could
            // skip.
            unsafe { std::ptr::write_volatile(vector, L::zero()) };
        }
        compiler_fence(Ordering::SeqCst);
    }
}
