//! Circuits from files that others made: each file is checked against the others, or made from them.
//!
//! [`ImportedParts::check`] compares constraints, module and names, [`CheckedParts::finish`] the key.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use zkflow_circom::compile::{CompileError, CompileOptions, Compiled, Compilers, SourceTree};
use zkflow_circom::inputs::Shape;
use zkflow_circom::sandbox::Sandbox;
use zkflow_circom::witness::{
    CalculatorFiles, InputSignals, OpenError, WitnessCalculator, WitnessError, WitnessLimits, module_version,
};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::json::{self, JsonError};
use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::format::zkey::ZKeyFile;
use zkflow_groth16::format::{FormatError, ReadError};
use zkflow_groth16::id::CircuitId;
use zkflow_groth16::provenance::Label;
use zkflow_groth16::report::CircuitReport;
use zkflow_groth16::rng::SecureRng;
use zkflow_groth16::setup::{
    CeremonyError, KeyOptions, KeyVerdict, Origin, PowersSource, RecordedFiles, SetupRecord, StepOptions,
    Weakness, gate, phase2,
};

use super::Transcript;
use super::claimed::{ClaimedPart, Part, SETTING};
use super::files::{CircuitFiles, JudgedKey, recording};

/// The files of a circuit but its keys. Without a source, all others are required.
#[derive(Debug, Default)]
pub struct ImportedParts {
    /// The source. The other files are made from it, and those that are given are compared.
    pub source: Option<(SourceTree, CompileOptions)>,
    /// Constraint system (.r1cs).
    pub r1cs: Option<Vec<u8>>,
    /// Witness calculator (.wasm).
    pub wasm: Option<Vec<u8>>,
    /// Names of the signals (.sym).
    pub sym: Option<Vec<u8>>,
}

impl ImportedParts {
    /// Compiles the source if there is one, and checks that all files are of one circuit.
    ///
    /// # Behaviour
    /// - A source is compiled by the version of circom that the given module says; without a module, by the own one.
    /// - Without a compiler of that version, the source is compiled by the own one, and the module is not compared. The
    ///   circuit then has the compiled files, if they are the other given ones; otherwise the given ones, if all three
    ///   are given, and the source is not compared. [`CheckedParts::claimed`] says which.
    ///
    /// # Errors
    /// - [`ImportError::Missing`]; [`ImportError::NotOfSource`]; [`ImportError::NoSuchVersion`]; the compiler refuses the
    ///   source.
    /// - [`ImportError::Parts`]: the files belong to different circuits, or the module has other inputs.
    pub fn check(
        self,
        compilers: &Compilers,
        sandbox: &Arc<Sandbox>,
        limits: WitnessLimits,
    ) -> Result<CheckedParts, ImportError> {
        let Self { source, r1cs, wasm, sym } = self;
        let Some((tree, options)) = source else {
            let missing = |what| move || ImportError::Missing(what);
            let r1cs = r1cs.ok_or_else(missing("the constraint system (.r1cs)"))?;
            let wasm = wasm.ok_or_else(missing("the witness calculator (.wasm)"))?;
            let sym = sym.ok_or_else(missing("the names of the signals (.sym)"))?;
            return CheckedParts::new(None, given(r1cs, wasm, sym)?, sandbox, limits);
        };
        // A module says its version of circom; constraints and names do not.
        let module = wasm.as_deref().and_then(module_version);
        let own = compilers.own();
        let found = module.as_deref().map_or(Some(own), |version| compilers.of_version(version));
        let foreign = module.filter(|_| found.is_none());
        let compiler = found.unwrap_or(own);
        let compiled = compiler.compile(&tree, &options)?;
        let made_by = format!("{} {}", compiler.version(), options.flags().join(" "));
        let versions = || compilers.versions().into_iter().map(str::to_owned).collect();
        match (differing(&compiled, [&r1cs, &wasm, &sym], foreign.is_some())?, foreign) {
            (None, foreign) => {
                let main = tree.files().find(|(path, _)| *path == tree.main()).map(|(_, text)| text.to_vec());
                let mut checked = CheckedParts::new(main, compiled, sandbox, limits)?;
                checked.compiler = Some(made_by);
                checked.claimed =
                    foreign.map(|circom| ClaimedPart { part: Part::Wasm, circom, compilers: versions() });
                Ok(checked)
            }
            (Some(file), None) => Err(ImportError::NotOfSource { file, compiler: made_by }),
            (Some(file), Some(circom)) => match (r1cs, wasm, sym) {
                // As far as the server can tell, the source is that of other files: it is not kept.
                (Some(r1cs), Some(wasm), Some(sym)) => {
                    let mut checked = CheckedParts::new(None, given(r1cs, wasm, sym)?, sandbox, limits)?;
                    checked.claimed = Some(ClaimedPart { part: Part::Source, circom, compilers: versions() });
                    Ok(checked)
                }
                _ => Err(ImportError::NoSuchVersion { file, circom, compilers: versions() }),
            },
        }
    }
}

