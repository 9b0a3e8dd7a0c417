//! Records changes with their callers.

use zkflow_core::service::catalog::{AuditAction, RequestOrigin};
use zkflow_core::service::tenant::TenantId;

use super::RequestError;
use crate::maintenance::audit;
use crate::state::App;

/// Records what a caller is about to do; see [`audit::record`].
///
/// # Errors
/// The catalog fails. Then nothing may be done.
pub async fn record(
    app: &App,
    tenant: &TenantId,
    actor: &str,
    action: AuditAction,
    subject: &str,
) -> Result<(), RequestError> {
    Ok(audit::record(&app.data(), tenant, actor, action, subject).await?)
}

/// The caller of a request. A document that the service itself makes has none.
pub(super) fn actor(origin: Option<&RequestOrigin>) -> &str {
    origin.and_then(|origin| origin.caller.as_deref()).unwrap_or(SERVICE)
}

/// Name of the service itself in the log.
pub(super) const SERVICE: &str = "service";
