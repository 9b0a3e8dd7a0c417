//! Arithmetic of BN254 for proving and trusted setups, several times faster than one element at a time.
//!
//! | module | subject |
//! |---|---|
//! | `field` | `Lanes`: some field elements at once; Fq² over them; inversion of many |
//! | [`points`] | affine additions that share an inversion; points times scalars |
//! | [`msm`] | Σ sᵢ·Pᵢ over fixed points |
//!
//! An algorithm is written once, generic over a `Backend`, as a `Task`; `Kernel::run` compiles it
//! for the processor it runs on:
//! - [`Kernel::Ifma`]: 8 elements at a time in radix 2^52, with AVX-512 IFMA's multiply-add of 52 bits;
//! - [`Kernel::Portable`]: one element at a time, by arkworks' 64-bit arithmetic.
//!
//! Both give the same results. Nothing here takes constant time: running time and memory accesses
//! depend on the values.

#![allow(
    clippy::needless_range_loop,
    reason = "limbs, lanes and vectors are counted in several arrays at once, as in the formulas"
)]

mod kernel;
mod scalars;

pub(crate) mod field;
pub mod msm;
pub mod points;

pub(crate) use kernel::{Backend, Task};

pub use kernel::Kernel;
