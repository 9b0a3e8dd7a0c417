//! Turns a parameterised Circom template into a proof, one step per module:
//! [`template`] → [`compile`] → [`setup`] → [`witness`] → [`prove`] → [`verify`].

pub use zkflow_circom::{compile, inputs, sandbox, secret, template, trial, witness};
pub use zkflow_groth16::{
    calldata, constraints, digest, domain, error, field, footprint, format, id, name, proof, prove,
    provenance, report, rng, setup, solidity, verify,
};

pub mod circuit;

#[cfg(feature = "service")]
pub mod service;
