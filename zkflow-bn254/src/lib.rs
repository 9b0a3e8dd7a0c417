//! Vectorised BN254 arithmetic for proving and trusted setups: several times faster than one element at
//! a time.
//!
//! | module | subject |
//! |---|---|
//! | `field` | `Lanes`: several field elements at once; Fq² over lanes; batch inversion |
//! | [`points`] | points times scalars, doublings, Fourier transforms of points |
//! | [`msm`] | Σ sᵢ·Pᵢ over fixed points |
//! | [`sparse`] | sparse matrices times vectors |
//! | `transform` | evaluations of a polynomial: from the even roots of unity to the odd roots |
//! | [`subgroup`] | whether points of G2 are in the subgroup of order r |
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
//! Compiled kernels are large, so only this crate compiles them. The public functions are generic over the
//! two groups alone and call the non-generic functions of `compiled`.

#![allow(
    clippy::needless_range_loop,
    reason = "one index runs over several arrays at once, as in the formulas"
)]

mod compiled;
mod kernel;
mod pages;
mod scalars;
mod transform;
mod wiped;

pub(crate) mod field;
pub mod msm;
pub mod points;
pub mod quotient;
pub mod sparse;
pub mod subgroup;
pub mod workload;

pub(crate) use kernel::{Backend, Task};

pub use field::Row;
pub use kernel::{Kernel, UnknownKernel};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
