//! The commands, one per file.

mod allocator;
mod audit;
#[cfg(feature = "server")]
mod audit_log;
#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "remote")]
mod bind;
mod build;
#[cfg(feature = "remote")]
mod ceremony;
mod circom_flags;
mod compile;
mod compile_errors;
#[cfg(feature = "evm")]
mod contract;
#[cfg(feature = "remote")]
mod contribute;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "evm")]
mod deploy;
mod doctor;
#[cfg(feature = "server")]
mod environment;
mod evidence;
mod files;
#[cfg(feature = "setup")]
mod http;
#[cfg(feature = "remote")]
mod import;
mod inspect;
#[cfg(feature = "remote")]
mod jobs;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod node;
mod output;
mod progress;
mod prove;
mod prover;
mod ptau;
#[cfg(feature = "remote")]
mod remote;
#[cfg(feature = "remote")]
mod remote_build;
#[cfg(feature = "remote")]
mod remote_proof;
#[cfg(feature = "remote")]
mod remote_verify;
#[cfg(feature = "server")]
mod sealing_key;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "remote")]
mod server;
#[cfg(feature = "setup")]
mod setup;
pub(crate) mod snarkjs;
#[cfg(feature = "server")]
mod store;
mod template;
mod toolbox;
#[cfg(feature = "server")]
mod vault;
#[cfg(feature = "server")]
mod webhooks;
mod zkey;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Once;

use clap::Subcommand;
use zkflow_core::own_folder;

pub(crate) use output::tell;

/// Any error of a command. It is shown with its sources.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// Commands of `zkflow`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the HTTP API and run its jobs
    #[cfg(feature = "server")]
    Serve(Box<serve::ServeArgs>),
    /// Run the jobs of servers with the same backends; health, readiness and metrics on --port
    #[cfg(feature = "server")]
    Worker(Box<serve::WorkerArgs>),
    /// Print the effective settings, secrets redacted
    #[cfg(feature = "server")]
    Config(Box<zkflow_server::config::ConfigArgs>),
    /// Copy all documents and artifacts of servers to a folder, while they run. The key that seals private inputs is not
    /// copied
    #[cfg(feature = "server")]
    Backup(Box<store::BackupArgs>),
    /// Restore a backup: add the documents and artifacts that are missing
    #[cfg(feature = "server")]
    Restore(Box<store::RestoreArgs>),
    /// Import the data of other services
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Import(node::ImportCommand),
    /// Repair and clean the stored data of servers
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Store(Box<store::StoreCommand>),
    /// Manage the keys of the API
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Keys(Box<keys::KeysCommand>),
    /// Export and verify the log of changes on servers, with their callers
    #[cfg(feature = "server")]
    #[command(subcommand)]
    AuditLog(Box<audit_log::AuditLogCommand>),
    /// Change the key that seals private inputs
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Vault(Box<vault::VaultCommand>),
    /// Make and rotate the keys that open private inputs, for servers whose API cannot open them
    #[cfg(feature = "server")]
    #[command(subcommand)]
    SealingKey(sealing_key::SealingKeyCommand),
    /// List and repeat the events that servers send
    #[cfg(feature = "server")]
    #[command(subcommand)]
    Webhooks(Box<webhooks::WebhooksCommand>),
    /// List, repeat and delete the jobs of a server, and pause its queues
    #[cfg(feature = "remote")]
    #[command(subcommand)]
    Jobs(Box<jobs::JobsCommand>),
    /// Build circuits from templates, and import them to a server
    #[command(subcommand)]
    Circuit(CircuitCommand),
    /// Make and check templates
    #[command(subcommand)]
    Template(template::TemplateCommand),
    /// Compile circom source to R1CS, witness calculator and signal names, in a sandbox
    Compile(compile::CompileArgs),
    /// Calculate a witness
    Witness(prove::WitnessArgs),
    /// Make and verify a proof (arguments as for `snarkjs groth16 prove`). No server takes a witness: use `fullprove --server`
    Prove(prove::ProveArgs),
    /// Calculate a witness and make a proof, without a file of the witness (arguments as for `snarkjs groth16
    /// fullprove`)
    Fullprove(prove::FullProveArgs),
    /// Verify a proof (arguments as for `snarkjs groth16 verify`)
    Verify(Box<prove::VerifyArgs>),
    /// Deploy the verifier contract of a circuit to an EVM chain
    #[cfg(feature = "evm")]
    Deploy(Box<deploy::DeployArgs>),
    /// Benchmark all installed provers on the same circuits
    #[cfg(feature = "bench")]
    Bench(Box<bench::BenchArgs>),
    /// Show the contents of a file: .r1cs, .wtns, .zkey, .sym, .wasm, .ptau, or a JSON file of snarkjs
    Inspect(inspect::InspectArgs),
    /// Find what is wrong with keys and verifier contracts: files, folders, or addresses on a chain
    Audit(audit::AuditArgs),
    /// Make powers of tau for any circuit: phase 1 of a trusted setup
    Ptau(ptau::PtauArgs),
    /// Make the key of a circuit: phase 2 of a trusted setup
    Zkey(zkey::ZkeyArgs),
    /// Contribute to a ceremony that a server hosts: wait for the turn, add a secret to the key, and send it back
    #[cfg(feature = "remote")]
    Contribute(Box<contribute::ContributeArgs>),
    /// Fetch and verify what a hosted ceremony made
    #[cfg(feature = "remote")]
    #[command(subcommand)]
    Ceremony(Box<ceremony::CeremonyCommand>),
    /// Run all steps from a template to a verified proof, through a temporary server
    #[cfg(feature = "server")]
    Demo(demo::DemoArgs),
    /// Install circom, circomlib and solc in the data folder of this user. They are GPL-licensed and run as
    /// separate programs
    #[cfg(feature = "setup")]
    Setup(setup::SetupArgs),
    /// Check this machine's requirements and show how to install what is missing
    Doctor(doctor::DoctorArgs),
}

