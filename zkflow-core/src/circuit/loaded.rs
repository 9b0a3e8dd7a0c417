//! A loaded circuit, prepared once for many proofs.

use std::sync::Arc;

use zkflow_circom::sandbox::Sandbox;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::TapeError;
use zkflow_circom::witness::{
    CalculatorFiles, OpenError, Way, Witness, WitnessCalculator, WitnessError, WitnessLimits,
};
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::FormatError;
use zkflow_groth16::proof::{Proof, PublicSignals};
use zkflow_groth16::prove::{PreparedKey, ProveError, Prover, UnverifiedProof};
use zkflow_groth16::rng::SecureRng;
use zkflow_groth16::verify::{Verifier, VerifyError};

use super::{CircuitSource, FileName};

/// A loaded circuit: turns inputs into verified proofs.
#[derive(Debug)]
pub struct LoadedCircuit {
    calculator: WitnessCalculator,
    key: Arc<dyn PreparedKey>,
    verifier: Verifier,
    unused_tape: Option<TapeError>,
}

impl LoadedCircuit {
    /// Reads a circuit's files and prepares its key with `prover`. Witness calculations have the default
    /// limits.
    ///
    /// # Errors
    /// A file is missing or cannot be read, or the proving key is inconsistent.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use zkflow_core::circuit::LoadedCircuit;
    /// use zkflow_core::prove::native::{NativeOptions, NativeProver};
    /// use zkflow_core::rng::os_rng;
    /// use zkflow_core::sandbox::{Sandbox, SandboxConfig};
    /// use zkflow_core::secret::CircuitInputs;
    ///
    /// // A folder of `zkflow circuit build rangeCheck --param min=18 --param max=120 --out age`.
    /// let prover = NativeProver::new(NativeOptions::default())?;
    /// let sandbox = Sandbox::new(SandboxConfig::default())?;
    /// let circuit = LoadedCircuit::open(Path::new("age"), &prover, &sandbox)?;
    /// let inputs = CircuitInputs::from_json(r#"{"age": 42, "randomPublicSignal": 7}"#.to_owned());
    /// let (proof, public) = circuit.full_prove(&inputs, &mut os_rng())?;
    /// assert!(circuit.verifier().verify(&public, &proof)?);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn open<S: CircuitSource + ?Sized>(
        files: &S,
        prover: &dyn Prover,
        sandbox: &Arc<Sandbox>,
    ) -> Result<Self, LoadError> {
        Self::open_with(files, prover, sandbox, WitnessLimits::default())
    }

    /// Like [`open`](Self::open), with the given limits of witness calculations.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn open_with<S: CircuitSource + ?Sized>(
        files: &S,
        prover: &dyn Prover,
        sandbox: &Arc<Sandbox>,
        limits: WitnessLimits,
    ) -> Result<Self, LoadError> {
        let key = files.key(prover)?;
        let verifier = Verifier::new(key.verifying_key().clone())?;
        let wasm = files.required(FileName::Wasm)?;
        let (r1cs, sym) = (files.file(FileName::R1cs)?, files.file(FileName::Sym)?);
        let tape = files.file(FileName::Tape)?;
        let given = CalculatorFiles {
            wasm: &wasm,
            r1cs: r1cs.as_deref(),
            sym: sym.as_deref(),
            tape: tape.as_deref(),
        };
        let (calculator, unused_tape) = WitnessCalculator::open(sandbox, given, limits)?;
        Ok(Self { calculator, key, verifier, unused_tape })
    }

    /// Reason why the circuit's tape is not used: another module or another version of the library recorded
    /// it. The module calculates the same witnesses, but slower. `None` if the tape is used or missing.
    pub fn unused_tape(&self) -> Option<&TapeError> {
        self.unused_tape.as_ref()
    }

    /// Calculates the witness of `inputs`; also returns the method used.
    ///
    /// # Errors
    /// The inputs do not fit the circuit, or they violate a constraint; the module calculates the witness of other
    /// inputs.
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
        self.prove_unverified(witness, rng)?.verify()
    }

    /// Makes a proof that is to be verified.
    ///
    /// # Errors
    /// The witness has another number of wires than the key.
    pub fn prove_unverified(
        &self,
        witness: &Witness,
        rng: &mut dyn SecureRng,
    ) -> Result<UnverifiedProof<'_>, ProveError> {
        UnverifiedProof::new(&*self.key, &self.verifier, witness, rng)
    }

    /// Checks that the public signals of a proof are the given public inputs, all of them and no others, after the
    /// outputs.
    ///
    /// # Errors
    /// See [`WitnessCalculator::check_public`].
    pub fn check_public(&self, inputs: &CircuitInputs, signals: &PublicSignals) -> Result<(), WitnessError> {
        self.calculator.check_public(inputs, signals)
    }

    /// Calculates the witness, then makes and verifies the proof.
    ///
    /// # Errors
    /// See [`witness`](Self::witness) and [`prove`](Self::prove).
    pub fn full_prove(
        &self,
        inputs: &CircuitInputs,
        rng: &mut dyn SecureRng,
    ) -> Result<(Proof, PublicSignals), FullProveError> {
        let (witness, _) = self.witness(inputs)?;
        Ok(self.prove(&witness, rng)?)
    }

    /// Verifier for proofs of this circuit.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Name of the prover that prepared the key.
    pub fn prover(&self) -> &'static str {
        self.key.prover()
    }

    /// Approximate memory of the prepared circuit in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.key.memory_bytes() + self.calculator.memory_bytes()
    }
}

/// A circuit cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A required file is missing.
    #[error("the circuit has no {0}")]
    Missing(FileName),
    /// A file cannot be read from disk.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// Name of the file.
        file: FileName,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file is malformed.
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

impl From<OpenError> for LoadError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Constraints(error) | OpenError::Names(error) => Self::Format(error),
            OpenError::Module(error) | OpenError::Mismatch(error) => Self::Calculator(error),
        }
    }
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
        match self {
            Self::Unreadable { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Corrupt,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "artifact_missing",
            Self::Unreadable { .. } => "artifact_unreadable",
            Self::Format(_) => "artifact_malformed",
            Self::Calculator(_) => "witness_calculator_unusable",
            Self::VerifyingKey(_) => "verification_key_unusable",
            Self::Key(_) => "proving_key_unusable",
        }
    }
}

/// The inputs give no proof.
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
