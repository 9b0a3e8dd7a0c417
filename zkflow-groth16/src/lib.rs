//! Groth16 on BN254 for the files of circom and snarkjs.
//!
//! Files are read and written by [`format`](mod@format); [`setup`] makes keys, [`prove`] proofs, and [`verify`] checks them.

pub mod format;

pub mod setup;

pub mod prove;
pub mod verify;

pub mod calldata;
pub mod solidity;

pub mod constraints;
pub mod footprint;
pub mod report;

pub mod proof;
pub mod provenance;
pub mod witness;

pub mod digest;
pub mod domain;
pub mod error;
pub mod field;
pub mod id;
pub mod name;
pub mod rng;

mod blake2b;
#[doc(hidden)]
pub mod own_folder;
