//! The `zkflow` binary.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use zkflow_core::queue::QueueName;
use zkflow_server::cli;
use zkflow_server::config::{Config, ConfigArgs, without_empty_variables};
use zkflow_server::serve::{self, Role};

/// Parameterised Circom templates to circuits, keys and proofs
#[derive(Debug, Parser)]
#[command(name = "zkflow", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API and work on its jobs
    Serve(Box<ServeArgs>),
    /// Work on the jobs of servers with the same backends; health, readiness and metrics on --port
    Worker(Box<WorkerArgs>),
    /// Print the effective settings, secrets redacted
    Config(Box<ConfigArgs>),
    #[command(flatten)]
    WithoutServer(cli::Command),
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Leave the work to `zkflow worker`; the same as --workers false
    #[arg(long, conflicts_with = "workers")]
    no_workers: bool,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What to work on; by default everything. Whoever works on cleanup also finds owed work that the
    /// queues lost: one process of all should
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

/// An error with its sources, on one line.
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
