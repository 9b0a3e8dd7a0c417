//! The `zkflow` binary.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use zkflow_server::config::{Config, ConfigArgs, without_empty_variables};
use zkflow_server::{cli, serve};

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
    Serve(Box<ConfigArgs>),
    /// Print the effective settings, secrets redacted
    Config(Box<ConfigArgs>),
    #[command(flatten)]
    WithoutServer(cli::Command),
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
        Command::Serve(args) => serve::run(Config::load(*args)?)?,
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
