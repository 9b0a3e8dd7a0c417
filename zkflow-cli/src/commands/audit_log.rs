//! `zkflow audit-log`: the log of changes on servers, with their callers.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::AuditEntry;
use zkflow_server::config::ConfigArgs;
use zkflow_server::maintenance::Data;
use zkflow_server::maintenance::audit::{Check, Sealer};

use super::Error;
use super::store::on_existing;

/// Entries read at once.
const PAGE: usize = 1000;
/// Longest line of an export in bytes.
const LONGEST: u64 = 64 * 1024;

/// Subcommands of `zkflow audit-log`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditLogCommand {
    /// Print all entries, oldest first, one JSON object per line
    Export(ExportArgs),
    /// Check that no entry was changed, removed or inserted: the log of servers with its seals, or an export
    Verify(VerifyArgs),
}

/// Arguments of `zkflow audit-log export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only entries with a higher number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow audit-log verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Whole export to check, without seals (default: the log of servers)
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Head that an earlier check printed, kept elsewhere: the log must contain its entry. Without it, missing entries at
    /// the end are not noticed. The digest alone is accepted too
    #[arg(long, value_name = "NUMBER:DIGEST")]
    head: Option<Head>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn audit_log(command: &AuditLogCommand) -> Result<ExitCode, Error> {
    match command {
        AuditLogCommand::Export(args) => on_existing(&args.config, async |data| {
            let mut out = std::io::stdout().lock();
            each(&data, args.after, |entry| Ok(writeln!(out, "{}", serde_json::to_string(&entry)?)?)).await?;
            Ok(ExitCode::SUCCESS)
        }),
        AuditLogCommand::Verify(VerifyArgs { file: Some(file), head, .. }) => {
            let mut verify = Verify::new(Check::default(), head.clone());
            let mut lines = BufReader::new(File::open(file)?);
            let mut line = String::new();
            while (&mut lines).take(LONGEST).read_line(&mut line)? > 0 {
                verify.next(serde_json::from_str(&line)?)?;
                line.clear();
            }
            verify.finish()
        }
        AuditLogCommand::Verify(args) => on_existing(&args.config, async |data| {
            let mut verify = Verify::new(Check::sealed_by(Sealer::of(&data)), args.head.clone());
            each(&data, 0, |entry| verify.next(entry)).await?;
            verify.finish()
        }),
    }
}

/// Calls `work` with all entries above a number, in order.
async fn each(
    data: &Data,
    mut after: u64,
    mut work: impl FnMut(AuditEntry) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        let entries = data.catalog.audit_log().entries(after, PAGE).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.number;
        entries.into_iter().try_for_each(&mut work)?;
    }
}

/// An entry that the log must contain, as `zkflow audit-log verify` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    /// `None`: at any place.
    number: Option<u64>,
    digest: Digest,
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected NUMBER:DIGEST, as `zkflow audit-log verify` prints it".to_owned();
        let (number, digest) = match text.split_once(':') {
            Some((number, digest)) => (Some(number.parse().map_err(|_| wrong())?), digest),
            None => (None, text),
        };
        Ok(Self { number, digest: digest.parse().map_err(|_| wrong())? })
    }
}

/// A check of the whole log, and of the entry that must be in it.
struct Verify {
    check: Check,
    head: Option<Head>,
    found: bool,
}

impl Verify {
    fn new(check: Check, head: Option<Head>) -> Self {
        Self { check, found: head.is_none(), head }
    }

    fn next(&mut self, entry: AuditEntry) -> Result<(), Error> {
        self.found |= self.head.as_ref().is_some_and(|head| {
            head.digest == entry.digest && head.number.is_none_or(|number| number == entry.number)
        });
        Ok(self.check.next(entry)?)
    }

    fn finish(self) -> Result<ExitCode, Error> {
        if !self.found {
            return Err("the log does not contain the entry of --head: entries are missing at the end".into());
        }
        self.check.finish()?;
        match self.check.last() {
            Some(last) => {
                println!("entries              {}", last.number);
                println!("head                 {}:{}", last.number, last.digest);
            }
            None => println!("entries              0"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