/// The kind of the first given file that differs from the compiled one. A module of another version is not compared.
fn differing(
    compiled: &Compiled,
    [r1cs, wasm, sym]: [&Option<Vec<u8>>; 3],
    is_foreign: bool,
) -> Result<Option<&'static str>, FormatError> {
    let is_other = |given: &Option<Vec<u8>>, made: &[u8]| given.as_deref().is_some_and(|given| given != made);
    if is_other(r1cs, &compiled.r1cs)
        && let Some(given) = r1cs
        && R1cs::read(given)? != R1cs::read(&compiled.r1cs)?
    {
        return Ok(Some("r1cs"));
    }
    if !is_foreign && is_other(wasm, &compiled.wasm) {
        return Ok(Some("wasm"));
    }
    Ok(is_other(sym, &compiled.sym).then_some("sym"))
}

/// Files that are given, as if they were compiled.
fn given(r1cs: Vec<u8>, wasm: Vec<u8>, sym: Vec<u8>) -> Result<Compiled, ImportError> {
    let report = CircuitReport::of(&R1cs::read(&r1cs)?, Some(&Sym::read(&sym)?));
    Ok(Compiled { r1cs, wasm, sym, json: None, wat: None, report, warnings: Vec::new() })
}

/// Files of one circuit.
#[derive(Debug)]
pub struct CheckedParts {
    source: Option<Vec<u8>>,
    compiled: Compiled,
    r1cs: R1cs,
    inputs: Vec<ImportedInput>,
    compiler: Option<String>,
    claimed: Option<ClaimedPart>,
}

/// An input of an imported circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedInput {
    /// Name, without indices.
    pub name: String,
    /// Shape of its values.
    pub shape: Shape,
    /// Whether the proof discloses it.
    pub public: bool,
}

/// The key of an imported circuit.
#[derive(Debug, Clone, Copy)]
pub enum ImportedKey<'a> {
    /// None: it is made from these powers of tau.
    Made(&'a dyn PowersSource),
    /// It is given.
    Given {
        /// The proving key (.zkey), which must not change meanwhile.
        file: &'a Path,
        /// SHA-256 of the file.
        digest: Digest,
        /// The verification key (.json) to compare with.
        verification_key: Option<&'a [u8]>,
        /// The powers of tau to verify it with. `None`: its label is only claimed.
        powers: Option<&'a dyn PowersSource>,
        /// The record of its ceremony to compare with. Requires powers of tau.
        transcript: Option<&'a dyn Transcript>,
        /// Memory of the verification, beside the circuit.
        steps: StepOptions<'a>,
        /// Whether a key without a secret contribution is taken, as forgeable.
        forgeable: Forgeable,
    },
}

/// What happens to a key that any person can forge proofs for, because it has no secret contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgeable {
    /// It is refused.
    Refuse,
    /// It is taken and marked: it proves, and is never deployed.
    Mark,
}

impl CheckedParts {
    fn new(
        source: Option<Vec<u8>>,
        compiled: Compiled,
        sandbox: &Arc<Sandbox>,
        limits: WitnessLimits,
    ) -> Result<Self, ImportError> {
        let Compiled { r1cs, wasm, sym, .. } = &compiled;
        let files = CalculatorFiles { wasm, r1cs: Some(r1cs), sym: Some(sym), tape: None };
        let (calculator, _) = WitnessCalculator::open(sandbox, files, limits)?;
        let r1cs = R1cs::read(r1cs)?;
        calculator.check_module(r1cs.n_wires as usize).map_err(OpenError::Module)?;
        let signals = InputSignals::from_r1cs_sym(&r1cs, &Sym::read(sym)?).map_err(OpenError::Mismatch)?;
        let mut first = 0;
        let inputs = signals.names().filter_map(|name| {
            let shape = signals.shape(name)?.clone();
            let public = first < r1cs.n_public_inputs as usize;
            first += shape.size();
            Some(ImportedInput { name: name.to_owned(), shape, public })
        });
        let inputs = inputs.collect();
        Ok(Self { source, compiled, r1cs, inputs, compiler: None, claimed: None })
    }

    /// The inputs, public ones first.
    pub fn inputs(&self) -> &[ImportedInput] {
        &self.inputs
    }

    /// Version and options of the compiler that made the files; `None` if they are given.
    pub fn compiler(&self) -> Option<&str> {
        self.compiler.as_deref()
    }

