//! Phase 2: the key of one circuit from powers of tau, and contributions to its delta.
//!
//! - [`create()`] makes the initial key. Anyone can forge proofs for it.
//! - [`contribute()`] multiplies a secret into delta.
//! - [`beacon()`] multiplies a public number into delta, and ends the ceremony.
//! - [`verify_step()`] compares a key with the one that its last contributor received.
//! - [`verify()`] compares a key with its circuit and its powers of tau;
//!   [`Powers::verify_key`](super::Powers::verify_key) also judges both phases.
//!
//! Each step reads and writes files, or any other media, piece by piece. For keys in memory, write to a `Vec<u8>`
//! and open it with a [`Cursor`](std::io::Cursor):
//!
//! ```
//! use std::io::Cursor;
//!
//! use zkflow_groth16::format::r1cs::R1cs;
//! use zkflow_groth16::format::zkey::ZKeyFile;
//! use zkflow_groth16::rng::os_rng;
//! use zkflow_groth16::setup::{DevelopmentPowers, PowersSource, StepOptions, phase2};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let r1cs = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.r1cs"));
//! let circuit = R1cs::read(r1cs)?;
//! let mut powers = DevelopmentPowers::in_memory().powers(circuit.domain_size().ilog2())?;
//! let options = StepOptions::default();
//!
//! let mut initial = Vec::new();
//! phase2::create(&circuit, powers.file(), &mut initial, options)?;
//!
//! let mut key = Vec::new();
//! let mut initial = ZKeyFile::open(Cursor::new(initial))?;
//! phase2::contribute(&mut initial, &mut key, None, "some text", &mut os_rng(), options)?;
//!
//! let mut key = ZKeyFile::open(Cursor::new(key))?;
//! let verdict = powers.verify_key(&circuit, &mut key, &mut os_rng(), options)?;
//! println!("{verdict}");
//! # Ok(())
//! # }
//! ```
//!
//! From the same files and the same randomness, snarkjs writes the same bytes.

mod answer;
mod chain;
mod circuit_hash;
mod columns;
mod combination;
mod comparison;
mod contribute;
mod create;
mod exchange;
mod head;
mod initial;
mod quirk;
mod succession;
mod verify;

pub use answer::contribute_to_params;
pub use chain::contribution_hash;
#[cfg(test)]
pub(super) use contribute::multiply;
pub use contribute::{beacon, contribute};
pub use create::create;
pub use exchange::{export_params, import_params};
pub(super) use head::check_head;
pub use succession::verify_step;
pub(super) use verify::verify_within;
pub use verify::{compare_circuit, verify, verify_from_initial};
