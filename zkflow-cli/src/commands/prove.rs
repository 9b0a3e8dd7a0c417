//! `zkflow witness`, `zkflow prove` and `zkflow verify`.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use zeroize::Zeroizing;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::field::json::NumberError;
use zkflow_core::field::to_decimal;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::format::{json, wtns};
use zkflow_core::inputs::{InputError, InputProblem, NumberRule};
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::prove::{Prover, prove_verified};
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::Sandbox;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::verify::Verifier;
use zkflow_core::witness::{
    CalculatorFiles, OpenError, Way, Witness, WitnessCalculator, WitnessError, WitnessLimits,
};

use super::Error;
#[cfg(feature = "evm")]
use super::contract::ContractArgs;
use super::files::{in_file, is_stream, map, of_circuit, one_standard_input, open, read, read_text, secrets};
use super::output::{apart, tell, write, write_secret};
use super::progress::Progress;
use super::prover::ProverArgs;
#[cfg(feature = "remote")]
use super::remote_proof::ProofServerArgs;
#[cfg(feature = "remote")]
use super::remote_verify::VerifyServerArgs;
use super::toolbox::sandbox;

/// Arguments of `zkflow witness`.
#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// Witness calculator of circom (.wasm)
    circuit: PathBuf,
    /// Inputs (.json): an object that maps signal names to decimal strings, safe integers, or arrays of them; a bus is
    /// an object or an array
    input: PathBuf,
    /// Output file for the witness (.wtns), which contains all private inputs
    output: PathBuf,
    #[command(flatten)]
    checks: CheckArgs,
}

/// Arguments of `zkflow fullprove`.
#[derive(Debug, Args)]
pub(crate) struct FullProveArgs {
    /// Inputs (.json): an object that maps signal names to decimal strings, safe integers, or arrays of them
    input: PathBuf,
    /// Witness calculator of circom (.wasm)
    circuit: PathBuf,
    /// Proving key (.zkey)
    zkey: PathBuf,
    /// Output file for the proof (.json)
    proof: PathBuf,
    /// Output file for the public signals (.json)
    public: PathBuf,
    #[command(flatten)]
    checks: CheckArgs,
    #[command(flatten)]
    prover: ProverArgs,
    #[cfg(feature = "remote")]
    #[command(flatten)]
    server: ProofServerArgs,
}

/// Files that belong to a witness calculator.
#[derive(Debug, Args)]
struct CheckArgs {
    /// Constraints to check the witness with (default: CIRCUIT with the extension .r1cs, if present; also
    /// where circom writes it, beside the folder of CIRCUIT)
    #[arg(long, value_name = "FILE.r1cs")]
    r1cs: Option<PathBuf>,
    /// Names of the signals, for the shapes and names of the inputs (default: found as --r1cs, with the extension
    /// .sym; else the names in the circuit)
    #[arg(long, value_name = "FILE.sym")]
    sym: Option<PathBuf>,
    /// Forms of numbers in the inputs
    #[arg(long, value_enum, default_value_t = Numbers::Exact, value_name = "RULE")]
    inputs: Numbers,
    /// Time limit of the calculation in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600)]
    witness_time: u64,
    /// Tape to calculate the witness with; requires the constraints (default: found as --r1cs, with the
    /// extension .tape)
    #[arg(long, value_name = "FILE.tape")]
    tape: Option<PathBuf>,
}

/// Rules for numbers.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Numbers {
    /// Elements of the field in decimal, which are never reduced or rounded
    Exact,
    /// Also hexadecimal (0x), octal (0o) and binary (0b) strings, negative numbers, booleans, numbers above the modulus,
    /// and arrays of any form: as circom's calculator reads them
    Lenient,
}

impl From<Numbers> for NumberRule {
    fn from(numbers: Numbers) -> Self {
        match numbers {
            Numbers::Exact => Self::Exact,
            Numbers::Lenient => Self::Lenient,
        }
    }
}

/// Arguments of `zkflow prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// Proving key (.zkey)
    zkey: PathBuf,
    /// Witness (.wtns)
    witness: PathBuf,
    /// Output file for the proof (.json)
    proof: PathBuf,
    /// Output file for the public signals (.json)
    public: PathBuf,
    #[command(flatten)]
    prover: ProverArgs,
    /// Is refused with the reason
    #[cfg(feature = "remote")]
    #[arg(long, value_name = "URL", hide = true)]
    server: Option<String>,
}

