//! Prepared points as bytes, to be stored in a file and mapped into memory.

use std::marker::PhantomData;

use super::{BasesError, FixedBases};
use crate::Kernel;
use crate::msm::digits::Shape;
use crate::msm::memory::Memory;
use crate::points::Curve;
use crate::scalars::Places;

/// Number of words before the indices: window, sets, partition bits, number of points.
const FIXED: usize = 4;

impl<C: Curve> FixedBases<C> {
    /// The header that belongs to the [rows](Self::rows): 32-bit numbers, little-endian.
    pub fn head(&self) -> Vec<u8> {
        let Shape { window, sets, partition_bits, .. } = self.shape;
        let fixed: [u32; FIXED] = [window, sets, partition_bits, self.len as u32];
        fixed.iter().chain(&*self.kept).flat_map(|number| number.to_le_bytes()).collect()
    }

    /// The points and their multiples as stored in memory, in the byte order of this machine.
    pub fn rows(&self) -> &[u8] {
        self.points.as_bytes()
    }

    /// Restores bases from [`head`](Self::head) and [`rows`](Self::rows) of the same kernel and curve.
    ///
    /// Does not check that the rows are points: the caller must check that the bytes are unchanged.
    ///
    /// # Errors
    /// [`BasesError::Foreign`] if the header is invalid, [`BasesError::Truncated`] if the header is
    /// incomplete or the rows do not have the length that it gives.
    pub fn from_parts(kernel: Kernel, head: &[u8], points: Memory) -> Result<Self, BasesError> {
        let (numbers, rest) = head.as_chunks::<4>();
        let (fixed, kept) = numbers.split_at_checked(FIXED).ok_or(BasesError::Truncated)?;
        let [window, sets, partition_bits, len] = [0, 1, 2, 3].map(|i: usize| u32::from_le_bytes(fixed[i]));
        let kept: Vec<u32> = kept.iter().map(|number| u32::from_le_bytes(*number)).collect();
        let sound = rest.is_empty()
            && (3..=18).contains(&window)
            && (1..=Places::count(window)).contains(&sets)
            && (1..=30).contains(&partition_bits)
            && kept.is_sorted_by(|a, b| a < b)
            && kept.last().is_none_or(|last| *last < len);
        if !sound {
            return Err(BasesError::Foreign);
        }
        let multiples = Places::count(window).div_ceil(sets) as usize;
        let expected = kept.len() * multiples * size_of::<C::Packed>();
        if points.as_bytes().len() != expected {
            return Err(BasesError::Truncated);
        }
        let shape = Shape::new(window, sets, partition_bits);
        Ok(Self { kernel, shape, len: len as usize, kept: kept.into(), points, curve: PhantomData })
    }
}
