//! The command line without a server, one command a file.

mod bench;
mod build;
mod demo;
mod deploy;
mod doctor;
mod files;
mod inspect;
mod progress;
mod prove;
mod prover;
mod ptau;
mod toolbox;
mod zkey;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// Any error of a command, to be shown with its sources.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The commands that need no server.
#[derive(Debug, Subcommand)]
pub enum Command {
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
    /// Deploy the verifier contract of a circuit to a chain of the EVM
    Deploy(Box<deploy::DeployArgs>),
    /// Prove the same circuits with every prover that is found, and say how long each takes
    Bench(Box<bench::BenchArgs>),
    /// Say what is in a file: .r1cs, .wtns, .zkey, .sym, .wasm, or one of snarkjs' JSON files
    Inspect(inspect::InspectArgs),
    /// Powers of tau, for any circuit: phase 1 of a trusted setup
    Ptau(ptau::PtauArgs),
    /// The key of a circuit: phase 2 of a trusted setup
    Zkey(zkey::ZkeyArgs),
    /// Show the whole way, from a template to a verified proof, through a server of its own
    Demo(demo::DemoArgs),
    /// Say what is found on this machine, what is missing, and how to get it
    Doctor(doctor::DoctorArgs),
}

/// Commands about circuits.
#[derive(Debug, Subcommand)]
pub enum CircuitCommand {
    /// Make a circuit of a template: compile it, make its keys and its verifier contract
    Build(build::BuildArgs),
}

/// Runs a command. Proofs that do not verify and machines that lack something are failures.
///
/// # Errors
/// Whatever kept the command from doing its work.
pub fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Circuit(CircuitCommand::Build(args)) => build::build(&args)?,
        Command::Compile(args) => build::compile(&args)?,
        Command::Witness(args) => prove::witness(&args)?,
        Command::Prove(args) => prove::prove(&args)?,
        Command::Verify(args) => return prove::verify(&args),
        Command::Deploy(args) => deploy::deploy(&args)?,
        Command::Bench(args) => bench::bench(&args)?,
        Command::Inspect(args) => inspect::inspect(&args)?,
        Command::Ptau(args) => ptau::run(&args)?,
        Command::Zkey(args) => zkey::run(&args)?,
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
