//! Turns a parameterised Circom template into a proof, one step per module:
//! [`template`] → [`compile`] → [`setup`] → [`witness`] → [`prove`] → [`verify`].

/// The curve of scalars and points, and random generators, in the versions of these crates.
pub use zkflow_groth16::{ark_bn254, rand};

pub use zkflow_circom::{compile, sandbox, secret, template, witness};
pub use zkflow_groth16::{
    calldata, constraints, digest, domain, error, field, format, id, name, proof, prove, provenance, report,
    rng, setup, solidity, verify,
};

pub mod circuit;

#[cfg(feature = "service")]
pub mod service;
