//! The names that most programs need: `use zkflow_core::prelude::*;`.

pub use zkflow_groth16::error::{Classified, ErrorKind};
pub use zkflow_groth16::format::zkey::ZKey;
pub use zkflow_groth16::format::{json, wtns};
pub use zkflow_groth16::proof::{Proof, PublicSignals, VerifyingKey};
pub use zkflow_groth16::prove::native::{NativeOptions, NativeProver};
pub use zkflow_groth16::prove::{PreparedKey, Prover, prove_verified};
pub use zkflow_groth16::provenance::Provenance;
pub use zkflow_groth16::rng::{SecureRng, os_rng};
pub use zkflow_groth16::verify::Verifier;
pub use zkflow_groth16::witness::Witness;

#[cfg(feature = "circom")]
pub use crate::circuit::{Blueprint, CircuitFiles, LoadedCircuit};
#[cfg(feature = "circom")]
pub use zkflow_circom::{
    compile::{CircomWasm, CircuitCompiler, tools::CircomTools},
    sandbox::{Sandbox, SandboxConfig},
    secret::CircuitInputs,
    template::{Template, TemplateLibrary},
};
