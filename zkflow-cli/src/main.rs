//! The `zkflow` command.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use zkflow_core::error::Chain;

mod commands;

/// Turns parameterised Circom templates into circuits, keys, proofs and verifier contracts
#[derive(Debug, Parser)]
#[command(name = "zkflow", version)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    commands::end_with_the_reader();
    let matches = without_empty_variables(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    commands::run(cli.command).unwrap_or_else(|error| {
        eprintln!("zkflow: {}", commands::printable(&Chain(error.as_ref()).to_string()));
        ExitCode::FAILURE
    })
}

/// Treats an empty environment variable of a flag as unset.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}
