//! The limits of plans, for requests that cause work.

use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    CatalogError, CircuitFilter, CircuitStatus, Day, Page, Period, ProofFilter, ProofStatus, RequestOrigin,
    Stored, Usage, UsageFilter,
};
use zkflow_core::service::catalog::{Circuit, ProofRequest};
#[cfg(feature = "evm")]
use zkflow_core::service::catalog::{Deployment, DeploymentFilter, Document as _, Signer};
use zkflow_core::service::tenant::TenantId;

use super::RequestError;
use crate::config::Plan;
use crate::state::{App, Meter};

/// Documents, and rows of usage, read at a time.
const PAGE: usize = 200;
const DAY_S: i64 = 24 * 3600;

/// The accounts with a plan that a request counts for, the key before the tenant.
pub(super) fn accounts<'a>(
    app: &'a App,
    tenant: &'a TenantId,
    origin: Option<&'a RequestOrigin>,
) -> impl Iterator<Item = (Account, &'a Plan)> {
    app.config.plans.accounts(tenant, origin.and_then(|origin| origin.account.as_ref()))
}

/// Refuses a further proof request beyond a plan of its tenant or its key. Concurrent requests, and several processes, may exceed it
/// slightly.
///
/// # Errors
/// [`RequestError::Plan`].
pub(super) async fn admit_proof(
    app: &App,
    tenant: &TenantId,
    origin: Option<&RequestOrigin>,
) -> Result<(), RequestError> {
    for (account, plan) in accounts(app, tenant, origin) {
        let limits: [Limit; 3] = [
            ("work_s_per_day", plan.work_s_per_day, |usage| usage.work_ms),
            ("witness_s_per_day", plan.witness_s_per_day, |usage| usage.witness_cpu_ms),
            ("proving_s_per_day", plan.proving_s_per_day, |usage| usage.proving_cpu_ms),
        ];
        refuse_work(app, &account, &limits).await?;
        let Some(most) = plan.max_pending_proofs else { continue };
        let filter = ProofFilter {
            tenant: Some(tenant.clone()),
            status: Some(ProofStatus::Pending),
            ..ProofFilter::default()
        };
        let count = async || count::<ProofRequest>(app, filter, &account, most).await;
        let pending = app.meters.add(&account, (Meter::PendingProofs, today(app)), count).await?;
        refuse(&account, "max_pending_proofs", pending < most, 5)?;
    }
    Ok(())
}

/// As [`admit_proof`], for a circuit.
///
/// # Errors
/// [`RequestError::Plan`].
pub(super) async fn admit_circuit(
    app: &App,
    tenant: &TenantId,
    origin: Option<&RequestOrigin>,
) -> Result<(), RequestError> {
    for (account, plan) in accounts(app, tenant, origin) {
        let limits: [Limit; 2] = [
            ("work_s_per_day", plan.work_s_per_day, |usage| usage.work_ms),
            ("build_s_per_day", plan.build_s_per_day, |usage| usage.build_cpu_ms),
        ];
        refuse_work(app, &account, &limits).await?;
        let Some(most) = plan.max_pending_circuits else { continue };
        let filter = CircuitFilter {
            tenant: Some(tenant.clone()),
            status: Some(CircuitStatus::Pending),
            ..CircuitFilter::default()
        };
        let count = async || count::<Circuit>(app, filter, &account, most).await;
        let pending = app.meters.add(&account, (Meter::PendingCircuits, today(app)), count).await?;
        refuse(&account, "max_pending_circuits", pending < most, 5)?;
    }
    Ok(())
}

/// As [`admit_proof`], for a deployment. Deployments that failed count, bound contracts do not.
///
/// # Errors
/// [`RequestError::Plan`].
#[cfg(feature = "evm")]
pub(super) async fn admit_deployment(
    app: &App,
    tenant: &TenantId,
    origin: Option<&RequestOrigin>,
) -> Result<(), RequestError> {
    for (account, plan) in accounts(app, tenant, origin) {
        let Some(most) = plan.deployments_per_day else { continue };
        let count = async || deployments(app, &account, most).await;
        let requested = app.meters.add(&account, (Meter::Deployments, today(app)), count).await?;
        refuse(&account, "deployments_per_day", requested < most, until_tomorrow(app))?;
    }
    Ok(())
}

