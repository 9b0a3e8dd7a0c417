//! `zkflow import node`: moves the circuits and proofs of the Node service to an installation.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
#[cfg(feature = "mongodb")]
use secrecy::{ExposeSecret as _, SecretString};
use zkflow_core::error::Chain;
use zkflow_core::prove::Provers;
use zkflow_core::service::catalog::NodeContract;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::template::TemplateLibrary;
use zkflow_server::config::{Config, ConfigArgs};
use zkflow_server::node::documents::Documents;
use zkflow_server::node::objects::Objects;
use zkflow_server::node::report::{Arrival, CircuitLine, Outcome, Report};
use zkflow_server::node::{self, Sources};
use zkflow_server::{backends, telemetry};

use super::files::folder_of;
use super::output::{tell, write};
use super::{Error, printable};

/// Subcommands of `zkflow import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import the circuits, keys and proofs of the Node service: Express, BullMQ, MongoDB, S3 and snarkjs. Its data is only
    /// read. --templates names the folder of its templates
    Node(Box<NodeArgs>),
}

/// Arguments of `zkflow import node`.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Database of the Node service: mongodb://host/database
    #[cfg(feature = "mongodb")]
    #[arg(long, value_name = "URI", env = "NODE_MONGODB_URI", hide_env_values = true)]
    mongo: Option<SecretString>,
    /// Bucket of the Node service. Region, endpoint and credentials are those of the settings
    #[cfg(feature = "s3")]
    #[arg(long, value_name = "BUCKET", conflicts_with = "folder")]
    s3: Option<String>,
    /// Folder with a copy of the bucket; without --mongo also with the files circuits.json and proofrequests.json of
    /// mongoexport
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Owner of the imported circuits and proofs
    #[arg(long, value_name = "TENANT", default_value_t = TenantId::default())]
    tenant: TenantId,
    /// Check everything, and store nothing. Does not look at what was imported before, and verifies no key with powers of
    /// tau
    #[arg(long)]
    dry_run: bool,
    /// Also write the report to a file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Imports, and prints what came. The exit code is a failure if something could not come.
pub(super) fn import(command: &ImportCommand) -> Result<ExitCode, Error> {
    let ImportCommand::Node(args) = command;
    // An import takes hours; its report is written at the end.
    if let Some(folder) = args.report.as_deref().map(folder_of).filter(|folder| !folder.is_dir()) {
        return Err(no_folder(folder));
    }
    let mut config = Config::load(&args.config)?;
    telemetry::log_to_stderr(config.log.level, config.log.format);
    let templates = templates(std::mem::take(&mut config.circuits.templates))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let sources = Sources {
            documents: documents(args).await?,
            objects: objects(args, &config).await?,
            templates: Arc::new(templates),
        };
        let app = match args.dry_run {
            true => backends::in_memory(config, Provers::default(), Default::default()).await?,
            false => backends::open(config, Provers::default(), Default::default()).await?,
        };
        let mut tell = |line: &CircuitLine| print!("{}", printable(&text(line)));
        Ok::<_, Error>(node::import(&app, &sources, &args.tenant, args.dry_run, &mut tell).await?)
    })?;
    print!("{}", printable(&ending(&report)));
    alarm(&report).lines().for_each(|line| tell(format_args!("{}", printable(line))));
    if let Some(path) = &args.report {
        write(path, format!("{:#}\n", serde_json::to_value(&report)?).as_bytes())?;
    }
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The templates of the folders; without the built-in ones, whose names the Node service used for others.
fn templates(folders: Vec<PathBuf>) -> Result<TemplateLibrary, Error> {
    let mut library = TemplateLibrary::empty();
    for folder in folders {
        for error in library.add_folder(&folder)? {
            tell(format_args!("warning: a template is left out: {}", printable(&Chain(&error).to_string())));
        }
    }
    Ok(library)
}

