//! Arithmetic of BN254 for proving and trusted setups, several times faster than one element at a time.
//!
//! | module | subject |
//! |---|---|
//! | `field` | `Lanes`: some field elements at once; Fq² over them; inversion of many |
//! | [`points`] | points times scalars, doublings, Fourier transforms of points |
//! | [`msm`] | Σ sᵢ·Pᵢ over fixed points |
//! | [`sparse`] | sparse matrices times vectors |
//! | `transform` | values of a polynomial at the even roots of unity to those at the odd ones |
//! | [`subgroup`] | whether points of G2 are multiples of the generator |
//! | [`quotient`] | the quotient of Groth16 by its values at the odd roots |
//! | [`workload`] | operations of the fields, for benches |
//!
//! An algorithm is written once, generic over a `Backend`, as a `Task`; `Kernel::run` compiles it
//! for the processor it runs on:
//! - [`Kernel::Ifma`]: 8 elements at a time in radix 2^52, with AVX-512 IFMA's multiply-add of 52 bits;
//! - [`Kernel::Portable`]: one element at a time, by arkworks' 64-bit arithmetic.
//!
//! Both give the same results. Nothing here takes constant time: running time and memory accesses
//! depend on the values.
//!
//! Compiled kernels are large. What the interface leaves generic, the two groups alone, goes through functions that are not
//! (`compiled`), so that this crate compiles each kernel and no other crate does.

#![allow(
    clippy::needless_range_loop,
    reason = "limbs, lanes and vectors are counted in several arrays at once, as in the formulas"
)]

mod compiled;
mod kernel;
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
pub use kernel::Kernel;