/// Refuses a request that is not within a limit of an account.
fn refuse(account: &Account, limit: &'static str, is_within: bool, retry_s: u32) -> Result<(), RequestError> {
    let of = account.kind();
    if is_within { Ok(()) } else { Err(RequestError::Plan { of, limit, retry_s }) }
}

/// Number of the deployments that an account requested on this day, at most `most` and a page more.
#[cfg(feature = "evm")]
async fn deployments(app: &App, account: &Account, most: u64) -> Result<u64, CatalogError> {
    let filter = DeploymentFilter { tenant: Some(account.tenant().clone()), ..DeploymentFilter::default() };
    let today = today(app);
    let (mut page, mut number) = (Page::first(PAGE), 0);
    loop {
        // Newest first.
        let found = app.documents::<Deployment>().list(&filter, &page).await?;
        let new = found.iter().take_while(|deployment| Day::of(deployment.life.created_at) == today);
        let of_today: Vec<_> = new.collect();
        let counts = |deployment: &&&Deployment| {
            deployment.signer != Signer::Absent && deployment.life.counts_for(account)
        };
        number += of_today.iter().filter(counts).count() as u64;
        match found.last() {
            Some(last) if of_today.len() == PAGE && number < most => page.after = Some(last.cursor()),
            _ => return Ok(number),
        }
    }
}

fn today(app: &App) -> Day {
    Day::of(app.now())
}

/// Seconds until the next day begins.
fn until_tomorrow(app: &App) -> u32 {
    let second = app.now().as_millis() / 1000;
    u32::try_from(DAY_S - second.rem_euclid(DAY_S)).unwrap_or(u32::MAX)
}

/// Name of a limit, its seconds, and the milliseconds of usage that it holds for.
type Limit = (&'static str, Option<u64>, fn(&Usage) -> u64);

/// Refuses work of an account that has used its seconds of this day.
async fn refuse_work(app: &App, account: &Account, limits: &[Limit]) -> Result<(), RequestError> {
    if limits.iter().all(|(_, most, _)| most.is_none()) {
        return Ok(());
    }
    let used = app.meters.used(account, today(app), async || used(app, account).await).await?;
    for (limit, most, part) in limits {
        let is_within = most.is_none_or(|most| part(&used) < most.saturating_mul(1000));
        refuse(account, limit, is_within, until_tomorrow(app))?;
    }
    Ok(())
}

/// Usage of the work of an account that ended on this day.
async fn used(app: &App, account: &Account) -> Result<Usage, CatalogError> {
    let (log, today) = (app.catalog.usage_log(), today(app));
    if account.key().is_some() {
        return log.spent(account, &Period::Day(today)).await;
    }
    let mut filter = UsageFilter {
        tenant: Some(account.tenant().clone()),
        circuit: None,
        from: today.clone(),
        to: today,
        after: None,
    };
    let mut sum = Usage::default();
    loop {
        let found = log.usage(&filter, PAGE).await?;
        found.iter().for_each(|(_, usage)| sum.add(usage));
        match found.last() {
            Some((last, _)) if found.len() == PAGE => filter.after = Some(last.clone()),
            _ => return Ok(sum),
        }
    }
}

/// Number of documents that match and count for an account, at most `most` and a page more.
pub(super) async fn count<D: Stored>(
    app: &App,
    filter: D::Filter,
    account: &Account,
    most: u64,
) -> Result<u64, CatalogError> {
    let (mut page, mut number) = (Page::first(PAGE), 0);
    loop {
        let found = app.documents::<D>().list(&filter, &page).await?;
        number += found.iter().filter(|document| document.life().counts_for(account)).count() as u64;
        match found.last() {
            Some(last) if found.len() == PAGE && number < most => page.after = Some(last.cursor()),
            _ => return Ok(number),
        }
    }
}