/// Subcommands of `zkflow circuit`.
#[derive(Debug, Subcommand)]
pub(crate) enum CircuitCommand {
    /// Build a circuit from a template: compile it, make its keys and its verifier contract
    Build(Box<build::BuildArgs>),
    /// Send a circuit and its keys to a server, which checks them and makes what is missing
    #[cfg(feature = "remote")]
    Import(Box<import::ImportArgs>),
    /// Bind a contract that exists on a chain to a circuit of a server: its key is read from its code and compared
    #[cfg(feature = "remote")]
    Bind(bind::BindArgs),
}

/// Runs a command. The exit code is a failure if a proof is invalid or a requirement is missing.
///
/// # Errors
/// The command failed.
pub(crate) fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(*args)?,
        #[cfg(feature = "server")]
        Command::Worker(args) => serve::worker(*args)?,
        #[cfg(feature = "server")]
        Command::Config(args) => serve::config(*args)?,
        #[cfg(feature = "server")]
        Command::Backup(args) => return store::backup(&args),
        #[cfg(feature = "server")]
        Command::Restore(args) => return store::restore(&args),
        #[cfg(feature = "server")]
        Command::Import(command) => return node::import(&command),
        #[cfg(feature = "server")]
        Command::Store(command) => return store::store(&command),
        #[cfg(feature = "server")]
        Command::Keys(command) => return keys::keys(&command),
        #[cfg(feature = "server")]
        Command::AuditLog(command) => return audit_log::audit_log(&command),
        #[cfg(feature = "server")]
        Command::Vault(command) => return vault::vault(&command),
        #[cfg(feature = "server")]
        Command::SealingKey(command) => sealing_key::sealing_key(&command)?,
        #[cfg(feature = "server")]
        Command::Webhooks(command) => return webhooks::webhooks(&command),
        #[cfg(feature = "remote")]
        Command::Jobs(command) => return jobs::jobs(&command),
        Command::Circuit(CircuitCommand::Build(args)) => build::build(&args)?,
        #[cfg(feature = "remote")]
        Command::Circuit(CircuitCommand::Import(args)) => import::import(&args)?,
        #[cfg(feature = "remote")]
        Command::Circuit(CircuitCommand::Bind(args)) => bind::bind(&args)?,
        Command::Template(command) => return template::run(&command),
        Command::Compile(args) => compile::compile(&args)?,
        Command::Witness(args) => prove::witness(&args)?,
        Command::Prove(args) => prove::prove(&args)?,
        Command::Fullprove(args) => prove::full_prove(&args)?,
        Command::Verify(args) => return prove::verify(&args),
        #[cfg(feature = "evm")]
        Command::Deploy(args) => deploy::deploy(&args)?,
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::bench(&args)?,
        Command::Inspect(args) => inspect::inspect(&args)?,
        Command::Audit(args) => return audit::audit(&args),
        Command::Ptau(args) => ptau::run(&args)?,
        Command::Zkey(args) => zkey::run(&args)?,
        #[cfg(feature = "remote")]
        Command::Contribute(args) => contribute::contribute(&args)?,
        #[cfg(feature = "remote")]
        Command::Ceremony(command) => ceremony::run(&command)?,
        #[cfg(feature = "server")]
        Command::Demo(args) => demo::demo(&args)?,
        #[cfg(feature = "setup")]
        Command::Setup(args) => return setup::setup(&args),
        Command::Doctor(args) => return doctor::doctor(&args),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes this process end without a message when the reader of its output has ended, as in `zkflow … | head`, and with an
