//! `zkflow webhooks`: the deliveries of events, in the catalog of servers.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use zkflow_core::service::catalog::{
    CatalogError, Delivery, DeliveryFilter, DeliveryStatus, Document as _, Named as _, Page,
};
use zkflow_core::service::id::DeliveryId;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::config::ConfigArgs;
use zkflow_server::maintenance::Data;

use super::Error;
use super::store::on_existing;

/// Deliveries of a page of the list.
const PAGE: usize = 200;

/// Subcommands of `zkflow webhooks`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List the deliveries of events, newest first
    List(ListArgs),
    /// Send events again that were accepted or given up; running servers follow within the interval of the reconciler
    Replay(ReplayArgs),
}

/// Arguments of `zkflow webhooks list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only deliveries of this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Only deliveries that were given up
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow webhooks replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Ids of deliveries, as `zkflow webhooks list` prints them
    #[arg(required_unless_present = "failed", conflicts_with = "failed")]
    ids: Vec<DeliveryId>,
    /// All deliveries that were given up
    #[arg(long)]
    failed: bool,
    /// Only deliveries of this tenant
    #[arg(long, requires = "failed")]
    tenant: Option<TenantId>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn webhooks(command: &WebhooksCommand) -> Result<ExitCode, Error> {
    match command {
        WebhooksCommand::List(args) => on_existing(&args.config, async |data| {
            let mut page = Page::first(PAGE);
            loop {
                let found =
                    data.catalog.deliveries().list(&filter(args.tenant.as_ref(), args.failed), &page).await?;
                let Some(last) = found.last() else { return Ok(ExitCode::SUCCESS) };
                page.after = Some(last.cursor());
                found.iter().for_each(show);
            }
        }),
        WebhooksCommand::Replay(args) => on_existing(&args.config, async |data| replay(args, data).await),
    }
}

fn filter(tenant: Option<&TenantId>, failed: bool) -> DeliveryFilter {
    DeliveryFilter { tenant: tenant.cloned(), status: failed.then_some(DeliveryStatus::Failed) }
}

fn show(delivery: &Delivery) {
    let life = &delivery.life;
    let why = life.error.as_ref().or(life.delayed_by.as_ref());
    let why = why.map_or_else(String::new, |why| format!("  {}: {}", why.code, why.message));
    let (id, status) = (&delivery.id, life.status.as_str());
    println!("{id}  {}  {}  {status}  {} attempts{why}", life.tenant, delivery.subject, life.attempt);
}

async fn replay(args: &ReplayArgs, data: Data) -> Result<ExitCode, Error> {
    let mut ids = args.ids.clone();
    if args.failed {
        let mut page = Page::first(PAGE);
        loop {
            let found = data.catalog.deliveries().list(&filter(args.tenant.as_ref(), true), &page).await?;
            let Some(last) = found.last() else { break };
            page.after = Some(last.cursor());
            ids.extend(found.into_iter().map(|delivery| delivery.id));
        }
    }
    let mut all = true;
    for id in &ids {
        let outcome = replay_one(&data, id).await?;
        println!(
            "{id}  {}",
            outcome.unwrap_or_else(|why| {
                all = false;
                why
            })
        );
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes a delivery pending again; the reconciler of a server pushes its job. An error says why it is not.
async fn replay_one(data: &Data, id: &DeliveryId) -> Result<Result<&'static str, &'static str>, Error> {
    loop {
        let Some(mut delivery) = data.catalog.deliveries().get(id).await? else {
            return Ok(Err("there is no such delivery"));
        };
        if !delivery.is_final() {
            return Ok(Err("it is pending: it is tried again without a replay"));
        }
        delivery.restart(data.clock.now());
        match data.catalog.deliveries().replace(delivery).await {
            Err(CatalogError::Stale(_)) => {}
            replaced => {
                replaced?;
                return Ok(Ok("is sent again"));
            }
        }
    }
}
