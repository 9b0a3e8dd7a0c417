//! Groth16 proofs for circom circuits, from a parameterised template or from files that exist already.
//!
//! The curve is BN254 (`bn128` in circom and snarkjs). Files are those of circom and snarkjs: what snarkjs proves is
//! verified here, and the reverse.
//!
//! # Verify a proof of snarkjs
//! ```
//! use zkflow_core::prelude::*;
//!
//! # std::env::set_current_dir("../zkflow-groth16/tests/data")?;
//! let verifier = Verifier::new(json::read_vkey(&std::fs::read("tiny.vkey.json")?)?)?;
//! let signals = json::read_public(&std::fs::read("tiny.public.json")?)?;
//! let proof = json::read_proof(&std::fs::read("tiny.proof.json")?)?;
//!
//! let public = PublicSignals::for_key(verifier.key(), signals)?;
//! assert!(verifier.verify(&public, &proof)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Prove with an existing key
//! With a witness that exists already, nothing of circom is needed:
//! ```
//! use zkflow_core::prelude::*;
//!
//! # std::env::set_current_dir("../zkflow-groth16/tests/data")?;
//! let prover: &dyn Prover = &NativeProver::new(NativeOptions::default())?;
//! let key = prover.load(&std::fs::read("tiny.zkey")?)?;
//! let witness = wtns::read(&std::fs::read("tiny.wtns")?)?;
//!
//! let verifier = Verifier::new(key.verifying_key().clone())?;
//! let (proof, public) = prove_verified(&*key, &verifier, &witness, &mut os_rng())?;
//! println!("{} {}", json::proof_text(&proof), json::public_text(public.values()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! [`circuit::LoadedCircuit`] calculates the witness too.
//!
//! # Crates and features
//! | crate | module here | subject |
//! |---|---|---|
//! | `zkflow-groth16` | [`format`](mod@format), [`proof`], [`verify`], [`prove`], [`setup`], [`provenance`], [`constraints`], [`report`], [`calldata`], [`solidity`] | files, keys, proofs, trusted setups |
//! | `zkflow-circom` | [`template`], [`compile`], [`witness`], [`sandbox`], [`confined`], [`secret`] | circom: templates, compiler, witnesses |
//! | `zkflow-core` | [`circuit`], [`provers`], [`prelude`] | the steps put together |
//! | | `service` | the contracts of a service |
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `circom` | yes | templates, the compiler, witness calculation: everything that needs WebAssembly |
//! | `service` | no | `service`: documents, catalog, jobs, artifacts, chains, and their state machines |
//! | `conformance` | no | `service::conformance`: test suites for backends of your own |
//! | `snark` | no | conversions for callers from arkworks, and the native prover as an `ark_snark::SNARK` |
//! | `ark` | no | the reference prover on ark-circom and ark-groth16 |
//! | `cuda` | no | `cuda`: the prover on NVIDIA GPUs |
//!
//! Without `service` there is no async runtime in the tree. To verify proofs only, depend on `zkflow-groth16` without its
//! default features.
//!
//! # Errors
//! Every error implements [`error::Classified`]: a kind to act on, and a stable code. No error contains a private input.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod prelude;
pub mod provers;

#[cfg(feature = "circom")]
pub mod circuit;

#[cfg(feature = "service")]
pub mod service;

#[cfg(feature = "circom")]
pub use zkflow_circom::{compile, confined, inputs, sandbox, secret, template, trial, witness};
#[cfg(feature = "cuda")]
pub use zkflow_cuda as cuda;
#[cfg(feature = "snark")]
pub use zkflow_groth16::snark;
/// The curve of scalars and points, and random generators, in the versions of these crates.
pub use zkflow_groth16::{ark_bn254, rand};
pub use zkflow_groth16::{
    audit, calldata, constraints, digest, domain, error, field, footprint, format, id, name, own_folder,
    proof, prove, provenance, report, rng, setup, solidity, threads, verify,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

/// The examples of the front page of the repository.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPageExamples;