/// error when its output cannot be written, as on a full disk.
///
/// The signal of a closed pipe stays ignored, because it would also end the process when a server closes a connection.
/// `println!` then panics.
pub(crate) fn end_with_the_reader() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        match text.strip_prefix("failed printing to ") {
            Some(failed) if failed.contains("Broken pipe") => output::end_by_closed_pipe(),
            Some(failed) if failed.starts_with("stdout: ") => output::end_by_failed_output(failed),
            _ => before(panic),
        }
    }));
}

/// The text without control characters: texts of foreign files must not move the cursor or begin a line.
pub(crate) fn printable(text: &str) -> String {
    let keep = |c: char| !c.is_control() || c == '\n' || c == '\t';
    text.chars().map(|c| if keep(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// Cache folder for one kind of data: `$XDG_CACHE_HOME/zkflow/KIND` or `$HOME/.cache/zkflow/KIND`. `None`, with a
/// warning, if it cannot be used: commands work without a cache.
fn cache_dir(kind: &str) -> Option<PathBuf> {
    static WARNED: Once = Once::new();
    let opened = match cache_path(kind) {
        Some(folder) => match own_folder::open(&folder) {
            Ok(()) => Ok(folder),
            Err(error) => Err(format!("folder {}: {error}", folder.display())),
        },
        None => Err(NO_CACHE_PATH.to_owned()),
    };
    let warn = |problem: &String| {
        WARNED.call_once(|| output::tell(format_args!("warning: there is no cache: {problem}")))
    };
    opened.inspect_err(warn).ok()
}

/// The problem if there is no [`cache_path`].
const NO_CACHE_PATH: &str = "neither XDG_CACHE_HOME nor HOME is an absolute path";

/// Path of a cache folder, which may not exist; `None` if neither `XDG_CACHE_HOME` nor `HOME` is an absolute path. A
/// relative one would make a folder wherever a command runs.
fn cache_path(kind: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(home.join("zkflow").join(kind))
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_of_foreign_texts_are_escaped() {
        let text = "unknown label \"x\u{1b}[2K\rkeys ceremony(9)\u{9b}\"\nnext line";
        let shown = printable(text);
        assert_eq!(shown, "unknown label \"x\\u{1b}[2K\\rkeys ceremony(9)\\u{9b}\"\nnext line");
    }
}
