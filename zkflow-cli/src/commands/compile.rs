//! `zkflow compile`, and what it shares with `zkflow circuit build`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use zkflow_core::compile::{CompileOptions, Compiled, Diagnostic, Simplification, SourceSearch};
use zkflow_core::digest::Digest;
use zkflow_core::format::sym::Sym;
use zkflow_core::report::CircuitReport;
use zkflow_core::witness::tape::{RecordLimits, Stop};
use zkflow_core::witness::{CalculatorFiles, Rehearsal, rehearsed};

use super::Error;
use super::circom_flags::CircomFlags;
use super::compile_errors::explain;
use super::files::{folder_of, in_file, is_standard, read_text};
use super::output::{make_folder, write};
use super::progress::Progress;
use super::toolbox::{CompilerArgs, Toolbox, check_include_roots};

/// Arguments of `zkflow compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// circom file with the main component; `-` reads standard input
    file: PathBuf,
    /// Output folder for the .r1cs, .wasm, .sym and .tape files
    #[arg(short, long, alias = "output", default_value = ".")]
    out: PathBuf,
    /// Level of constraint simplification
    #[arg(long, value_enum, default_value_t = Level::O1)]
    simplification: Level,
    /// The same as --simplification O0
    #[arg(long = "O0", group = "level", conflicts_with = "simplification")]
    o0: bool,
    /// The same as --simplification O1
    #[arg(long = "O1", group = "level", conflicts_with = "simplification")]
    o1: bool,
    /// The same as --simplification O2
    #[arg(long = "O2", group = "level", conflicts_with = "simplification")]
    o2: bool,
    /// Simplify as with O2, in at most this many rounds
    #[arg(long = "O2round", value_name = "ROUNDS", group = "level", conflicts_with = "simplification")]
    rounds: Option<u32>,
    /// Print more warnings about the constraints
    #[arg(long)]
    inspect: bool,
    /// Also write the constraints as JSON
    #[arg(long)]
    json: bool,
    /// Also write the witness calculator as text
    #[arg(long)]
    wat: bool,
    /// Field of the circuit; there are keys and proofs for bn128 only
    #[arg(short, long, default_value = "bn128", value_parser = prime)]
    prime: String,
    /// Refuse included files outside this folder and the folders of --include; can be repeated (default: every
    /// readable file can be included)
    #[arg(long, value_name = "DIR")]
    include_root: Vec<PathBuf>,
    #[command(flatten)]
    compiler: CompilerArgs,
    #[command(flatten)]
    circom: CircomFlags,
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

fn prime(name: &str) -> Result<String, String> {
    match name {
        "bn128" => Ok(name.to_owned()),
        _ => Err("ZKFlow makes keys and proofs over BN254 only, which circom calls bn128".to_owned()),
    }
}

impl CompileArgs {
    fn options(&self) -> CompileOptions {
        let simplification = match (self.rounds, self.simplification) {
            (Some(rounds), _) => Simplification::Rounds(rounds),
            _ if self.o0 => Simplification::None,
            _ if self.o1 => Simplification::Signals,
            _ if self.o2 => Simplification::Full,
            (None, Level::O0) => Simplification::None,
            (None, Level::O1) => Simplification::Signals,
            (None, Level::O2) => Simplification::Full,
        };
        CompileOptions { simplification, inspect: self.inspect, json: self.json, wat: self.wat }
    }
}

pub(super) fn compile(args: &CompileArgs) -> Result<(), Error> {
    args.circom.check()?;
    check_include_roots(&args.include_root)?;
    let source = read_text(&args.file)?;
    make_folder(&args.out)?;
    let progress = Progress::new();
    args.compiler.warnings().for_each(|warning| progress.line(&warning));
    let toolbox = progress.step("load the compiler", || Toolbox::open(&args.compiler))?;
    let (file_name, stem) = match args.file.file_name() {
        Some(name) if !is_standard(&args.file) => {
            (name.to_string_lossy(), args.file.file_stem().unwrap_or(name))
        }
        _ => ("circuit.circom".into(), OsStr::new("circuit")),
    };
    let search = SourceSearch::new(&toolbox.include_roots)
        .beside(Some(folder_of(&args.file)))
        .limits(args.compiler.source_limits());
    let search = match args.include_root.as_slice() {
        [] => search.anywhere(),
        folders => search.within(folders),
    };
    let tree = search.resolve(&file_name, &source).map_err(explain).map_err(in_file(&args.file))?;
    let compiled =
        progress.step("compile", || toolbox.compiler.compile(&tree, &args.options())).map_err(explain)?;
    let Compiled { r1cs, wasm, sym, json, wat, mut report, warnings } = compiled;
    show_warnings(&progress, &warnings);
    let recorded = progress.step("record the witness", || {
        let given = CalculatorFiles { wasm: &wasm, r1cs: Some(&r1cs), sym: Some(&sym), tape: None };
        Ok::<_, Error>(rehearsed(&toolbox.sandbox, given, RecordLimits::default(), &[]))
    })?;
    let Rehearsal { tape: recorded, unused_inputs } = recorded;
    if !unused_inputs.is_empty() {
        report.add_unused_inputs(unused_inputs.into_iter(), Some(&Sym::read(&sym)?));
    }
    let tape = recorded.as_ref().ok().map(|tape| tape.to_bytes(&Digest::of(&wasm)));
    let files = [
        (".r1cs", Some(r1cs)),
        (".wasm", Some(wasm)),
        (".sym", Some(sym)),
        (".tape", tape),
        ("_constraints.json", json),
        (".wat", wat),
    ];
    for (ending, bytes) in files {
        if let Some(bytes) = bytes {
            let mut name = stem.to_owned();
            name.push(ending);
            write(&args.out.join(name), &bytes)?;
        }
    }
    drop(progress);
    print!("{}", summary(&report));
    println!("witness              {}", way_to_witness(&recorded.map(|tape| tape.len())));
    Ok(())
}

/// The calculation method of witnesses, with the reason if it is circom's module.
pub(super) fn way_to_witness(recorded: &Result<usize, Stop>) -> String {
    match recorded {
        Ok(operations) => format!("by a tape of {operations} operations"),
        Err(reason) => format!("by circom's module: {reason}"),
    }
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

pub(super) fn show_warnings(progress: &Progress, warnings: &[Diagnostic]) {
    for warning in warnings {
        progress.line(&format!("warning: {warning}"));
    }
}
