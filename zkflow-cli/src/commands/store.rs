//! `zkflow store`, `zkflow backup` and `zkflow restore`: work on the stored data of servers.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use zkflow_server::backends;
use zkflow_server::config::{Config, ConfigArgs};
use zkflow_server::maintenance::Data;
use zkflow_server::maintenance::manifest::{self, Rebuilt};
use zkflow_server::maintenance::repair::{self, Repaired};
use zkflow_server::maintenance::{backup, binding, clean, restore};

use super::Error;
use super::output::tell;

/// Subcommands of `zkflow store`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Bind the catalog and the artifact store to each other, after one of them was replaced on purpose
    Adopt(StoreArgs),
    /// Add the circuits of the artifact store to a new catalog, from the manifests beside their files
    RebuildCatalog(StoreArgs),
    /// Move artifacts that no document needs to the trash, and empty the trash, as servers do once an hour
    Gc(GcArgs),
    /// Restore missing and damaged files of circuits from a backup
    Repair(RepairArgs),
}

/// Arguments of commands with no others.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow store gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow store repair`.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Folder of `zkflow backup`
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Folder of the backups. A later backup adds what changed
    folder: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Folder of `zkflow backup`, or the index of one of its backups (.jsonl; default: the newest)
    backup: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn store(command: &StoreCommand) -> Result<ExitCode, Error> {
    match command {
        StoreCommand::Adopt(args) => on_existing(&args.config, async |data| {
            let before = binding::check(&data).await.ok();
            let adopted = binding::adopt(&data).await?;
            println!("installation         {adopted}");
            if before.is_some_and(|before| before == adopted) {
                println!("The catalog and the artifact store belong together already: nothing is changed.");
            }
            Ok(ExitCode::SUCCESS)
        }),
        StoreCommand::RebuildCatalog(args) => on_existing(&args.config, rebuild_catalog),
        StoreCommand::Gc(args) => gc(args),
        StoreCommand::Repair(args) => on_existing(&args.config, async |data| repair(args, data).await),
    }
}

async fn rebuild_catalog(data: Data) -> Result<ExitCode, Error> {
    let (mut added, mut present, mut refused) = (0, 0, 0);
    let installation = manifest::rebuild(&data, &mut |circuit, rebuilt| match rebuilt {
        Rebuilt::Added => added += 1,
        Rebuilt::Refused(why) => {
            refused += 1;
            tell(format_args!("circuit {circuit} is not added: {why}"));
        }
        _ => present += 1,
    })
    .await?;
    println!("installation         {installation}");
    println!("circuits             {added} added, {present} present, {refused} refused");
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn gc(args: &GcArgs) -> Result<ExitCode, Error> {
    let grace = Config::load(&args.config)?.storage.grace();
    on_existing(&args.config, async |data| {
        binding::check(&data).await?;
        let mut actions = 0_u64;
        let unknown = clean::pass(&data, grace, !args.dry_run, &mut |action| {
            actions += 1;
            println!("{action}");
            true
        })
        .await?;
        let would = if args.dry_run { " would be" } else { "" };
        println!("actions              {actions}{would} done; {unknown} artifacts have an unknown path");
        Ok(ExitCode::SUCCESS)
    })
}

async fn repair(args: &RepairArgs, data: Data) -> Result<ExitCode, Error> {
    binding::check(&data).await?;
    let checked = repair::repair(&data, &args.from, !args.dry_run, &mut |meta, repaired| {
        let what = match repaired {
            Repaired::Restored => "restored",
            Repaired::Found => "can be restored",
            Repaired::Lost => "is missing or damaged, and in no backup of this folder",
        };
        println!("{}: {what}", meta.key);
    })
    .await?;
    println!(
        "files                {} read, {} repaired, {} lost",
        checked.files, checked.repaired, checked.lost
    );
    Ok(if checked.lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) fn backup(args: &BackupArgs) -> Result<ExitCode, Error> {
    let data_dir = Config::load(&args.config)?.storage.data_dir;
    if is_within(&args.folder, &data_dir)? {
        let folder = args.folder.display();
        return Err(format!(
            "{folder}: this is in the data folder, and would be lost with it: name another folder"
        )
        .into());
    }
    on_existing(&args.config, async |data| {
        binding::check(&data).await?;
        let mut problem = |error: &zkflow_core::service::store::StoreError| {
            tell(format_args!("not in the backup: {error}"))
        };
        let (index, counts) = backup::backup(&data, &args.folder, &mut problem).await?;
        println!("index                {}", index.display());
        println!("documents            {}", counts.documents);
        println!(
            "artifacts            {}, of which {} are new ({} bytes)",
            counts.artifacts, counts.new_artifacts, counts.new_bytes
        );
        println!("not in the backup    the key that seals private inputs: store a copy elsewhere");
        Ok(if counts.damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

pub(super) fn restore(args: &RestoreArgs) -> Result<ExitCode, Error> {
    let index = if args.backup.is_dir() { backup::newest(&args.backup)? } else { args.backup.clone() };
    on_data(&args.config, async |data| {
        let mut problems = 0_u64;
        let restored = restore::restore(&data, &index, &mut |problem| {
            problems += 1;
            tell(format_args!("not restored: {problem}"));
        })
        .await?;
        println!("backup               {}", index.display());
        println!(
            "documents            {} restored, {} present",
            restored.documents, restored.present_documents
        );
        println!(
            "artifacts            {} restored, {} present",
            restored.artifacts, restored.present_artifacts
        );
        Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Whether a folder, which may not exist yet, is `other` or below it.
fn is_within(folder: &Path, other: &Path) -> Result<bool, Error> {
    let folder = std::path::absolute(folder)?;
    let present = folder.ancestors().find_map(|path| path.canonicalize().ok());
    Ok(present.zip(other.canonicalize().ok()).is_some_and(|(present, other)| present.starts_with(other)))
}

/// As [`on_data`], for data that must be there: a mistyped folder is refused before anything is made in it.
pub(super) fn on_existing<F: Future<Output = Result<ExitCode, Error>>>(
    args: &ConfigArgs,
    work: impl FnOnce(Data) -> F,
) -> Result<ExitCode, Error> {
    let storage = Config::load(args)?.storage;
    let elsewhere = storage.mongodb_uri.is_some() && storage.s3_bucket.is_some();
    if !elsewhere && !storage.data_dir.is_dir() {
        return Err(format!("{}: there is no such data folder", storage.data_dir.display()).into());
    }
    on_data(args, work)
}

/// Opens the documents and artifacts of the configuration, and works on them.
pub(super) fn on_data<F: Future<Output = Result<ExitCode, Error>>>(
    args: &ConfigArgs,
    work: impl FnOnce(Data) -> F,
) -> Result<ExitCode, Error> {
    let config = Config::load(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let data = backends::data(&config).await?;
        work(data).await
    })
}
