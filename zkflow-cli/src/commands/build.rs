//! `zkflow circuit build` and `zkflow compile`.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName};
use zkflow_core::compile::{CompileError, CompileOptions, Compiled, Diagnostic, Simplification, SourceTree};
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::report::CircuitReport;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{Beacon, DevelopmentPowers, KeyOptions, PowersFile, PowersSource, StepOptions};
use zkflow_core::template::TemplateLibrary;
use zkflow_core::witness::tape::{RecordLimits, Stop, Tape};

use super::evidence::{checked_powers, record_key};
use super::files::{folder_of, in_file, read_text, write};
use super::progress::Progress;
use super::toolbox::{CompilerArgs, Toolbox};
use super::{Error, cache_dir};

/// Arguments of `zkflow circuit build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Name of the template, such as rangeCheck
    template: String,
    /// Parameter of the template, such as min=18 or `limits=[1,2,3]`; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Output folder
    #[arg(long)]
    out: PathBuf,
    /// Folders of additional templates, separated by colons
    #[arg(long, env = "ZKFLOW_TEMPLATES", value_delimiter = ':')]
    templates: Vec<PathBuf>,
    /// Let templates of these folders replace built-in ones of the same name
    #[arg(long, env = "ZKFLOW_ALLOW_TEMPLATE_OVERRIDE", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, value_name = "true|false")]
    allow_template_override: bool,
    /// Prepared powers of tau (.ptau) (default: generated; the keys are then for development only)
    #[arg(long, env = "PTAU_PATH")]
    ptau: Option<PathBuf>,
    /// Public beacon that ends the generation of the keys: the hexadecimal VALUE is hashed 2^EXPONENT times
    #[arg(long, value_name = "VALUE:EXPONENT")]
    beacon: Option<Beacon>,
    /// Replace the keys of an existing circuit
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    compiler: CompilerArgs,
}

/// Arguments of `zkflow compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// circom file with the main component
    file: PathBuf,
    /// Output folder for the .r1cs, .wasm, .sym and .tape files
    #[arg(long)]
    out: PathBuf,
    /// Level of constraint simplification
    #[arg(long, value_enum, default_value_t = Level::O1)]
    simplification: Level,
    #[command(flatten)]
    compiler: CompilerArgs,
}

/// Simplification levels of circom.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "verbatim")]
enum Level {
    /// No simplification
    O0,
    /// Remove equalities of signals with signals or constants
    O1,
    /// Remove all linear constraints
    O2,
}

impl From<Level> for Simplification {
    fn from(level: Level) -> Self {
        match level {
            Level::O0 => Self::None,
            Level::O1 => Self::Signals,
            Level::O2 => Self::Full,
        }
    }
}

pub(super) fn build(args: &BuildArgs) -> Result<(), Error> {
    let key = args.out.join(FileName::ProvingKey.as_str());
    if key.exists() && !args.force {
        return Err(format!("{} already exists; use --force to replace it", key.display()).into());
    }
    let mut library = TemplateLibrary::builtin().allow_override(args.allow_template_override);
    for folder in &args.templates {
        library = library.with_folder(folder)?;
    }
    let template = library.get(&args.template.parse()?)?;
    let params = template.parse_params(&parse_params(&args.params)?)?;

    let progress = Progress::new();
    template.warnings.iter().for_each(|warning| progress.line(&warning.to_string()));
    let toolbox = progress.step("load the compiler", || Toolbox::open(&args.compiler))?;
    let compiler = &*toolbox.compiler;
    let blueprint = Blueprint::builder(template)
        .params(params)
        .compiler(compiler)
        .include_roots(&toolbox.include_roots)
        .build()?;
    let compiled = progress
        .step("compile", || compiler.compile(&blueprint.source, &blueprint.options))
        .map_err(explain)?;
    show_warnings(&progress, &compiled.warnings);

    let id = CircuitId::from_hash(&blueprint.circuit_hash);
    let powers = powers(args.ptau.as_deref(), &progress)?;
    let record_key = record_key()?;
    let options = KeyOptions::default().with_beacon(args.beacon.as_ref()).with_record_key(&record_key);
    let circuit = progress.step("make the keys", || {
        CircuitFiles::generate(&blueprint, compiled, &*powers, options, &mut os_rng())
    })?;
    for (name, bytes) in &circuit.files {
        write(&args.out.join(name.as_str()), bytes)?;
    }
    drop(progress);
    println!("circuit {id} in {}", args.out.display());
    print!("{}", summary(&circuit.report));
    let warning = match circuit.provenance {
        Provenance::Development => " (never use development keys on a real chain)",
        _ => "",
    };
    println!("keys                 {}{warning}", circuit.provenance);
    println!("witness              {}", way_to_witness(&circuit.tape));
    Ok(())
}

/// The calculation method of witnesses, with the reason if it is circom's module.
pub(super) fn way_to_witness(recorded: &Result<usize, Stop>) -> String {
    match recorded {
        Ok(operations) => format!("by a tape of {operations} operations"),
        Err(reason) => format!("by circom's module: {reason}"),
    }
}

