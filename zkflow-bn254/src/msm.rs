//! Multi-scalar multiplication Σ sᵢ·Pᵢ over fixed points, and many short sums ([`combine`]).
//!
//! [`FixedBases::prepare`] converts points to the form of a kernel, once per key. [`Scalars::new`] converts a
//! vector of scalars, once for all bases. [`FixedBases::msm`] returns the sum, [`msm_of_both`] the sums of the same
//! scalars in both groups.
//!
//! # The algorithm
//! Pippenger's buckets with affine additions:
//! 1. A scalar is represented by the integer of least magnitude in its class modulo r, so −1 has one bit. Its
//!    signed digits have c bits: s = Σ dⱼ·2^(cj) with |dⱼ| ≤ 2^(c−1). Zero digits cost nothing, so zero
//!    scalars and the upper part of short scalars are free.
//! 2. The multiples 2^(ckj)·P are precomputed. Digits j that are equal modulo k share one set of buckets. `k`
//!    is 1 when all multiples fit into memory, and the number of digits when only P fits. Each digit d adds P
//!    or −P to bucket |d| of its set. (`digits`, `buckets`)
//! 3. Points are sorted by bucket: first into partitions of the buckets, one task each, then inside a
//!    partition. Each bucket is summed in its own lane. The lanes of some hundred vectors share an inversion
//!    and are ordered by the number of their points. (`sums`)
//! 4. Σ v·B_v over the buckets of a set is computed by splitting v into halves. The sums of all B_v with one
//!    half of v fixed are two smaller problems of the same kind, at two affine additions per bucket. When v
//!    is one bit, there is nothing left to multiply. (`weighted`)
//!
//! Few points, or few scalars other than 0 and ±1, are multiplied in lanes that share their doublings. (`few`)
//!
//! [`FixedBases::msm_constant_work`] returns the same sum by work that does not depend on the scalars. (`constant`)

mod bases;
mod buckets;
mod combinations;
mod constant;
mod digits;
mod few;
mod memory;
mod packed;
mod rounds;
mod sums;
mod weighted;
mod weights;

pub use crate::scalars::Scalars;
pub use bases::{BasesError, FixedBases, Options};
pub(crate) use bases::{prepare, read, with_multiples};
pub(crate) use buckets::msm;
pub use buckets::msm_of_both;
pub(crate) use combinations::combine_points;
pub use combinations::{Combinations, Term, combine};
pub use constant::HiddenScalars;
pub(crate) use constant::msm as constant_msm;
pub use memory::{Memory, SharedBytes};
pub(crate) use rounds::combinations;
pub use rounds::combinations_of_both;
pub use weights::Weights;