async fn documents(args: &NodeArgs) -> Result<Documents, Error> {
    #[cfg(feature = "mongodb")]
    if let Some(uri) = &args.mongo {
        return Ok(Documents::Mongo(zkflow_server::node::documents::connect(uri.expose_secret()).await?));
    }
    let folder = args.folder.clone().ok_or("no documents: give --mongo, or --folder with circuits.json")?;
    if !folder.is_dir() {
        return Err(no_folder(&folder));
    }
    match folder.join("circuits.json").is_file() {
        true => Ok(Documents::Folder(folder)),
        false => Err(format!("{}: there is no circuits.json: give --mongo", folder.display()).into()),
    }
}

async fn objects(args: &NodeArgs, config: &Config) -> Result<Objects, Error> {
    #[cfg(feature = "s3")]
    if let Some(bucket) = &args.s3 {
        return Ok(Objects::S3(backends::foreign_bucket(bucket, config).await?));
    }
    let _ = config;
    let folder = args.folder.clone().ok_or("no files: give --s3 or --folder")?;
    match folder.is_dir() {
        true => Ok(Objects::Folder(folder)),
        false => Err(no_folder(&folder)),
    }
}

fn no_folder(folder: &Path) -> Error {
    format!("{}: there is no such folder", folder.display()).into()
}

/// The lines of a circuit.
fn text(line: &CircuitLine) -> String {
    let template = line.template.as_deref().unwrap_or("unknown template");
    let name = format!("circuit {} ({template})", line.old_id);
    let arrived = |what: &str, arrival: &Arrival| {
        let Arrival { circuit_id, label, notes, .. } = arrival;
        let notes: String = notes.iter().map(|note| format!("  note: {note}\n")).collect();
        format!("{name}: {what} {circuit_id}, keys {label}\n{notes}")
    };
    match &line.outcome {
        Outcome::Imported(arrival) => arrived("imported as", arrival),
        Outcome::Present(arrival) => arrived("present as", arrival),
        Outcome::Refused(refusal) => {
            let loses = line
                .contract
                .as_ref()
                .map(|contract| format!("  note: the contract {} loses its prover\n", place(contract)));
            let loses = loses.unwrap_or_default();
            format!("{name}: not imported [{}]: {}\n{loses}", refusal.code, refusal.reason)
        }
    }
}

/// The last lines of the report.
fn ending(report: &Report) -> String {
    let proofs = &report.proofs;
    let mut text = String::new();
    for line in &proofs.refusals {
        let (code, reason) = (&line.refusal.code, &line.refusal.reason);
        text += &format!("proof request {}: not imported [{code}]: {reason}\n", line.old_id);
    }
    let count =
        |wanted: fn(&Outcome) -> bool| report.circuits.iter().filter(|line| wanted(&line.outcome)).count();
    let imported = count(|outcome| matches!(outcome, Outcome::Imported(_)));
    let present = count(|outcome| matches!(outcome, Outcome::Present(_)));
    let refused = count(|outcome| matches!(outcome, Outcome::Refused(_)));
    text += &format!("circuits             {imported} imported, {present} present, {refused} not imported\n");
    text += &format!(
        "proof requests       {} imported, {} present, {} expired, {} not imported\n",
        proofs.imported, proofs.present, proofs.expired, proofs.refused
    );
    if report.dry_run {
        text += "dry run              nothing was stored\n";
    }
    text
}

/// One line for each circuit with a forgeable key.
fn alarm(report: &Report) -> String {
    let mut text = String::new();
    for line in &report.circuits {
        let (Outcome::Imported(arrival) | Outcome::Present(arrival)) = &line.outcome else { continue };
        let Some(weakness) = &arrival.forgeable else { continue };
        text += &format!(
            "FORGEABLE: circuit {} ({}): any person can forge proofs: {weakness}. ",
            arrival.circuit_id, line.old_id
        );
        text += &match &line.contract {
            Some(contract) => format!(
                "The contract {} accepts forged proofs: request the circuit again, deploy the new contract, and \
                 replace this one.\n",
                place(contract)
            ),
            None => "No contract is recorded: replace any that has this key.\n".to_owned(),
        };
    }
    text
}

fn place(contract: &NodeContract) -> String {
    match contract.chain_id {
        Some(chain) => format!("{} on chain {chain}", contract.address),
        None => format!("{} on an unknown chain", contract.address),
    }
}
