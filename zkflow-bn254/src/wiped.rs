//! Memory that is overwritten before it is freed.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering, compiler_fence};

use rayon::prelude::*;

use crate::field::Lanes;
use crate::pages;

/// Minimum number of vectors per task.
const TASK: usize = 1 << 12;

/// Vectors of lanes that contain secrets. Zeroised on drop, on the threads of the current pool.
pub(crate) struct Wiped<L: Lanes>(Vec<L>);

impl<L: Lanes> Wiped<L> {
    /// Takes ownership of vectors.
    pub(crate) fn of(vectors: Vec<L>) -> Self {
        Self(vectors)
    }

    /// `count` vectors of zeros, written on the threads of the current pool.
    pub(crate) fn zeros(count: usize) -> Self {
        let mut vectors = pages::with_capacity(count);
        let zeros = (0..count).into_par_iter().with_min_len(TASK).map(|_| L::zero());
        zeros.collect_into_vec(&mut vectors);
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
        self.0.par_iter_mut().with_min_len(TASK).for_each(|vector| {
            // SAFETY: a mutable reference is valid for writes; lanes have no destructor that the write could
            // skip.
            unsafe { std::ptr::write_volatile(vector, L::zero()) };
        });
        compiler_fence(Ordering::SeqCst);
    }
}