    /// The part that was not compared; `None` if all given ones were.
    pub fn claimed(&self) -> Option<&ClaimedPart> {
        self.claimed.as_ref()
    }

    /// Makes the key, or checks the given one, and makes all files derived from it.
    ///
    /// # Behaviour
    /// - A given key is compared with the constraints. With powers of tau it is verified, see
    ///   [`Powers::verify_key`](zkflow_groth16::setup::Powers::verify_key); without, its label is claimed and there is no
    ///   `setup.json`.
    /// - A given key is not among the files, and neither is one that is made in the folder of the options.
    /// - With [`Forgeable::Mark`], a key without a secret contribution is taken, and has its weakness in place of a label.
    ///
    /// # Errors
    /// - [`ImportError::OtherCircuit`]; [`ImportError::OtherKey`].
    /// - [`ImportError::Key`]: anyone could forge proofs for the key; it is not made from the powers of tau; it cannot be
    ///   made.
    pub fn finish(
        self,
        id: CircuitId,
        key: ImportedKey<'_>,
        sandbox: &Arc<Sandbox>,
        options: KeyOptions<'_>,
        rng: &mut dyn SecureRng,
    ) -> Result<CircuitFiles, ImportError> {
        let Self { source, compiled, r1cs, claimed, .. } = self;
        let options = options.with_r1cs(Digest::of(&compiled.r1cs));
        let (judged, tape) = recording(&compiled, sandbox, &[], || match key {
            ImportedKey::Made(powers) => Ok(JudgedKey::made(&r1cs, powers, options, rng)?),
            ImportedKey::Given { file, digest, verification_key, powers, transcript, steps, forgeable } => {
                let file = BufReader::new(File::open(file).map_err(ReadError::from)?);
                let given = GivenKey { file, digest, verification_key, powers, transcript, steps, forgeable };
                // The compiler of another version gives other constraints for some sources.
                judge(&r1cs, given, options, rng).map_err(|error| match (error, &claimed) {
                    (ImportError::OtherCircuit(what), Some(claimed)) => {
                        ImportError::OtherCircuit(format!("{what}; {claimed}"))
                    }
                    (error, _) => error,
                })
            }
        });
        Ok(CircuitFiles::assemble(id, source, compiled, judged?, tape))
    }
}

/// A key that is compared with its circuit, and what it is verified with.
pub(super) struct GivenKey<'a, R> {
    pub(super) file: R,
    /// SHA-256 of the file.
    pub(super) digest: Digest,
    pub(super) verification_key: Option<&'a [u8]>,
    pub(super) powers: Option<&'a dyn PowersSource>,
    pub(super) transcript: Option<&'a dyn Transcript>,
    pub(super) steps: StepOptions<'a>,
    pub(super) forgeable: Forgeable,
}

/// Compares a key with its circuit. With powers of tau it is verified, otherwise its label is claimed.
pub(super) fn judge<R: Read + Seek>(
    r1cs: &R1cs,
    given: GivenKey<'_, R>,
    options: KeyOptions<'_>,
    rng: &mut dyn SecureRng,
) -> Result<JudgedKey, ImportError> {
    let GivenKey { file, digest, verification_key, powers, transcript, steps, forgeable } = given;
    let mut key = ZKeyFile::open(file)?;
    phase2::compare_circuit(r1cs, &mut key).map_err(|error| match error {
        CeremonyError::Invalid(what) => ImportError::OtherCircuit(what),
        error => ImportError::Key(error),
    })?;
    if let Some(text) = verification_key
        && json::read_vkey(text)? != key.head().vk
    {
        return Err(ImportError::OtherKey);
    }
    let Some(source) = powers else {
        if transcript.is_some() {
            return Err(ImportError::Transcript(
                "it is compared with powers of tau: give them too".to_owned(),
            ));
        }
        let label = admit(&gate::judge_at_length(key.head()), forgeable)?;
        return Ok(JudgedKey { zkey: None, vk: key.head().vk.clone(), label, record: None });
    };
    // The time of a verification grows with the contributions.
    if key.head().contributions.len() > gate::MOST_AT_LENGTH {
        gate::judge_at_length(key.head()).admit(true).map_err(CeremonyError::from)?;
    }
    let mut powers = source.powers(key.head().domain_size.ilog2())?;
    let verdict = powers.verify_key(r1cs, &mut key, rng, steps)?;
    let label = admit(&verdict, forgeable)?;
    let Ok(found) = &label else {
        // A record is evidence for a label.
        return Ok(JudgedKey { zkey: None, vk: key.head().vk.clone(), label, record: None });
    };
    let files = RecordedFiles { r1cs: options.r1cs, zkey: digest };
    let record = SetupRecord::new(&powers, key.head(), &verdict, files)?;
    if let Some(transcript) = transcript {
        transcript.compare(key.head(), &record, found).map_err(ImportError::Transcript)?;
    }
    let record = match options.record_key {
        Some(key) => record.sealed(key),
        None => record,
    };
    Ok(JudgedKey { zkey: None, vk: key.head().vk.clone(), label, record: Some(record) })
}

