//! `zkflow bench`: measures all installed provers with the same circuits, keys and witnesses.
//!
//! - Warm: time from witness to proof in this process, with a prepared key in memory.
//! - Cold: time of a whole process, from the input files to the written proof. Our provers also verify it.
//!
//! Provers alternate within each round, so that other load on the machine affects all of them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use zkflow_core::compile::CircuitCompiler;
use zkflow_core::sandbox::Sandbox;

mod chart;
mod circuits;
mod files;
mod library;
mod measure;
mod process;
mod provers;
mod report;

use circuits::{Family, Workload};
use files::write;
use measure::{Results, measure};
use provers::Contestants;
use report::Report;

/// Any error, to be shown with its sources.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Tools that make the circuits.
pub struct Workshop {
    /// Compiles the circuits.
    pub compiler: Arc<dyn CircuitCompiler>,
    /// Folders that are searched for includes; one must contain circomlib.
    pub include_roots: Vec<PathBuf>,
    /// Runs the witness calculators.
    pub sandbox: Arc<Sandbox>,
}

/// Shows the progress of a comparison.
pub trait Progress {
    /// A step begins; it can take minutes.
    fn begin(&self, step: &str);

    /// Shows a line of text.
    fn line(&self, text: &str);
}

/// Runs one step, and shows its name and duration.
fn step<T>(progress: &dyn Progress, name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    progress.begin(name);
    let began = Instant::now();
    let result = work()?;
    progress.line(&format!("{name:<24} {:>9.3} s", began.elapsed().as_secs_f64()));
    Ok(result)
}

/// Arguments of `zkflow bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Families of circuits, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Family::ALL)]
    family: Vec<Family>,
    /// Sizes as exponents, separated by commas: the evaluation domain has 2^SIZE rows
    #[arg(long, value_delimiter = ',', default_values_t = [10, 12, 14], value_parser = clap::value_parser!(u32).range(6..=24))]
    size: Vec<u32>,
    /// circom file to measure instead of the built-in circuits; requires --input
    #[arg(long, requires = "input")]
    circuit: Option<PathBuf>,
    /// Inputs of --circuit (.json)
    #[arg(long, requires = "circuit")]
    input: Option<PathBuf>,
    /// Provers to measure, by their names in the table, separated by commas (default: all that are found)
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    prover: Vec<String>,
    /// Provers to skip, by their names in the table, separated by commas
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Number of warm proofs per prover
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Number of cold proofs, each in its own process, per prover
    #[arg(long, default_value_t = 3)]
    cold_rounds: u32,
    /// Skip the measurement of proofs per second
    #[arg(long)]
    no_throughput: bool,
    /// Path of snarkjs or its cli.cjs (default: searched in the tools, then in PATH)
    #[arg(long, env = "SNARKJS_PATH")]
    snarkjs: Option<PathBuf>,
    /// Path of rapidsnark (default: searched in PATH)
    #[arg(long, env = "RAPIDSNARK_PATH")]
    rapidsnark: Option<PathBuf>,
    /// Path of rapidsnark's shared library (librapidsnark.so), for its proofs with a key in memory. It is loaded into this
    /// process
    #[arg(long, env = "RAPIDSNARK_LIBRARY", value_name = "FILE")]
    rapidsnark_library: Option<PathBuf>,
    /// Path of snarkrs (default: searched in PATH)
    #[arg(long, env = "SNARKRS_PATH")]
    snarkrs: Option<PathBuf>,
    /// Threads of our provers, separated by commas (default: one per processor). Several numbers also give a table
    /// and a chart over threads
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    threads: Vec<NonZeroUsize>,
    /// Memory limit in MiB for a key with precomputed multiples, for warm proofs of the native prover, as in a server
    /// (default: a thirty-second of the memory, at most 1024); 0: no multiples
    #[arg(long, value_name = "MIB")]
    key_memory: Option<usize>,
    /// Also measure the native prover with constant work
    #[arg(long)]
    constant_work: bool,
    /// Output folder for results.json, results.csv, chart.svg, and scaling.svg with several --threads
    #[arg(long, default_value = "bench-results")]
    out: PathBuf,
}

impl BenchArgs {
    /// The numbers of threads to measure, in ascending order.
    fn thread_counts(&self) -> Vec<NonZeroUsize> {
        let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let mut counts = if self.threads.is_empty() { vec![available] } else { self.threads.clone() };
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// Whether the prover with this name in the table is to be measured.
    fn wants(&self, name: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|it| it == name);
        (self.prover.is_empty() || has(&self.prover)) && !has(&self.without)
    }
}

/// Compares the provers, writes the results to the folder of `--out`, and returns the table.
///
/// Circuits, keys and witnesses are made once and stored in `folder`. `workshop` is opened only if one of them
/// is missing.
///
/// # Errors
/// A circuit cannot be made, a prover fails, or a file cannot be written.
pub fn run(
    args: &BenchArgs,
    folder: &std::path::Path,
    workshop: &dyn Fn() -> Result<Workshop, Error>,
    progress: &dyn Progress,
) -> Result<String, Error> {
    let contestants = Contestants::find(args, progress)?;
    progress.line(&format!("provers: {}", contestants.names().join(", ")));
    let mut results = Results::default();
    let mut opened = None;
    for workload in workloads(args) {
        let name = workload.name();
        let files = step(progress, &format!("circuit and key of {name}"), || {
            workload.files(folder, workshop, &mut opened)
        })?;
        measure(&files, &workload, &contestants, args, progress, &mut results)?;
    }
    let report = Report::new(results, &args.thread_counts());
    write(&args.out.join("results.json"), report.json().as_bytes())?;
    write(&args.out.join("results.csv"), report.csv().as_bytes())?;
    write(&args.out.join("chart.svg"), chart::draw(&report).as_bytes())?;
    if let Some(chart) = chart::scaling(&report) {
        write(&args.out.join("scaling.svg"), chart.as_bytes())?;
    }
    Ok(format!("{}results.json, results.csv and chart.svg in {}\n", report.table(), args.out.display()))
}

fn workloads(args: &BenchArgs) -> Vec<Workload> {
    if let (Some(circuit), Some(input)) = (&args.circuit, &args.input) {
        return vec![Workload::File { circuit: circuit.clone(), input: input.clone() }];
    }
    let families = args.family.iter().flat_map(|family| {
        let sizes = if family.has_sizes() { args.size.as_slice() } else { &[0] };
        sizes.iter().filter_map(|size| family.workload(*size))
    });
    families.collect()
}