/// Arguments of `zkflow verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Verification key (.json)
    key: PathBuf,
    /// Public signals (.json)
    public: PathBuf,
    /// Proof (.json)
    proof: PathBuf,
    #[cfg(feature = "evm")]
    #[command(flatten)]
    contract: ContractArgs,
    #[cfg(feature = "remote")]
    #[command(flatten)]
    server: VerifyServerArgs,
}

pub(super) fn witness(args: &WitnessArgs) -> Result<(), Error> {
    one_standard_input(&[&args.circuit, &args.input])?;
    let witness = calculate(&args.circuit, &args.input, &args.checks, &Progress::new())?;
    write_secret(&args.output, &Zeroizing::new(wtns::write(&witness)))
}

fn calculate(
    circuit: &Path,
    input: &Path,
    checks: &CheckArgs,
    progress: &Progress,
) -> Result<Witness, Error> {
    let wasm = read(circuit)?;
    let text = read_text(input)?;
    let inputs = CircuitInputs::from_json(text).with_numbers(checks.inputs.into());
    let sandbox = sandbox()?;
    let calculator = progress.step("load the calculator", || load(circuit, checks, &sandbox, &wasm))?;
    let mut way = Way::Module;
    let witness = progress.step("witness", || {
        let (witness, by) = calculator.calculate_by(&inputs)?;
        way = by;
        Ok::<_, WitnessError>(witness)
    });
    let witness = witness.map_err(|error| match &error {
        WitnessError::Limit(limit) if limit.ends_with(" s") => {
            format!("{error}: raise --witness-time").into()
        }
        WitnessError::Input(InputError { problem: InputProblem::Number(NumberError::Field(_)), .. })
            if matches!(checks.inputs, Numbers::Exact) =>
        {
            in_file(input)(format!(
                "{error}; --inputs lenient reads 0x, 0o, 0b, negative numbers and those above the modulus, as circom does"
            ))
        }
        _ => in_file(input)(error),
    })?;
    let checked = if calculator.checks() { "checked" } else { "not checked: there are no constraints" };
    progress.line(&format!("calculated by the {}, {checked}", way.as_str().replace('_', " ")));
    Ok(witness)
}

/// The calculator with its constraints and tape, given as options or [found](of_circuit).
fn load(
    circuit: &Path,
    args: &CheckArgs,
    sandbox: &Arc<Sandbox>,
    wasm: &[u8],
) -> Result<WitnessCalculator, Error> {
    let beside =
        |given: &Option<PathBuf>, extension| given.clone().or_else(|| of_circuit(circuit, extension));
    let r1cs_path = beside(&args.r1cs, "r1cs");
    if r1cs_path.is_none() && args.tape.is_some() {
        return Err("--tape requires constraints to check the witness with: add --r1cs".into());
    }
    let sym_path = beside(&args.sym, "sym");
    let tape_path = r1cs_path.as_ref().and_then(|_| beside(&args.tape, "tape"));
    let r1cs = r1cs_path.as_deref().map(map).transpose()?;
    let sym = sym_path.as_deref().map(map).transpose()?;
    let tape = tape_path.as_deref().map(map).transpose()?;
    let files = CalculatorFiles { wasm, r1cs: r1cs.as_deref(), sym: sym.as_deref(), tape: tape.as_deref() };
    let limits = WitnessLimits { wall: Duration::from_secs(args.witness_time), ..WitnessLimits::default() };
    let mut opened = WitnessCalculator::open(sandbox, files, limits);
    if let (Err(OpenError::Mismatch(_) | OpenError::Names(_)), None, None) = (&opened, &args.sym, &r1cs_path)
    {
        // The names that were found beside the circuit are those of another one.
        opened = WitnessCalculator::open(sandbox, CalculatorFiles { sym: None, ..files }, limits);
    }
    let (calculator, unused_tape) = opened.map_err(|error| match (&error, &r1cs_path, &sym_path) {
        (OpenError::Constraints(_), Some(path), _) | (OpenError::Names(_), _, Some(path)) => {
            in_file(path)(error)
        }
        _ => in_file(circuit)(error),
    })?;
    match (unused_tape, &args.tape) {
        (Some(error), Some(path)) => Err(in_file(path)(error)),
        // A tape that was not requested is optional: the module calculates the same witness.
        _ => Ok(calculator),
    }
}

