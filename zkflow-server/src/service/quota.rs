//! Quotas of a tenant's circuits, which take disk and were paid with minutes of processor time.

use zkflow_core::service::catalog::{Circuit, CircuitFilter, Document as _, Hour, Page};
use zkflow_core::service::tenant::TenantId;

use super::{RequestError, uploads};
use crate::config::Limits;
use crate::state::App;

/// Circuits read at a time.
const PAGE: usize = 200;
const MEBIBYTE: u64 = 1 << 20;

/// Refuses a further circuit of a tenant whose circuits reach a limit. Concurrent requests may
/// exceed it slightly. A pending import counts with the files of its upload; other circuits that are not ready have no size
/// yet.
///
/// # Errors
/// [`RequestError::CircuitQuota`] names the setting.
pub(super) async fn refuse_excess(app: &App, tenant: &TenantId) -> Result<(), RequestError> {
    refuse_costly(app, tenant).await?;
    let limits = &app.config.limits;
    let own = app.config.plans.of(tenant).map(|plan| plan.over(limits));
    let Limits { max_circuits, circuits_mib, .. } = *own.as_ref().unwrap_or(limits);
    if max_circuits == 0 && circuits_mib == 0 {
        return Ok(());
    }
    let filter = CircuitFilter { tenant: Some(tenant.clone()), ..CircuitFilter::default() };
    let mut page = Page::first(PAGE);
    let (mut count, mut bytes) = (0, 0_u64);
    loop {
        let circuits = app.catalog.circuits().list(&filter, &page).await?;
        count += circuits.len() as u64;
        for circuit in &circuits {
            bytes = bytes.saturating_add(size(app, circuit).await?);
        }
        if max_circuits > 0 && count >= max_circuits {
            return Err(RequestError::CircuitQuota("max_circuits"));
        }
        if circuits_mib > 0 && bytes >= circuits_mib.saturating_mul(MEBIBYTE) {
            return Err(RequestError::CircuitQuota("circuits_mib"));
        }
        match circuits.last() {
            Some(last) if circuits.len() == PAGE => page.after = Some(last.cursor()),
            _ => return Ok(()),
        }
    }
}

/// Refuses to build a circuit of a tenant whose circuits took too long to build in the last hour. Deleted circuits count, and
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
    let hour = Hour::of(now);
    let (before, present) = (log.spent(tenant, hour.before()).await?, log.spent(tenant, hour).await?);
    // The part of the hour before that is within the last 60 minutes.
    let spent = present as f64 + before as f64 * (1.0 - hour.elapsed(now));
    if spent >= most as f64 * 1000.0 {
        Err(RequestError::CircuitQuota("build_seconds_per_hour"))
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
