//! Multi-scalar multiplication Σ sᵢ·Pᵢ over points that are known beforehand, and many short ones ([`combine`]).
//!
//! [`FixedBases::prepare`] brings points into a kernel's form, once for each key; [`Scalars::new`] does the same for
//! a vector of scalars, once for all bases that it multiplies; [`FixedBases::msm`] gives the sum.
//!
//! # The algorithm
//! Pippenger's buckets with affine additions:
//! 1. A scalar is taken as the integer of least magnitude in its class modulo r, so −1 is as short as 1. It is written in
//!    signed digits of c bits: s = Σ dⱼ·2^(cj) with |dⱼ| ≤ 2^(c−1). Zero digits cost nothing: neither zeros nor the upper part of short scalars.
//! 2. With the multiples 2^(ckj)·P at hand, all digits whose place is the same modulo k share one set of buckets: `k` is
//!    1 when memory allows every multiple, the number of digits when it allows only P. Each digit sends a point or
//!    its negative to bucket |d| of a set. (`digits`)
//! 3. Points are sorted by bucket, first into partitions of the buckets, one task each, then inside a partition. A bucket is summed in a
//!    lane of its own, the lanes of some hundred vectors at a time sharing an inversion; lanes are
//!    ordered by the length of what they sum. (`sums`)
//! 4. Σ v·B_v over the buckets of a set by digits of v again: the sums of all B_v with one digit of v fixed, in both
//!    halves of v, are two smaller problems of the same kind, and two affine additions a bucket; at single bits there
//!    is nothing left to multiply. (`weighted`)

mod bases;
mod combinations;
mod digits;
mod memory;
mod packed;
mod sums;
mod weighted;

pub use crate::scalars::Scalars;
pub use bases::{BasesError, FixedBases, Options};
pub(crate) use bases::{msm, prepare};
pub(crate) use combinations::combine_points;
pub use combinations::{Combinations, Term, combine};
pub use memory::{Memory, SharedBytes};
