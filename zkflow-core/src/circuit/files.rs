//! The files generated for a circuit.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use super::{Blueprint, TemplateKeyError};
use zkflow_circom::compile::Compiled;
use zkflow_circom::sandbox::Sandbox;
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::witness::tape::{self, RecordLimits, Tape};
use zkflow_circom::witness::{CalculatorFiles, Rehearsal, rehearsed};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::FormatError;
use zkflow_groth16::format::json;
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::proof::VerifyingKey;
use zkflow_groth16::provenance::Label;
use zkflow_groth16::report::CircuitReport;
use zkflow_groth16::rng::SecureRng;
use zkflow_groth16::setup::{
    CeremonyError, KeyOptions, MadeKey, PowersSource, SetupRecord, Weakness, make_key,
};
use zkflow_groth16::solidity::{ContractCircuit, ContractHeader, forgeable_contract, verifier_contract};

/// The files of a circuit, ready to be stored.
#[derive(Debug, Clone)]
pub struct CircuitFiles {
    /// Each file with its bytes, in the order of [`FileName::ALL`]. A circuit may lack [`FileName::Tape`]; an imported one
    /// also [`FileName::Source`] and [`FileName::Setup`]. [`FileName::ProvingKey`] is not among them if it is the
    /// [`key_file`](KeyOptions::key_file) of the options.
    pub files: Vec<(FileName, Vec<u8>)>,
    /// Number of operations of the tape, or the reason why the circuit has none.
    pub tape: Result<usize, tape::Stop>,
    /// Size of the circuit, and warnings about it.
    pub report: CircuitReport,
    /// Origin of the keys, and whether it is only claimed; or the reason why any person can forge proofs for them.
    pub label: Result<Label, Weakness>,
}

/// A key, and what was found about it.
pub(super) struct JudgedKey {
    /// The file; `None` if it is stored otherwise.
    pub(super) zkey: Option<Vec<u8>>,
    pub(super) vk: VerifyingKey,
    pub(super) label: Result<Label, Weakness>,
    /// `None` if the key was not verified.
    pub(super) record: Option<SetupRecord>,
}

impl JudgedKey {
    /// Makes the key, in memory or in the folder of the options.
    pub(super) fn made(
        r1cs: &R1cs,
        powers: &dyn PowersSource,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<Self, CeremonyError> {
        let mut zkey = None;
        let made = match options.key_file() {
            Some(path) => {
                let mut out = BufWriter::new(File::create(path)?);
                let made = make_key(r1cs, powers, &mut out, options, rng)?;
                out.flush()?;
                made
            }
            None => make_key(r1cs, powers, zkey.insert(Vec::new()), options, rng)?,
        };
        let MadeKey { head, label, record, .. } = made;
        Ok(Self { zkey, vk: head.vk, label: Ok(label), record: Some(record) })
    }
}

/// Does `work` while the witness calculation is recorded.
pub(super) fn recording<T>(
    compiled: &Compiled,
    sandbox: &Arc<Sandbox>,
    examples: &[CircuitInputs],
    work: impl FnOnce() -> T,
) -> (T, Rehearsal) {
    let Compiled { r1cs, wasm, sym, .. } = compiled;
    let files = CalculatorFiles { wasm, r1cs: Some(r1cs), sym: Some(sym), tape: None };
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| rehearsed(sandbox, files, RecordLimits::default(), examples));
        let done = work();
        (done, recording.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

impl CircuitFiles {
    /// Generates the keys of a compiled circuit with [`make_key`], and all files derived from them. If the template names a
    /// key, it is checked and used instead. In the folder of the options, if they have one, the key is no part of the result. Also records the witness calculation, and compares it with the circuit's module
    /// in `sandbox`.
    ///
    /// `rng` supplies the secret of the setup. A seeded one gives keys that anyone can break.
    ///
    /// # Errors
    /// - The keys cannot be generated, or there are no powers of tau for this circuit.
    /// - [`FileError::TemplateKey`]: the key that the template names cannot be used.
    pub fn generate(
        blueprint: &Blueprint,
        compiled: Compiled,
        sandbox: &Arc<Sandbox>,
        powers: &dyn PowersSource,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<Self, FileError> {
        let r1cs = R1cs::read(&compiled.r1cs)?;
        let options = options.with_r1cs(Digest::of(&compiled.r1cs));
        let (key, tape) = recording(&compiled, sandbox, &blueprint.examples, || match &blueprint.key {
            Some(key) => Ok::<_, FileError>(key.judge(&r1cs, powers, options, rng)?),
            None => Ok(JudgedKey::made(&r1cs, powers, options, rng)?),
        });
        let key = key?;
        drop(r1cs);
        let id = CircuitId::from_hash(&blueprint.circuit_hash);
        let source = blueprint.rendered.clone().into_bytes();
        Ok(Self::assemble(id, Some(source), compiled, key, tape))
    }

    /// Puts the files together, and makes those that follow from the key.
    pub(super) fn assemble(
        id: CircuitId,
        source: Option<Vec<u8>>,
        compiled: Compiled,
        key: JudgedKey,
        recorded: Rehearsal,
    ) -> Self {
        let mut report = compiled.report;
        let Rehearsal { tape: recorded, unused_inputs } = recorded;
        if !unused_inputs.is_empty() {
            report.add_unused_inputs(unused_inputs.into_iter(), Sym::read(&compiled.sym).ok().as_ref());
        }
        let JudgedKey { zkey, vk, label, record } = key;
        let text = json::vkey_text(&vk);
        let (circuit, verification_key) = (ContractCircuit::Id(id), Digest::of(&text));
        let contract = match &label {
            Ok(label) => verifier_contract(&vk, &ContractHeader { circuit, label: *label, verification_key }),
            Err(_) => forgeable_contract(&vk, &circuit, &verification_key),
        };
        let tape = recorded.as_ref().map(Tape::len).map_err(|stop| *stop);
        let recorded = recorded.ok().map(|tape| tape.to_bytes(&Digest::of(&compiled.wasm)));
        let files = [
            (FileName::Source, source),
            (FileName::R1cs, Some(compiled.r1cs)),
            (FileName::Wasm, Some(compiled.wasm)),
            (FileName::Sym, Some(compiled.sym)),
            (FileName::ProvingKey, zkey),
            (FileName::VerificationKey, Some(text.into_bytes())),
            (FileName::VerifierContract, Some(contract.into_bytes())),
            (FileName::Setup, record.map(|record| record.to_json().into_bytes())),
            (FileName::Tape, recorded),
        ];
        let files = files.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))).collect();
        Self { files, tape, report, label }
    }

