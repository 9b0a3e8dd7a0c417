//! Quotas of a tenant's circuits, which take disk and were paid with minutes of processor time.

use zkflow_core::service::catalog::{Circuit, CircuitFilter, Document as _, Page};
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
    let Limits { max_circuits, circuits_mib, .. } = app.config.limits;
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

/// Size of a circuit's files in bytes; of a pending import, that of its upload.
async fn size(app: &App, circuit: &Circuit) -> Result<u64, RequestError> {
    if let Some(import) = circuit.origin.import().filter(|_| !circuit.is_final()) {
        let upload = uploads::read(app, &circuit.life.tenant, &import.upload).await?;
        return Ok(upload.map_or(0, |upload| upload.bytes()));
    }
    Ok(circuit.artifacts.values().map(|file| file.size).fold(0, u64::saturating_add))
}
