//! Turns a parameterised Circom template into a proof, one step per module:
//! [`template`] → [`compile`] → [`setup`] → [`witness`] → [`prove`] → [`verify`].
//!
//! The curve is BN254 (called `bn128` by circom and snarkjs), the proof system Groth16. Every file
//! is one that snarkjs reads, see [`format`](mod@format).
//!
//! [`store`], [`catalog`], [`queue`] and [`chain`] are the traits that backends of a service implement;
//! [`flow`] holds the state machines that connect them.

pub mod template;

pub mod compile;

pub mod setup;

pub mod witness;

pub mod prove;
pub mod verify;

pub mod circuit;

pub mod calldata;
pub mod solidity;

pub mod format;

pub mod catalog;
pub mod chain;
pub mod flow;
pub mod queue;
pub mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

pub mod clock;
pub mod digest;
pub mod error;
pub mod field;
pub mod id;
mod own_folder;
pub mod sandbox;
pub mod secret;
