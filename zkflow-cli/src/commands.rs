//! The commands, one a file.

#[cfg(feature = "bench")]
mod bench;
mod build;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "evm")]
mod deploy;
mod doctor;
mod files;
mod inspect;
mod progress;
mod prove;
mod prover;
mod ptau;
#[cfg(feature = "server")]
mod serve;
mod toolbox;
mod zkey;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// Any error of a command, to be shown with its sources.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the HTTP API and work on its jobs
    #[cfg(feature = "server")]
    Serve(Box<serve::ServeArgs>),
    /// Work on the jobs of servers with the same backends; health, readiness and metrics on --port
    #[cfg(feature = "server")]
    Worker(Box<serve::WorkerArgs>),
    /// Print the effective settings, secrets redacted
    #[cfg(feature = "server")]
    Config(Box<zkflow_server::config::ConfigArgs>),
    /// Work with circuits
    #[command(subcommand)]
    Circuit(CircuitCommand),
    /// Compile circom source in the sandbox: R1CS, witness calculator and signal names
    Compile(build::CompileArgs),
    /// Calculate a witness
    Witness(prove::WitnessArgs),
    /// Make a proof and verify it (the argument order is that of `snarkjs groth16 prove`)
    Prove(prove::ProveArgs),
    /// Verify a proof (the argument order is that of `snarkjs groth16 verify`)
    Verify(prove::VerifyArgs),
    #[cfg(feature = "evm")]
    /// Deploy the verifier contract of a circuit to a chain of the EVM
    Deploy(Box<deploy::DeployArgs>),
    #[cfg(feature = "bench")]
    /// Prove the same circuits with every prover that is found, and say how long each takes
    Bench(Box<bench::BenchArgs>),
    /// Say what is in a file: .r1cs, .wtns, .zkey, .sym, .wasm, or one of snarkjs' JSON files
    Inspect(inspect::InspectArgs),
    /// Powers of tau, for any circuit: phase 1 of a trusted setup
    Ptau(ptau::PtauArgs),
    /// The key of a circuit: phase 2 of a trusted setup
    Zkey(zkey::ZkeyArgs),
    #[cfg(feature = "server")]
    /// Show the whole way, from a template to a verified proof, through a server of its own
    Demo(demo::DemoArgs),
    /// Say what is found on this machine, what is missing, and how to get it
    Doctor(doctor::DoctorArgs),
}

/// Commands about circuits.
#[derive(Debug, Subcommand)]
pub(crate) enum CircuitCommand {
    /// Make a circuit of a template: compile it, make its keys and its verifier contract
    Build(build::BuildArgs),
}

/// Runs a command. Proofs that do not verify and machines that lack something are failures.
///
/// # Errors
/// Whatever kept the command from doing its work.
pub(crate) fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(*args)?,
        #[cfg(feature = "server")]
        Command::Worker(args) => serve::worker(*args)?,
        #[cfg(feature = "server")]
        Command::Config(args) => serve::config(*args)?,
        Command::Circuit(CircuitCommand::Build(args)) => build::build(&args)?,
        Command::Compile(args) => build::compile(&args)?,
        Command::Witness(args) => prove::witness(&args)?,
        Command::Prove(args) => prove::prove(&args)?,
        Command::Verify(args) => return prove::verify(&args),
        #[cfg(feature = "evm")]
        Command::Deploy(args) => deploy::deploy(&args)?,
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::bench(&args)?,
        Command::Inspect(args) => inspect::inspect(&args)?,
        Command::Ptau(args) => ptau::run(&args)?,
        Command::Zkey(args) => zkey::run(&args)?,
        #[cfg(feature = "server")]
        Command::Demo(args) => demo::demo(&args)?,
        Command::Doctor(args) => return doctor::doctor(&args),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where things of a kind are kept between runs.
fn cache_dir(kind: &str) -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(home.join("zkflow").join(kind))
}
