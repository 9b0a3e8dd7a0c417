//! `zkflow keys`: the keys of the API, in the catalog of servers.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use zkflow_core::service::catalog::{ApiKey, AuditAction, KeyChange, Named as _, Page, Scope};
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::auth::{KeyText, NewKey, expire, successor};
use zkflow_server::config::ConfigArgs;
use zkflow_server::maintenance::{Data, audit};

use super::Error;
use super::store::{on_data, on_existing};

/// Keys of a page of the list.
const PAGE: usize = 200;

/// Subcommands of `zkflow keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it. It cannot be printed again
    Create(CreateArgs),
    /// List the keys, newest first, without the keys themselves
    List(ListArgs),
    /// Refuse a key from now on; running servers follow within 5 seconds
    Revoke(KeyArgs),
    /// Replace a key by one with the same name, tenant, scopes and expiry, and print it
    Rotate(RotateArgs),
}

/// Arguments of `zkflow keys create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name for people
    #[arg(long, value_parser = name)]
    name: String,
    /// Owner of everything that is done with the key
    #[arg(long, default_value_t)]
    tenant: TenantId,
    /// Permissions: circuits:read, circuits:build, circuits:delete, proofs:create, proofs:read, verify, deploy,
    /// ceremonies:contribute, webhooks, operate, admin
    #[arg(long, value_delimiter = ',', value_name = "SCOPE[,SCOPE]", required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// Days until the key expires (default: never)
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow keys list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only keys of this tenant
    #[arg(long)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow keys revoke`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Id of the key, as `zkflow keys list` prints it
    id: KeyId,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Arguments of `zkflow keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Id of the key, as `zkflow keys list` prints it
    id: KeyId,
    /// Seconds that the old key is still accepted
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=2_592_000))]
    overlap_s: u32,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn keys(command: &KeysCommand) -> Result<ExitCode, Error> {
    match command {
        KeysCommand::Create(args) => on_data(&args.config, async |data| create(args, data).await),
        KeysCommand::List(args) => on_existing(&args.config, async |data| list(args, data).await),
        KeysCommand::Revoke(args) => on_existing(&args.config, async |data| {
            let key = find(&data, &args.id).await?;
            record(&data, AuditAction::KeyRevoke, &key.tenant, key.id.as_str()).await?;
            data.catalog.keys().change(&key.id, KeyChange::Revoked(data.clock.now())).await?;
            println!("revoked              {}", key.id);
            Ok(ExitCode::SUCCESS)
        }),
        KeysCommand::Rotate(args) => on_existing(&args.config, async |data| {
            let (key, now) = (find(&data, &args.id).await?, data.clock.now());
            if !key.is_valid(now) {
                return Err(format!("key {} is revoked or has expired: make a new one", key.id).into());
            }
            let made = successor(&key, now);
            record(&data, AuditAction::KeyRotate, &key.tenant, &format!("{} {}", key.id, made.0.id)).await?;
            data.catalog.keys().add(&made.0).await?;
            expire(&*data.catalog, &key, Duration::from_secs(args.overlap_s.into()), now).await?;
            show(&made);
            Ok(ExitCode::SUCCESS)
        }),
    }
}

async fn create(args: &CreateArgs, data: Data) -> Result<ExitCode, Error> {
    let now = data.clock.now();
    let days = |days: u32| now + Duration::from_secs(u64::from(days) * 24 * 3600);
    let new = NewKey {
        name: args.name.clone(),
        tenant: args.tenant.clone(),
        scopes: args.scopes.clone(),
        expires_at: args.expires_in_days.map(days),
    };
    let made = new.make(now);
    record(&data, AuditAction::KeyCreate, &made.0.tenant, made.0.id.as_str()).await?;
    data.catalog.keys().add(&made.0).await?;
    show(&made);
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &ListArgs, data: Data) -> Result<ExitCode, Error> {
    let mut page = Page::first(PAGE);
    loop {
        let keys = data.catalog.keys().keys(args.tenant.as_ref(), &page).await?;
        let Some(last) = keys.last() else { return Ok(ExitCode::SUCCESS) };
        page.after = Some(last.cursor());
        for key in &keys {
            let state = match (key.revoked_at, key.expires_at) {
                (Some(at), _) => format!("revoked {at}"),
                (None, Some(at)) if !key.is_valid(data.clock.now()) => format!("expired {at}"),
                (None, Some(at)) => format!("expires {at}"),
                (None, None) => "never expires".to_owned(),
            };
            let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
            println!("{}  {}  {:?}  {}  {state}  {used}", key.id, key.tenant, key.name, scopes(key));
        }
    }
}

/// Records in the audit log what the user of this command does.
async fn record(data: &Data, action: AuditAction, tenant: &TenantId, subject: &str) -> Result<(), Error> {
    let actor = format!("command:{}", std::env::var("USER").unwrap_or_default());
    Ok(audit::record(data, tenant, &actor, action, subject).await?)
}

async fn find(data: &Data, id: &KeyId) -> Result<ApiKey, Error> {
    let found = data.catalog.keys().key(id).await?;
    found.ok_or_else(|| format!("there is no key {id}: see `zkflow keys list`").into())
}

fn show((key, text): &(ApiKey, KeyText)) {
    println!("key                  {}", text.expose());
    println!("id                   {}", key.id);
    println!("tenant               {}", key.tenant);
    println!("scopes               {}", scopes(key));
}

fn scopes(key: &ApiKey) -> String {
    key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
}

fn name(text: &str) -> Result<String, String> {
    match (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 128 characters, without control characters".to_owned()),
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    let found = Scope::ALL.iter().copied().find(|scope| scope.as_str() == text);
    found.ok_or_else(|| {
        let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        format!("unknown scope: expected one of {}", names.join(", "))
    })
}
