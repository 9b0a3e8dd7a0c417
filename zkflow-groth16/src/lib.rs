//! Groth16 on BN254 for the files of circom and snarkjs.
//!
//! | module | does | feature |
//! |---|---|---|
//! | [`format`](mod@format) | reads and writes the files of circom and snarkjs | |
//! | [`verify`] | verifies proofs | |
//! | [`calldata`], [`solidity`] | encode proofs for a contract, write the contract and its code | |
//! | [`report`] | describes a circuit | |
//! | `setup` | makes keys, in two phases | `prove` |
//! | `prove` | makes proofs | `prove` |
//! | `audit` | finds what is wrong with keys and contracts of others | `prove` |
//! | `constraints` | checks a witness against a circuit | `prove` |
//! | `threads` | measures the processor time of a piece of work | `prove` |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `prove` | yes | setup, provers and constraints, on the kernels of `zkflow-bn254`, which take minutes to compile |
//! | `snark` | no | conversions for callers from arkworks, and the native prover as an `ark_snark::SNARK` |
//! | `ark` | no | the reference prover on ark-circom and ark-groth16 |
//!
//! A program that only verifies proofs needs no feature:
//!
//! ```toml
//! zkflow-groth16 = { version = "0.1", default-features = false }
//! ```

/// The curve BN254 of arkworks: scalars and points in public signatures are its types.
pub use ark_bn254;
/// Random generators: [`SecureRng`](rng::SecureRng) is a generator of this version.
pub use rand;

#[cfg_attr(
    not(feature = "prove"),
    expect(dead_code, reason = "some parts of the formats serve only setup and provers")
)]
pub mod format;

#[cfg(feature = "prove")]
pub mod setup;

#[cfg(feature = "prove")]
pub mod prove;
#[cfg(feature = "snark")]
pub mod snark;
pub mod verify;

pub mod calldata;
pub mod solidity;

#[cfg(feature = "prove")]
pub mod audit;
#[cfg(feature = "prove")]
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

#[cfg(feature = "prove")]
pub mod threads;

#[cfg(feature = "prove")]
mod blake2b;
#[cfg(feature = "prove")]
#[doc(hidden)]
pub mod own_folder;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
