//! `zkflow serve`, `zkflow worker` and `zkflow config`.

use clap::Args;
use zkflow_core::service::queue::QueueName;
use zkflow_server::config::{Config, ConfigArgs};
use zkflow_server::serve::{self, Role};

use super::{Error, environment};

/// Arguments of `zkflow serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Leave all jobs to `zkflow worker`; the same as --workers false
    #[arg(long, conflicts_with = "workers")]
    no_workers: bool,
}

/// Arguments of `zkflow worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Queues to run jobs of. At least one process must include cleanup, which also restores owed work that
    /// the queues lost
    #[arg(long, value_delimiter = ',', value_name = "QUEUE[,QUEUE]", default_values_t = QueueName::ALL)]
    queues: Vec<QueueName>,
}

pub(super) fn serve(args: ServeArgs) -> Result<(), Error> {
    let mut config = load(&args.config)?;
    config.workers.enabled &= !args.no_workers;
    Ok(serve::run(config, Role::Server)?)
}

pub(super) fn worker(args: WorkerArgs) -> Result<(), Error> {
    Ok(serve::run(load(&args.config)?, Role::Worker(args.queues))?)
}

/// Loads the settings, and removes their secrets from the environment of this process.
fn load(args: &ConfigArgs) -> Result<Config, Error> {
    let mut config = Config::load(args)?;
    let removed = environment::remove(config.secret_variables());
    config.warnings.extend(removed.err().map(str::to_owned));
    Ok(config)
}

pub(super) fn config(args: ConfigArgs) -> Result<(), Error> {
    let config = Config::load(&args)?;
    config.proving.provers().check(&config.proving.prover)?;
    print!("{}", config.to_toml());
    Ok(())
}
