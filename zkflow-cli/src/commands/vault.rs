//! `zkflow vault`: changes the key that seals private inputs, while servers run.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use zkflow_server::backends::{KEY_FILE, KeyRing};
use zkflow_server::config::{Config, ConfigArgs};
use zkflow_server::maintenance::Data;
use zkflow_server::maintenance::reseal::{self, Progress};

use zkflow_store::vault::CLAIM_EVERY;

use super::Error;
use super::output::tell;
use super::store::on_existing;

/// Time for readers of files that were replaced.
const PAUSE: Duration = Duration::from_secs(5);

/// Subcommands of `zkflow vault`.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Put a new key before the present one in secret.key of the data folder. Restart the servers afterwards
    NewKey(VaultArgs),
    /// Seal everything with the present key again, while servers run. The earlier keys are then no longer needed
    Rotate(VaultArgs),
    /// Remove the earlier keys from secret.key of the data folder, if nothing needs them. Restart the servers afterwards.
    /// With keys in ZKFLOW_SECRET_KEY, only says whether they can be removed
    RemoveOldKeys(RemoveArgs),
}

/// Arguments of the subcommands.
#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `remove-old-keys`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Seconds to wait for processes that still seal with an earlier key: each records its key once a minute. 0 is safe only
    /// if no process runs
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT.as_secs())]
    wait_s: u64,
}

/// Longer than two records of a process.
const WAIT: Duration = Duration::from_secs(2 * CLAIM_EVERY.as_secs() + 30);

pub(super) fn vault(command: &VaultCommand) -> Result<ExitCode, Error> {
    match command {
        VaultCommand::NewKey(args) => {
            change(&args.config, |ring| Ok(ring.renew()?))?;
            println!("A new key is the first one. Restart every server, then run `zkflow vault rotate`.");
            Ok(ExitCode::SUCCESS)
        }
        VaultCommand::Rotate(args) => on_existing(&args.config, rotate),
        VaultCommand::RemoveOldKeys(args) => on_existing(&args.config, async |data| remove(args, data).await),
    }
}

async fn remove(args: &RemoveArgs, data: Data) -> Result<ExitCode, Error> {
    if args.wait_s > 0 {
        tell(format_args!("waiting {} s for processes that still seal with an earlier key", args.wait_s));
    }
    if !data.vault.stays_settled(Duration::from_secs(args.wait_s)).await? {
        return Err("an earlier key is needed: restart every process with the present key first, then run \
                    `zkflow vault rotate`"
            .into());
    }
    let of_file = Config::load(&args.config)?.storage.secret_key.is_none();
    let mut older = data.vault.older_key_ids();
    if of_file {
        // A key that came into the file meanwhile stays, and so does the present one.
        change(&args.config, |ring| {
            older = ring.forget(&older);
            Ok(())
        })?;
    }
    let done = if of_file { "removed" } else { "no longer needed: remove it from ZKFLOW_SECRET_KEY" };
    for id in older {
        println!("key                  {id} {done}");
    }
    println!(
        "Backups and the trash may still need these keys: keep a copy of them as long as you keep those."
    );
    Ok(ExitCode::SUCCESS)
}

async fn rotate(data: Data) -> Result<ExitCode, Error> {
    let actor = format!("command:{}", std::env::var("USER").unwrap_or_default());
    let mut report = |progress: Progress<'_>| match progress {
        Progress::Left(why) => tell(format_args!("not sealed again: {why}")),
        Progress::Pass(done) if done.in_work > 0 => {
            tell(format_args!("waiting for {} circuits and deployments that are worked on", done.in_work));
        }
        _ => {}
    };
    let total = reseal::run(&data, &actor, PAUSE, &mut report).await?;
    println!("key                  {}", data.vault.key_id());
    println!("documents            {}", total.documents);
    println!("inputs and secrets   {}", total.artifacts);
    println!("webhooks             {}", total.tenants);
    println!("records and tapes    {}", total.files);
    println!("not sealed again     {}", total.foreign);
    println!("The earlier keys are no longer needed.");
    Ok(ExitCode::SUCCESS)
}

/// Changes the key file in the data folder.
fn change(args: &ConfigArgs, change: impl FnOnce(&mut KeyRing) -> Result<(), Error>) -> Result<(), Error> {
    let storage = Config::load(args)?.storage;
    if storage.secret_key.is_some() {
        return Err("the keys come from ZKFLOW_SECRET_KEY: change it there. The first key seals, those behind it, separated by \
                    commas, only open"
            .into());
    }
    let path = storage.data_dir.join(KEY_FILE);
    KeyRing::change(&path, change).map(drop)
}
