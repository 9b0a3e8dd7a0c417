//! Vectorised BN254 arithmetic for proving and trusted setups: several times faster than one element at
//! a time.
//!
//! | module | subject |
//! |---|---|
//! | `field` | `Lanes`: several field elements at once; Fq² over lanes; batch inversion; Fq¹² |
//! | [`points`] | points times scalars, doublings, Fourier transforms of points |
//! | [`msm`] | Σ sᵢ·Pᵢ over fixed points |
//! | [`sparse`] | sparse matrices times vectors |
//! | `transform` | evaluations of a polynomial: from the even roots of unity to the odd roots |
//! | [`subgroup`] | whether points of G2 are in the subgroup of order r |
//! | [`pairing`] | products of pairings, and whether points are in G2 |
//! | [`quotient`] | the quotient polynomial of Groth16, as values at the odd roots |
//! | [`workload`] | field operations for benchmarks |
//!
//! Each algorithm is a `Task`, generic over a `Backend`. `Kernel::run` compiles it for one kernel:
//! - [`Kernel::Ifma`]: 8 elements at a time in radix 2^52, with AVX-512 IFMA's multiply-add of 52 bits;
//! - [`Kernel::Avx2`]: the same on two vectors of 4, with products of 52 bits by AVX2's floating-point multiply-add;
//! - [`Kernel::Portable`]: one element at a time in 64-bit words, with `mulx` and `adx` where the processor has them.
//!
//! All kernels return the same results. No operation is constant-time: running time and memory accesses
//! depend on the values. The number of operations and the memory accesses of
//! [`msm::FixedBases::msm_constant_work`] do not.
//!
//! Without the feature `prove` there are only `field` and [`pairing`].
//!
//! Compiled kernels are large, so only this crate compiles them. The public functions are generic over the
//! two groups alone and call the non-generic functions of `compiled`.

#![allow(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays at once, as in the formulas"
)]
#![cfg_attr(
    not(feature = "prove"),
    allow(dead_code, unused_imports, reason = "pairings need a part of the operations on lanes")
)]

#[cfg(feature = "prove")]
mod compiled;
mod kernel;
#[cfg(feature = "prove")]
mod pages;
#[cfg(feature = "prove")]
mod scalars;
#[cfg(feature = "prove")]
mod transform;
#[cfg(feature = "prove")]
mod wiped;

pub(crate) mod field;
#[cfg(feature = "prove")]
pub mod msm;
pub mod pairing;
#[cfg(feature = "prove")]
pub mod points;
#[cfg(feature = "prove")]
pub mod quotient;
#[cfg(feature = "prove")]
pub mod sparse;
#[cfg(feature = "prove")]
pub mod subgroup;
#[cfg(feature = "prove")]
pub mod workload;

pub(crate) use kernel::{Backend, Task};

pub use field::Row;
pub use kernel::{Kernel, UnknownKernel};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
