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

/// A circuit in memory: turns inputs into verified proofs.
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
    /// A file cannot be read, or the proving key is inconsistent.
    pub fn new(
        sandbox: &Arc<Sandbox>,
        wasm: &[u8],
        zkey: &[u8],
        prover: &dyn Prover,
        limits: WitnessLimits,
    ) -> Result<Self, LoadError> {
        Self::with_key(sandbox, wasm, prover.load(zkey)?, limits)
    }

    /// Like [`new`](Self::new), with a key that is already prepared.
    ///
    /// # Errors
    /// The witness calculator cannot be read, or the verification key is invalid.
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

    /// Checks every witness against the constraints. Errors about inputs can then name every input and its
    /// shape, which the calculator alone cannot.
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

    /// Calculates witnesses with the tape that was recorded from `wasm`. Requires the
    /// [constraints](Self::with_constraints).
    ///
    /// # Errors
    /// The tape was not recorded from this module, or not by this version of the library. The circuit is
    /// returned and works without the tape.
    #[expect(clippy::result_large_err, reason = "the caller goes on with the circuit")]
    pub fn with_tape(mut self, tape: &[u8], wasm: &[u8]) -> Result<Self, (Self, TapeError)> {
        match Tape::from_bytes(tape, &Digest::of(wasm)) {
            Ok(tape) => {
                self.calculator = self.calculator.with_tape(tape);
                Ok(self)
            }
            Err(error) => Err((self, error)),
        }
    }

    /// Calculates the witness of `inputs`; also returns the method used.
    ///
    /// # Errors
    /// The inputs do not fit the circuit, or they violate a constraint.
    pub fn witness(&self, inputs: &CircuitInputs) -> Result<(Witness, Way), WitnessError> {
        self.calculator.calculate_by(inputs)
    }

    /// Makes a proof and verifies it.
    ///
    /// # Errors
    /// The proof does not verify; it is discarded.
    pub fn prove(
        &self,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<(Proof, PublicSignals), ProveError> {
        prove_verified(&*self.key, &self.verifier, witness, rng)
    }

    /// Calculates the witness, then makes and verifies the proof.
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

    /// The verifier for proofs of this circuit.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Name of the prover that prepared the key.
    pub fn prover(&self) -> &'static str {
        self.key.prover()
    }

    /// Memory of the prepared circuit in bytes, approximately.
    pub fn memory_bytes(&self) -> u64 {
        self.key.memory_bytes() + self.calculator.memory_bytes()
    }
}

/// A circuit cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The witness calculator cannot be loaded.
    #[error("the witness calculator cannot be used: {0}")]
    Calculator(#[from] WitnessError),
    /// The verification key is invalid.
    #[error("the verification key cannot be used: {0}")]
    VerifyingKey(#[from] VerifyError),
    /// The proving key is inconsistent.
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

/// A proof cannot be made from the inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FullProveError {
    /// There is no witness for the inputs.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// There is no proof for the witness.
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
