//! `zkflow bench`: the same circuits, keys and witnesses for every prover that is found.
//!
//! Warm means a prepared key in memory, in this process: the time from witness to proof. Cold means a whole
//! process, from the files to the written and (by ours) verified proof. Provers alternate within each
//! round, so that whatever else the machine does falls on all of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use zkflow_core::compile::CircuitCompiler;
use zkflow_core::sandbox::Sandbox;

mod chart;
mod circuits;
mod files;
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

/// What circuits are made with.
pub struct Workshop {
    /// Compiles the circuits.
    pub compiler: Arc<dyn CircuitCompiler>,
    /// Folders in which includes are found: one must contain circomlib.
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

/// Runs one step, and shows its name and how long it took.
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
    /// Kinds of circuits
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Family::ALL)]
    family: Vec<Family>,
    /// Sizes: powers of two of the evaluation domain, as in 10,12,14
    #[arg(long, value_delimiter = ',', default_values_t = [10, 12, 14], value_parser = clap::value_parser!(u32).range(6..=24))]
    size: Vec<u32>,
    /// A circom file of your own instead; needs --input
    #[arg(long, requires = "input")]
    circuit: Option<PathBuf>,
    /// Inputs for --circuit, JSON
    #[arg(long, requires = "circuit")]
    input: Option<PathBuf>,
    /// Provers to leave out, by the name in the table
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Rounds in which every prover takes its turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Rounds of whole processes
    #[arg(long, default_value_t = 3)]
    cold_rounds: u32,
    /// Leave out the measurement of proofs per second
    #[arg(long)]
    no_throughput: bool,
    /// snarkjs: its command, or its cli.cjs
    #[arg(long, env = "SNARKJS_PATH")]
    snarkjs: Option<PathBuf>,
    /// rapidsnark's command
    #[arg(long, env = "RAPIDSNARK_PATH")]
    rapidsnark: Option<PathBuf>,
    /// Threads of our provers; one a processor by default
    #[arg(long)]
    threads: Option<std::num::NonZeroUsize>,
    /// Mebibytes of a key with multiples computed beforehand, for the native prover
    #[arg(long, default_value_t = 0, value_name = "MIB")]
    key_memory: usize,
    /// Folder for results.json, results.csv and chart.svg
    #[arg(long, default_value = "bench-results")]
    out: PathBuf,
}

/// Compares the provers, writes the results to the folder of `--out`, and returns the table.
///
/// Circuits, keys and witnesses are made once with `workshop`, which is opened only when one is missing, and are kept
/// in `folder`.
///
/// # Errors
/// A circuit cannot be made, a prover fails, or a file cannot be written.
pub fn run(
    args: &BenchArgs,
    folder: &std::path::Path,
    workshop: &dyn Fn() -> Result<Workshop, Error>,
    progress: &dyn Progress,
) -> Result<String, Error> {
    let contestants = Contestants::find(args)?;
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
    let report = Report::new(results, args.threads);
    write(&args.out.join("results.json"), report.json().as_bytes())?;
    write(&args.out.join("results.csv"), report.csv().as_bytes())?;
    write(&args.out.join("chart.svg"), chart::draw(&report).as_bytes())?;
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