pub(super) fn prove(args: &ProveArgs) -> Result<(), Error> {
    #[cfg(feature = "remote")]
    if let Some(server) = &args.server {
        let instead = "INPUT.json CIRCUIT.wasm ZKEY PROOF.json PUBLIC.json";
        return Err(
            format!("no server takes a witness: use `zkflow fullprove --server {server} {instead}`").into()
        );
    }
    one_standard_input(&[&args.zkey, &args.witness])?;
    let progress = Progress::new();
    let prover = args.prover.open()?;
    refuse_malformed(&args.zkey)?;
    let witness = wtns::read(&secrets(&args.witness)?).map_err(in_file(&args.witness))?;
    apart(&args.proof, &args.public)?;
    proved(&*prover, &args.zkey, &witness, [&args.proof, &args.public], &progress)
}

/// Reads the head of a key, so that files are reported in the order of the arguments.
fn refuse_malformed(zkey: &Path) -> Result<(), Error> {
    if is_stream(zkey) {
        return Ok(());
    }
    ZKeyFile::open(BufReader::new(open(zkey)?)).map(drop).map_err(in_file(zkey))
}

pub(super) fn full_prove(args: &FullProveArgs) -> Result<(), Error> {
    one_standard_input(&[&args.input, &args.circuit, &args.zkey])?;
    let progress = Progress::new();
    #[cfg(feature = "remote")]
    if let Some((proof, public)) = args.server.prove(&args.input, &args.circuit, &args.zkey, &progress)? {
        return put([&args.proof, &args.public], &proof, &public);
    }
    let prover = args.prover.open()?;
    refuse_malformed(&args.zkey)?;
    apart(&args.proof, &args.public)?;
    let witness = calculate(&args.circuit, &args.input, &args.checks, &progress)?;
    proved(&*prover, &args.zkey, &witness, [&args.proof, &args.public], &progress)
}

/// Makes a proof, verifies it, and writes it with its public signals.
fn proved(
    prover: &dyn Prover,
    zkey: &Path,
    witness: &Witness,
    paths: [&Path; 2],
    progress: &Progress,
) -> Result<(), Error> {
    if !is_stream(zkey) {
        let made = progress.step("prove and verify", || prover.prove_file(zkey, witness, &mut os_rng()));
        let made = made.map_err(|error| match error.kind() {
            // The witness is at fault, not the file of the key.
            ErrorKind::Invalid => error.into(),
            _ => in_file(zkey)(error),
        })?;
        return put(paths, &made.proof, &made.public);
    }
    let key = prover.load(&read(zkey)?).map_err(in_file(zkey))?;
    let verifier = Verifier::new(key.verifying_key().clone()).map_err(in_file(zkey))?;
    let (proof, public) =
        progress.step("prove and verify", || prove_verified(&*key, &verifier, witness, &mut os_rng()))?;
    put(paths, &proof, &public)
}

fn put([proof_path, public_path]: [&Path; 2], proof: &Proof, public: &PublicSignals) -> Result<(), Error> {
    write(proof_path, json::proof_text(proof).as_bytes())?;
    write(public_path, json::public_text(public.values()).as_bytes())
}

pub(super) fn verify(args: &VerifyArgs) -> Result<ExitCode, Error> {
    one_standard_input(&[&args.key, &args.public, &args.proof])?;
    let key = json::read_vkey(&read(&args.key)?).map_err(in_file(&args.key))?;
    let public = json::read_public(&read(&args.public)?).map_err(in_file(&args.public))?;
    let proof = json::read_proof(&read(&args.proof)?).map_err(in_file(&args.proof))?;
    let verifier = Verifier::new(key).map_err(in_file(&args.key))?;
    let public = PublicSignals::for_key(verifier.key(), public).map_err(in_file(&args.public))?;
    let holds = verifier.verify(&public, &proof).map_err(in_file(&args.proof))?;
    #[cfg(feature = "evm")]
    args.contract.check(&proof, &public, holds)?;
    #[cfg(feature = "remote")]
    args.server.check(&args.key, &proof, &public, holds)?;
    if holds {
        let signals: Vec<String> = public.values().iter().map(to_decimal).collect();
        println!("OK: the proof is valid for the public signals [{}]", signals.join(", "));
        Ok(ExitCode::SUCCESS)
    } else {
        tell(format_args!("INVALID: the proof is not valid for the public signals"));
        Ok(ExitCode::FAILURE)
    }
}