    /// Bytes of a file; `None` if the circuit has no such file.
    pub fn get(&self, name: FileName) -> Option<&[u8]> {
        self.files.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.as_slice())
    }
}

/// Names of a circuit's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileName {
    /// The rendered source; includes are not expanded.
    Source,
    /// R1CS, the constraint system.
    R1cs,
    /// Witness calculator, a WebAssembly module.
    Wasm,
    /// Names of the signals.
    Sym,
    /// Proving key in the format of snarkjs.
    ProvingKey,
    /// Verification key in JSON.
    VerificationKey,
    /// Verifier contract in Solidity.
    VerifierContract,
    /// Origin of the keys: the powers of tau, and each contribution with its hash.
    Setup,
    /// Tape: the recorded calculation of the witness.
    Tape,
}

impl FileName {
    /// All files, in the order of [`CircuitFiles::files`].
    pub const ALL: [Self; 9] = [
        Self::Source,
        Self::R1cs,
        Self::Wasm,
        Self::Sym,
        Self::ProvingKey,
        Self::VerificationKey,
        Self::VerifierContract,
        Self::Setup,
        Self::Tape,
    ];

    /// Name of the stored file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "circuit.circom",
            Self::R1cs => "circuit.r1cs",
            Self::Wasm => "circuit.wasm",
            Self::Sym => "circuit.sym",
            Self::ProvingKey => "proving_key.zkey",
            Self::VerificationKey => "verification_key.json",
            Self::VerifierContract => "verifier.sol",
            Self::Setup => "setup.json",
            Self::Tape => "circuit.tape",
        }
    }

    /// Name without a dot: of the API of the Node service, and of fields in databases.
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::R1cs => "r1cs",
            Self::Wasm => "wasm",
            Self::Sym => "sym",
            Self::ProvingKey => "zkey",
            Self::VerificationKey => "vkey",
            Self::VerifierContract => "verifier",
            Self::Setup => "setup",
            Self::Tape => "tape",
        }
    }

    /// The file with this [short name](Self::short_name).
    pub fn of_short_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.short_name() == name)
    }

    /// Media type for downloads.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Source | Self::Sym | Self::VerifierContract => "text/plain; charset=utf-8",
            Self::R1cs | Self::ProvingKey | Self::Tape => "application/octet-stream",
            Self::Wasm => "application/wasm",
            Self::VerificationKey | Self::Setup => "application/json",
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A circuit has no file with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown file name; expected one of {}", FileName::ALL.map(FileName::as_str).join(", "))]
pub struct UnknownFile;

impl FromStr for FileName {
    type Err = UnknownFile;

    fn from_str(text: &str) -> Result<Self, UnknownFile> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(UnknownFile)
    }
}

/// The files of a circuit cannot be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The compiler's output cannot be parsed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The keys cannot be generated.
    #[error(transparent)]
    Setup(#[from] CeremonyError),
    /// The key that the template names cannot be used.
    #[error(transparent)]
    TemplateKey(#[from] TemplateKeyError),
}

impl Classified for FileError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Format(_) => ErrorKind::Corrupt,
            Self::Setup(error) => error.kind(),
            Self::TemplateKey(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "compiler_output_corrupt",
            Self::Setup(error) => error.code(),
            Self::TemplateKey(error) => error.code(),
        }
    }
}
