//! `zkflow vault`: changes the key that seals private inputs, while servers run.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use zkflow_server::backends::{KEY_FILE, KeyRing};
use zkflow_server::config::{Config, ConfigArgs};
use zkflow_server::maintenance::Data;
use zkflow_server::maintenance::reseal::{self, Progress};

use super::Error;
use super::store::on_existing;

/// Time for readers of files that were replaced.
const PAUSE: Duration = Duration::from_secs(5);

/// Subcommands of `zkflow vault`.
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Put a new key before the present one in secret.key of the data folder. Restart the servers afterwards
    NewKey(VaultArgs),
    /// Seal everything with the present key again, while servers run. The earlier keys are then needed no more
    Rotate(VaultArgs),
    /// Remove the earlier keys from secret.key of the data folder, if nothing needs them. Restart the servers afterwards
    RemoveOldKeys(VaultArgs),
}

/// Arguments of the subcommands.
#[derive(Debug, Args)]
pub(crate) struct VaultArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn vault(command: &VaultCommand) -> Result<ExitCode, Error> {
    match command {
        VaultCommand::NewKey(args) => {
            change(&args.config, |ring| Ok(ring.renew()?))?;
            println!("A new key is the first one. Restart every server, then run `zkflow vault rotate`.");
            Ok(ExitCode::SUCCESS)
        }
        VaultCommand::Rotate(args) => on_existing(&args.config, rotate),
        VaultCommand::RemoveOldKeys(args) => on_existing(&args.config, async |data| {
            if !data.vault.is_settled().await? {
                return Err("the store needs the earlier keys: run `zkflow vault rotate` first".into());
            }
            let mut removed = 0;
            change(&args.config, |ring| {
                removed = ring.forget_older();
                Ok(())
            })?;
            println!("keys                 {removed} removed");
            Ok(ExitCode::SUCCESS)
        }),
    }
}

async fn rotate(data: Data) -> Result<ExitCode, Error> {
    let actor = format!("command:{}", std::env::var("USER").unwrap_or_default());
    let mut report = |progress: Progress<'_>| match progress {
        Progress::Left(why) => eprintln!("not sealed again: {why}"),
        Progress::Pass(done) if done.in_work > 0 => {
            eprintln!("waiting for {} circuits and deployments that are worked on", done.in_work);
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
    println!("The earlier keys are needed no more.");
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
    let mut ring = KeyRing::load(&path)?;
    change(&mut ring)?;
    Ok(ring.store(&path)?)
}
