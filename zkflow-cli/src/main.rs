//! The `zkflow` command.

// `eprintln!` panics when standard error fails; `commands::tell` does not.
#![warn(clippy::print_stderr)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use zkflow_core::error::Chain;

mod commands;

use commands::snarkjs::{self, Plan};

/// Turns parameterised Circom templates into circuits, keys, proofs and verifier contracts
#[derive(Debug, Parser)]
#[command(name = "zkflow", version)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    commands::end_with_the_reader();
    let arguments = with_server_last(std::env::args_os().skip(1).collect());
    match parse(&arguments) {
        Ok(command) => report(commands::run(command)),
        Err(error) => match plan_of_snarkjs(&arguments, &error) {
            Some(plan) => run_as_snarkjs(plan),
            None => error.exit(),
        },
    }
}

/// The line with `--server` and `--api-key` before the command moved to its end: `zkflow --server URL jobs queues`.
fn with_server_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    for _ in 0..2 {
        let first = arguments.first().and_then(|first| first.to_str()).unwrap_or_default();
        let length = match first.split_once('=').unwrap_or((first, "")) {
            ("--server" | "--api-key", "") => 2,
            ("--server" | "--api-key", _) => 1,
            _ => 0,
        };
        if arguments.len() > length {
            arguments.rotate_left(length);
        }
    }
    arguments
}

fn parse(arguments: &[impl Into<OsString> + Clone]) -> Result<commands::Command, clap::Error> {
    let name = OsString::from("zkflow");
    let line = std::iter::once(name).chain(arguments.iter().cloned().map(Into::into));
    let matches = without_empty_variables(Cli::command()).try_get_matches_from(line)?;
    Ok(Cli::from_arg_matches(&matches)?.command)
}

fn report(done: Result<ExitCode, commands::Error>) -> ExitCode {
    done.unwrap_or_else(|error| {
        commands::tell(format_args!("zkflow: {}", commands::printable(&Chain(error.as_ref()).to_string())));
        ExitCode::FAILURE
    })
}

/// The line as one of snarkjs, if zkflow's own parser rejected it.
fn plan_of_snarkjs(arguments: &[OsString], rejected: &clap::Error) -> Option<Plan> {
    let texts: Option<Vec<String>> = arguments.iter().map(|text| Some(text.to_str()?.to_owned())).collect();
    if rejected.use_stderr() { snarkjs::plan(&texts?, rejected.kind()) } else { None }
}

fn run_as_snarkjs(plan: Plan) -> ExitCode {
    match plan {
        Plan::Own(arguments) => match parse(&arguments) {
            Ok(command) => report(commands::run(command)),
            Err(error) => report(Err(error.into())),
        },
        Plan::Only(run, arguments) => report(run(&arguments)),
        Plan::Help(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Plan::Refused(text, code) => {
            commands::tell(format_args!("zkflow: {}", commands::printable(text.trim_end())));
            ExitCode::from(code)
        }
    }
}

/// Treats an empty environment variable of a flag as unset.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_the_command_is_one_of_the_command() {
        for (given, expected) in [
            ("--server u jobs queues", "jobs queues --server u"),
            ("--server=u --api-key k verify a b c", "verify a b c --server=u --api-key k"),
            ("jobs queues --server u", "jobs queues --server u"),
            ("--server u", "--server u"),
            ("--server", "--server"),
            ("--version", "--version"),
        ] {
            let line = with_server_last(given.split(' ').map(OsString::from).collect());
            assert_eq!(line, expected.split(' ').map(OsString::from).collect::<Vec<_>>(), "{given}");
        }
    }
}
