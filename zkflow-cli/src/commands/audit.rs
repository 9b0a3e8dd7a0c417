//! `zkflow audit`: finds what is wrong with keys and verifier contracts.

#[cfg(feature = "evm")]
mod chain;
mod gather;
mod report;
mod sarif;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use zkflow_core::audit::{Audit, Level};

use super::Error;
use gather::gather;

/// Arguments of `zkflow audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Files, folders, or addresses of contracts (0x…, with --rpc). Read are .zkey, verification_key.json, .sol, and code as
    /// hexadecimal text or in an artifact of a compiler (.json)
    #[arg(required = true)]
    targets: Vec<String>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[cfg(feature = "evm")]
    #[command(flatten)]
    node: chain::NodeArgs,
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning services
    Sarif,
}

/// A target with its findings, or the reason why it could not be read.
struct Audited {
    target: String,
    outcome: Result<Audit, String>,
}

impl Audited {
    fn is_bad(&self) -> bool {
        self.outcome.as_ref().map_or(true, |audit| audit.level() == Some(Level::Error))
    }
}

/// Audits all targets. The exit code is a failure if a finding is an error, or a target cannot be read.
pub(super) fn audit(args: &AuditArgs) -> Result<ExitCode, Error> {
    let mut all = Vec::new();
    for target in &args.targets {
        all.extend(audited(args, target)?);
    }
    match args.format {
        Format::Text => print!("{}", super::printable(&report::text(&all))),
        Format::Json => println!("{:#}", report::json(&all)),
        Format::Sarif => println!("{:#}", sarif::document(&all)),
    }
    Ok(if all.iter().any(Audited::is_bad) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(feature = "evm")]
fn audited(args: &AuditArgs, target: &str) -> Result<Vec<Audited>, Error> {
    match chain::address(target) {
        Some(address) => Ok(vec![args.node.audit(target, &address?)?]),
        None => Ok(gather(target)),
    }
}

#[cfg(not(feature = "evm"))]
fn audited(_: &AuditArgs, target: &str) -> Result<Vec<Audited>, Error> {
    Ok(gather(target))
}