/// Checks that powers of tau are published ones. All published files of one ceremony serve for a key of any of them: they are
/// truncations of one file.
///
/// # Errors
/// [`ImportError::NotPublished`] with `name`, the published file that the key was made from; the powers cannot be read.
pub fn require_published(source: &dyn PowersSource, name: &str) -> Result<(), ImportError> {
    // The least power: powers for development are made for it at once.
    match source.powers(1)?.origin() {
        Origin::Published(_) => Ok(()),
        _ => Err(ImportError::NotPublished(name.to_owned())),
    }
}

/// The label of a key; or, for one without a secret contribution that is to be marked, its weakness.
fn admit(verdict: &KeyVerdict, forgeable: Forgeable) -> Result<Result<Label, Weakness>, CeremonyError> {
    match verdict.phase2().weakness() {
        Some(weakness @ (Weakness::NoContribution | Weakness::BeaconOnly))
            if forgeable == Forgeable::Mark =>
        {
            Ok(Err(weakness.clone()))
        }
        _ => Ok(Ok(verdict.admit(true)?)),
    }
}

/// A circuit cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file is neither given nor can it be made.
    #[error("{0} is missing: give it, or the circom source")]
    Missing(&'static str),
    /// A file is not the one that the source compiles to.
    #[error(
        "the {file} is not what {compiler} makes from the source: omit it, or give the simplification that made it"
    )]
    NotOfSource {
        /// Kind of the file.
        file: &'static str,
        /// Version and options of the compiler.
        compiler: String,
    },
    /// A file is not what the own compiler makes from the source, and the given module says another version, of which
    /// there is no compiler.
    #[error(
        "the given wasm says circom {circom}, and there is only {}: the {file} cannot be compared with the source; set \
         {SETTING} to a list with circom {circom}, or give all of r1cs, wasm and sym",
        compilers.join(", ")
    )]
    NoSuchVersion {
        /// Kind of the file.
        file: &'static str,
        /// Version of circom that the module says, such as `2.1.9`.
        circom: String,
        /// Versions of the compilers that there are, such as `circom 2.2.3`.
        compilers: Vec<String>,
    },
    /// The source cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The files belong to different circuits, or one cannot be used.
    #[error(transparent)]
    Parts(#[from] OpenError),
    /// A file is malformed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The key's file is malformed or cannot be read.
    #[error("the proving key: {0}")]
    Read(#[from] ReadError),
    /// The verification key is malformed.
    #[error("the verification key: {0}")]
    Json(#[from] JsonError),
    /// The key belongs to another circuit.
    #[error("the proving key belongs to another circuit: {0}")]
    OtherCircuit(String),
    /// The verification key belongs to another proving key.
    #[error("the verification key belongs to another proving key")]
    OtherKey,
    /// The key is verified with published powers of tau, and others are configured.
    #[error(
        "the key is verified with the published {0}, which are not configured: set PTAU_PATH (--ptau) to this file, or to a \
         larger published one"
    )]
    NotPublished(String),
    /// The transcript is malformed, or the ceremony that it records has another key.
    #[error("the transcript: {0}")]
    Transcript(String),
    /// The key is forgeable, is not verified by the powers of tau, or cannot be made.
    #[error(transparent)]
    Key(#[from] CeremonyError),
}

impl Classified for ImportError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Compile(error) => error.kind(),
            Self::Key(error) => error.kind(),
            Self::Read(error) => error.kind(),
            Self::Missing(_)
            | Self::NotOfSource { .. }
            | Self::NoSuchVersion { .. }
            | Self::Parts(_)
            | Self::Format(_)
            | Self::Json(_)
            | Self::OtherCircuit(_)
            | Self::OtherKey
            | Self::NotPublished(_)
            | Self::Transcript(_) => ErrorKind::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Compile(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Read(error) => error.code(),
            Self::Format(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Missing(_) => "import_incomplete",
            Self::NotOfSource { .. } => "not_of_source",
            Self::NoSuchVersion { .. } => "circom_version_missing",
            Self::Parts(OpenError::Module(error @ WitnessError::Limit(_))) => error.code(),
            Self::Parts(_) => "parts_differ",
            Self::OtherCircuit(_) => "key_of_other_circuit",
            Self::OtherKey => "verification_key_of_other_key",
            Self::NotPublished(_) => "powers_not_published",
            Self::Transcript(_) => "transcript_of_other_key",
        }
    }
}