/// The powers of tau in `file`, which are checked once; `None`: powers for development, cached on disk.
fn powers(file: Option<&Path>, progress: &Progress) -> Result<Box<dyn PowersSource>, Error> {
    if let Some(path) = file {
        let checked = checked_powers()?;
        let powers = progress.measured("check the powers of tau", StepOptions::default(), |options| {
            PowersFile::check(path, checked.as_ref(), &mut os_rng(), options)?.for_production()
        });
        return Ok(Box::new(powers.map_err(in_file(path))?));
    }
    Ok(Box::new(cache_dir("ptau").map_or_else(DevelopmentPowers::in_memory, DevelopmentPowers::in_folder)))
}

pub(super) fn compile(args: &CompileArgs) -> Result<(), Error> {
    let source = read_text(&args.file)?;
    let progress = Progress::new();
    let toolbox = progress.step("load the compiler", || Toolbox::open(&args.compiler))?;
    let stem = args.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("circuit");
    let mut roots = toolbox.include_roots.clone();
    roots.insert(0, folder_of(&args.file).to_owned());
    let tree =
        SourceTree::resolve(&format!("{stem}.circom"), &source, &roots).map_err(in_file(&args.file))?;
    let options = CompileOptions { simplification: args.simplification.into() };
    let Compiled { r1cs, wasm, sym, report, warnings } =
        progress.step("compile", || toolbox.compiler.compile(&tree, &options)).map_err(explain)?;
    show_warnings(&progress, &warnings);
    let recorded = progress
        .step("record the witness", || Ok::<_, Error>(Tape::record(&wasm, RecordLimits::default())))?;
    let tape = recorded.as_ref().ok().map(|tape| ("tape", tape.to_bytes(&Digest::of(&wasm))));
    for (extension, bytes) in [("r1cs", r1cs), ("wasm", wasm), ("sym", sym)].into_iter().chain(tape) {
        write(&args.out.join(format!("{stem}.{extension}")), &bytes)?;
    }
    drop(progress);
    print!("{}", summary(&report));
    println!("witness              {}", way_to_witness(&recorded.map(|tape| tape.len())));
    Ok(())
}

/// Parses `name=value` pairs. A value is `true`, `false`, a JSON array, or otherwise a string. Numbers are
/// strings, so that large ones stay exact.
fn parse_params(pairs: &[String]) -> Result<Map<String, Value>, Error> {
    let mut params = Map::new();
    for pair in pairs {
        let (name, text) =
            pair.split_once('=').ok_or_else(|| format!("--param {pair:?}: expected NAME=VALUE"))?;
        let value = match text {
            "true" | "false" => Value::Bool(text == "true"),
            _ if text.starts_with('[') => serde_json::from_str(text)
                .map_err(|error| format!("--param {name}: not a JSON array: {error}"))?,
            _ => Value::String(text.to_owned()),
        };
        if params.insert(name.to_owned(), value).is_some() {
            return Err(format!("--param {name} occurs twice").into());
        }
    }
    Ok(params)
}

/// Table of a circuit's size.
pub(super) fn summary(report: &CircuitReport) -> String {
    let CircuitReport {
        non_linear_constraints,
        linear_constraints,
        wires,
        public_inputs,
        public_input_names: _,
        private_inputs,
        outputs,
        domain_size,
        proving_key_bytes,
        prover_memory_bytes,
        warnings,
    } = report;
    let mut text = format!(
        "constraints          {} ({non_linear_constraints} non-linear, {linear_constraints} linear)\n\
         wires                {wires}\n\
         inputs               {public_inputs} public, {private_inputs} private\n\
         outputs              {outputs}\n\
         domain               {domain_size}\n\
         proving key          {proving_key_bytes} bytes\n\
         memory of a proof    about {} MiB\n",
        non_linear_constraints + linear_constraints,
        prover_memory_bytes.div_ceil(1 << 20),
    );
    for warning in warnings {
        text += &format!("warning              {warning}\n");
    }
    text
}

fn show_warnings(progress: &Progress, warnings: &[Diagnostic]) {
    for warning in warnings {
        progress.line(&format!("warning: {warning}"));
    }
}

/// Adds all diagnostics of circom to the error if circom rejected the source.
fn explain(error: CompileError) -> Error {
    match &error {
        CompileError::Rejected(diagnostics) => {
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            format!("circom rejected the source\n  {}", lines.join("\n  ")).into()
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_exact_text() {
        let pairs = ["min=18", "deep=true", "limits=[1,2]", "p=9007199254740993"].map(str::to_owned);
        let params = parse_params(&pairs).unwrap();
        assert_eq!(
            Value::Object(params),
            serde_json::json!({"min": "18", "deep": true, "limits": [1, 2], "p": "9007199254740993"})
        );
    }

    #[test]
    fn a_parameter_without_a_value_or_given_twice_is_refused() {
        assert!(parse_params(&["min".to_owned()]).is_err());
        assert!(parse_params(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
        assert!(parse_params(&["a=[1".to_owned()]).is_err());
    }
}
