//! Circom for Rust: [`template`]s with typed parameters, the compiler ([`compile`]) and the calculation of
//! witnesses ([`witness`]) from [`inputs`], both in a [`sandbox`]. Native tools run [`confined`].

pub mod template;

pub mod compile;
pub mod confined;

pub mod witness;

pub mod inputs;
pub mod sandbox;
pub mod secret;
pub mod trial;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
