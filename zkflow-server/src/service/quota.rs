//! Quotas of the circuits of tenants and keys, which take disk and were paid with minutes of processor time.

use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    Circuit, CircuitFilter, Document as _, Hour, Page, Period, RequestOrigin,
};
use zkflow_core::service::tenant::TenantId;

use super::{RequestError, uploads};
use crate::config::Limits;
use crate::state::App;

/// Circuits read at a time.
const PAGE: usize = 200;
const MEBIBYTE: u64 = 1 << 20;

/// Refuses a further circuit if those of its tenant or its key reach a limit. Concurrent requests may
/// exceed it slightly. A pending import counts with the files of its upload; other circuits that are not ready have no size
/// yet.
///
/// # Errors
/// [`RequestError::CircuitQuota`] names the setting.
pub(super) async fn refuse_excess(
    app: &App,
    tenant: &TenantId,
    origin: Option<&RequestOrigin>,
) -> Result<(), RequestError> {
    refuse_costly(app, tenant).await?;
    let mut quotas = quotas(app, tenant, origin);
    if quotas.is_empty() {
        return Ok(());
    }
    let filter = CircuitFilter { tenant: Some(tenant.clone()), ..CircuitFilter::default() };
    let mut page = Page::first(PAGE);
    loop {
        let circuits = app.catalog.circuits().list(&filter, &page).await?;
        for circuit in &circuits {
            let bytes = size(app, circuit).await?;
            let own = quotas.iter_mut().filter(|quota| circuit.life.counts_for(&quota.account));
            own.for_each(|quota| quota.add(bytes));
        }
        quotas.iter().try_for_each(Quota::refuse)?;
        match circuits.last() {
            Some(last) if circuits.len() == PAGE => page.after = Some(last.cursor()),
            _ => return Ok(()),
        }
    }
}

/// The circuits of an account and their limits, of which 0 is none.
struct Quota {
    account: Account,
    max_circuits: u64,
    circuits_mib: u64,
    count: u64,
    bytes: u64,
}

/// The limits for the circuits of the accounts that a request counts for, without accounts that have none.
fn quotas(app: &App, tenant: &TenantId, origin: Option<&RequestOrigin>) -> Vec<Quota> {
    let (plans, limits) = (&app.config.plans, &app.config.limits);
    let quota = |account, max_circuits, circuits_mib| Quota {
        account,
        max_circuits,
        circuits_mib,
        count: 0,
        bytes: 0,
    };
    let own = plans.of(tenant).map(|plan| plan.over(limits));
    let Limits { max_circuits, circuits_mib, .. } = *own.as_ref().unwrap_or(limits);
    let of_tenant = quota(Account::of_tenant(tenant.clone()), max_circuits, circuits_mib);
    let of_key = plans.of_key(tenant, origin.and_then(|origin| origin.account.as_ref()));
    let of_key = of_key.map(|(account, plan)| {
        quota(account, plan.max_circuits.unwrap_or(0), plan.circuits_mib.unwrap_or(0))
    });
    let all = of_key.into_iter().chain([of_tenant]);
    all.filter(|quota| quota.max_circuits > 0 || quota.circuits_mib > 0).collect()
}

impl Quota {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn refuse(&self) -> Result<(), RequestError> {
        let Self { account, max_circuits, circuits_mib, count, bytes } = self;
        let limit = if *max_circuits > 0 && count >= max_circuits {
            "max_circuits"
        } else if *circuits_mib > 0 && *bytes >= circuits_mib.saturating_mul(MEBIBYTE) {
            "circuits_mib"
        } else {
            return Ok(());
        };
        Err(RequestError::CircuitQuota { of: account.kind(), limit })
    }
}

/// Refuses to build a circuit of a tenant whose circuits took too much processor time in the last hour. Deleted circuits count, and
/// circuits that are not ready do not yet.
///
/// # Errors
/// [`RequestError::CircuitQuota`] names the setting.
pub(super) async fn refuse_costly(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    let most = app.config.limits.build_seconds_per_hour;
    if most == 0 {
        return Ok(());
    }
    let (log, now) = (app.catalog.usage_log(), app.now());
    let (hour, account) = (Hour::of(now), Account::of_tenant(tenant.clone()));
    let spent =
        async |hour| log.spent(&account, &Period::Hour(hour)).await.map(|sum| sum.build_cpu_ms as f64);
    // The part of the hour before that is within the last 60 minutes.
    let spent = spent(hour).await? + spent(hour.before()).await? * (1.0 - hour.elapsed(now));
    if spent >= most as f64 * 1000.0 {
        Err(RequestError::CircuitQuota { of: account.kind(), limit: "build_seconds_per_hour" })
    } else {
        Ok(())
    }
}

/// Size of a circuit's files in bytes; of a pending import, that of its upload.
pub(super) async fn size(app: &App, circuit: &Circuit) -> Result<u64, RequestError> {
    if let Some(import) = circuit.origin.import().filter(|_| !circuit.is_final()) {
        let upload = uploads::read(app, &circuit.life.tenant, &import.upload).await?;
        return Ok(upload.map_or(0, |upload| upload.bytes()));
    }
    Ok(circuit.artifacts.values().map(|file| file.size).fold(0, u64::saturating_add))
}
