//! A circuit in memory, prepared once for many proofs.

use std::sync::Arc;

use zkflow_circom::sandbox::Sandbox;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::{Tape, TapeError};
use zkflow_circom::witness::{InputSignals, Way, Witness, WitnessCalculator, WitnessError, WitnessLimits};
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::proof::{Proof, PublicSignals};
use zkflow_groth16::prove::{PreparedKey, ProveError, Prover, prove_verified};
use zkflow_groth16::rng::{SecureRng, os_rng};
use zkflow_groth16::verify::{Verifier, VerifyError};

/// A circuit in memory: inputs go in, verified proofs come out.
#[derive(Debug)]
pub struct LoadedCircuit {
    calculator: WitnessCalculator,
    key: Arc<dyn PreparedKey>,
    verifier: Verifier,
}

impl LoadedCircuit {
    /// Prepares a circuit from its witness calculator and proving key.
    ///
    /// # Errors
    /// A file cannot be read, or the key does not fit together.
    pub fn new(
        sandbox: &Arc<Sandbox>,
        wasm: &[u8],
        zkey: &[u8],
        prover: &dyn Prover,
        limits: WitnessLimits,
    ) -> Result<Self, LoadError> {
        Self::with_key(sandbox, wasm, prover.load(zkey)?, limits)
    }

    /// As [`new`](Self::new), with a key that is prepared already.
    ///
    /// # Errors
    /// The witness calculator cannot be read, or the verification key is not sound.
    pub fn with_key(
        sandbox: &Arc<Sandbox>,
        wasm: &[u8],
        key: Arc<dyn PreparedKey>,
        limits: WitnessLimits,
    ) -> Result<Self, LoadError> {
        let calculator = WitnessCalculator::new(sandbox, wasm, limits)?;
        let verifier = Verifier::new(key.verifying_key().clone())?;
        Ok(Self { calculator, key, verifier })
    }

    /// Checks every witness against the constraints, and lets errors about inputs name every input and its
    /// shape, which the calculator alone does not know.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn with_constraints(mut self, r1cs: &[u8], sym: &[u8]) -> Result<Self, LoadError> {
        let r1cs = R1cs::read(r1cs)?;
        let signals = InputSignals::from_r1cs_sym(&r1cs, &Sym::read(sym)?)?;
        let check = ConstraintCheck::new(&r1cs, &mut os_rng());
        self.calculator = self.calculator.with_signals(signals).with_check(check);
        Ok(self)
    }

    /// Calculates witnesses by the tape that was recorded from `wasm`, which needs the
    /// [constraints](Self::with_constraints).
    ///
    /// # Errors
    /// It is no tape of this module and version of the library; the circuit comes back and can be used
    /// without.
    #[expect(clippy::result_large_err, reason = "the circuit goes on to be used")]
    pub fn with_tape(mut self, tape: &[u8], wasm: &[u8]) -> Result<Self, (Self, TapeError)> {
        match Tape::from_bytes(tape, &Digest::of(wasm)) {
            Ok(tape) => {
                self.calculator = self.calculator.with_tape(tape);
                Ok(self)
            }
            Err(error) => Err((self, error)),
        }
    }

    /// Calculates the witness of `inputs`, and tells how.
    ///
    /// # Errors
    /// The inputs do not fit, or they break a constraint.
    pub fn witness(&self, inputs: &CircuitInputs) -> Result<(Witness, Way), WitnessError> {
        self.calculator.calculate_by(inputs)
    }

    /// Proves and verifies the proof.
    ///
    /// # Errors
    /// The proof does not verify, and is dropped.
    pub fn prove(
        &self,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<(Proof, PublicSignals), ProveError> {
        prove_verified(&*self.key, &self.verifier, witness, rng)
    }

    /// From inputs to a verified proof in one call.
    ///
    /// # Errors
    /// Those of [`witness`](Self::witness) and [`prove`](Self::prove).
    pub fn full_prove(
        &self,
        inputs: &CircuitInputs,
        rng: &mut dyn SecureRng,
    ) -> Result<(Proof, PublicSignals), FullProveError> {
        let (witness, _) = self.witness(inputs)?;
        Ok(self.prove(&witness, rng)?)
    }

    /// Checks proofs of this circuit.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The name of the prover.
    pub fn prover(&self) -> &'static str {
        self.key.prover()
    }

    /// Memory that it keeps, in bytes, about.
    pub fn memory_bytes(&self) -> u64 {
        self.key.memory_bytes() + self.calculator.memory_bytes()
    }
}

/// A circuit cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The witness calculator cannot be loaded.
    #[error("the witness calculator cannot be used: {0}")]
    Calculator(#[from] WitnessError),
    /// The verification key is not sound.
    #[error("the verification key cannot be used: {0}")]
    VerifyingKey(#[from] VerifyError),
    /// The proving key does not fit together.
    #[error(transparent)]
    Key(ProveError),
}

impl From<ProveError> for LoadError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Format(error) => Self::Format(error),
            error => Self::Key(error),
        }
    }
}

impl Classified for LoadError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "artifact_malformed",
            Self::Calculator(_) => "witness_calculator_unusable",
            Self::VerifyingKey(_) => "verification_key_unusable",
            Self::Key(_) => "proving_key_unusable",
        }
    }
}

/// No proof was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FullProveError {
    /// The inputs have no witness.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// The witness has no proof.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

impl Classified for FullProveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Witness(error) => error.kind(),
            Self::Prove(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Witness(error) => error.code(),
            Self::Prove(error) => error.code(),
        }
    }
}
