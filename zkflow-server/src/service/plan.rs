//! The limits of a tenant's plan, for requests that cause work.

use zkflow_core::service::catalog::{
    CatalogError, CircuitFilter, CircuitStatus, Day, Page, ProofFilter, ProofStatus, Stored, UsageFilter,
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

/// Refuses a further proof request of a tenant beyond its plan. Concurrent requests, and several processes, may exceed it slightly.
///
/// # Errors
/// [`RequestError::Plan`].
pub(super) async fn admit_proof(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    let Some(plan) = app.config.plans.of(tenant) else { return Ok(()) };
    refuse_work(app, tenant, plan).await?;
    let Some(most) = plan.max_pending_proofs else { return Ok(()) };
    let filter = ProofFilter {
        tenant: Some(tenant.clone()),
        status: Some(ProofStatus::Pending),
        ..ProofFilter::default()
    };
    let count = async || count::<ProofRequest>(app, filter, most).await;
    let pending = app.meters.add(tenant, Meter::PendingProofs, 1, count).await?;
    if pending < most { Ok(()) } else { Err(RequestError::Plan { limit: "max_pending_proofs", retry_s: 5 }) }
}

/// As [`admit_proof`], for a circuit.
///
/// # Errors
/// [`RequestError::Plan`].
pub(super) async fn admit_circuit(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    let Some(plan) = app.config.plans.of(tenant) else { return Ok(()) };
    refuse_work(app, tenant, plan).await?;
    let Some(most) = plan.max_pending_circuits else { return Ok(()) };
    let filter = CircuitFilter {
        tenant: Some(tenant.clone()),
        status: Some(CircuitStatus::Pending),
        ..CircuitFilter::default()
    };
    let count = async || count::<Circuit>(app, filter, most).await;
    let pending = app.meters.add(tenant, Meter::PendingCircuits, 1, count).await?;
    if pending < most {
        Ok(())
    } else {
        Err(RequestError::Plan { limit: "max_pending_circuits", retry_s: 5 })
    }
}

/// As [`admit_proof`], for a deployment. Deployments that failed count, bound contracts do not.
///
/// # Errors
/// [`RequestError::Plan`].
#[cfg(feature = "evm")]
pub(super) async fn admit_deployment(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    let most = app.config.plans.of(tenant).and_then(|plan| plan.deployments_per_day);
    let Some(most) = most else { return Ok(()) };
    let count = async || deployments(app, tenant, most).await;
    if app.meters.add(tenant, Meter::Deployments, 1, count).await? < most {
        return Ok(());
    }
    Err(RequestError::Plan { limit: "deployments_per_day", retry_s: until_tomorrow(app) })
}

/// Number of the deployments that a tenant requested on this day, at most `most` and a page more.
#[cfg(feature = "evm")]
async fn deployments(app: &App, tenant: &TenantId, most: u64) -> Result<u64, CatalogError> {
    let filter = DeploymentFilter { tenant: Some(tenant.clone()), ..DeploymentFilter::default() };
    let today = Day::of(app.now());
    let (mut page, mut number) = (Page::first(PAGE), 0);
    loop {
        // Newest first.
        let found = app.documents::<Deployment>().list(&filter, &page).await?;
        let new = found.iter().take_while(|deployment| Day::of(deployment.life.created_at) == today);
        let of_today: Vec<_> = new.collect();
        number += of_today.iter().filter(|deployment| deployment.signer != Signer::Absent).count() as u64;
        match found.last() {
            Some(last) if of_today.len() == PAGE && number < most => page.after = Some(last.cursor()),
            _ => return Ok(number),
        }
    }
}

/// Seconds until the next day begins.
fn until_tomorrow(app: &App) -> u32 {
    let second = app.now().as_millis() / 1000;
    u32::try_from(DAY_S - second.rem_euclid(DAY_S)).unwrap_or(u32::MAX)
}

/// Refuses work of a tenant that has used its seconds of this day.
async fn refuse_work(app: &App, tenant: &TenantId, plan: &Plan) -> Result<(), RequestError> {
    let Some(most) = plan.work_s_per_day else { return Ok(()) };
    let used = app.meters.add(tenant, Meter::Work, 0, async || work_ms(app, tenant).await).await?;
    if used < most.saturating_mul(1000) {
        return Ok(());
    }
    Err(RequestError::Plan { limit: "work_s_per_day", retry_s: until_tomorrow(app) })
}

/// Milliseconds of the work of a tenant that ended on this day.
async fn work_ms(app: &App, tenant: &TenantId) -> Result<u64, CatalogError> {
    let today = Day::of(app.now());
    let mut filter = UsageFilter {
        tenant: Some(tenant.clone()),
        circuit: None,
        from: today.clone(),
        to: today,
        after: None,
    };
    let mut sum = 0_u64;
    loop {
        let found = app.catalog.usage_log().usage(&filter, PAGE).await?;
        sum = found.iter().map(|(_, usage)| usage.work_ms).fold(sum, u64::saturating_add);
        match found.last() {
            Some((last, _)) if found.len() == PAGE => filter.after = Some(last.clone()),
            _ => return Ok(sum),
        }
    }
}

/// Number of documents that match, at most `most` and a page more.
pub(super) async fn count<D: Stored>(app: &App, filter: D::Filter, most: u64) -> Result<u64, CatalogError> {
    let (mut page, mut number) = (Page::first(PAGE), 0);
    loop {
        let found = app.documents::<D>().list(&filter, &page).await?;
        number += found.len() as u64;
        match found.last() {
            Some(last) if found.len() == PAGE && number < most => page.after = Some(last.cursor()),
            _ => return Ok(number),
        }
    }
}
