//! The `zkflow` binary.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use zkflow_core::queue::QueueName;
use zkflow_server::cli;
use zkflow_server::config::{Config, ConfigArgs, without_empty_variables};
use zkflow_server::serve::{self, Role};

/// Turns parameterised Circom templates into circuits, keys, proofs and verifier contracts
#[derive(Debug, Parser)]
#[command(name = "zkflow", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API and run its jobs
    Serve(Box<ServeArgs>),
    /// Run jobs of servers that use the same backends; --port serves only /health, /ready and /metrics
    Worker(Box<WorkerArgs>),
    /// Print the effective settings as TOML, without secrets
    Config(Box<ConfigArgs>),
    #[command(flatten)]
    WithoutServer(cli::Command),
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Leave all jobs to `zkflow worker`; the same as --workers false
    #[arg(long, conflicts_with = "workers")]
    no_workers: bool,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Queues to run jobs of. At least one process must include cleanup, which also restores owed work that
    /// the queues lost
    #[arg(long, value_delimiter = ',', value_name = "QUEUE[,QUEUE]", default_values_t = QueueName::ALL)]
    queues: Vec<QueueName>,
}

fn main() -> ExitCode {
    let matches = without_empty_variables(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("zkflow: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, cli::Error> {
    match command {
        Command::Serve(args) => {
            let mut config = Config::load(args.config)?;
            config.workers &= !args.no_workers;
            serve::run(config, Role::Server)?;
        }
        Command::Worker(args) => serve::run(Config::load(args.config)?, Role::Worker(args.queues))?,
        Command::Config(args) => print!("{}", Config::load(*args)?.to_toml()),
        Command::WithoutServer(command) => return cli::run(command),
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows an error and its sources on one line, separated by colons.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
