//! Circom for Rust: [`template`]s with typed parameters, the compiler ([`compile`]) and the calculation of
//! witnesses ([`witness`]), both in a [`sandbox`].

pub mod template;

pub mod compile;

pub mod witness;

pub mod sandbox;
pub mod secret;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
