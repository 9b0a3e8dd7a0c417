//! Records changes with their callers.

use zkflow_core::service::catalog::{AuditAction, RequestOrigin};
use zkflow_core::service::tenant::TenantId;

use super::RequestError;
use crate::maintenance::audit;
use crate::state::App;

/// Records what a caller is about to do; see [`audit::record`].
///
/// # Errors
/// The catalog fails; [`RequestError::TooManyChanges`]. Then nothing may be done.
pub async fn record(
    app: &App,
    tenant: &TenantId,
    actor: &str,
    action: AuditAction,
    subject: &str,
) -> Result<(), RequestError> {
    if is_limited(action) && actor != SERVICE {
        app.entries.take(tenant).map_err(RequestError::TooManyChanges)?;
    }
    Ok(audit::record(&app.data(), tenant, actor, action, subject).await?)
}

/// Whether a tenant makes the change. The others are those of operators.
fn is_limited(action: AuditAction) -> bool {
    !matches!(
        action,
        AuditAction::KeyCreate
            | AuditAction::KeyRotate
            | AuditAction::KeyRevoke
            | AuditAction::QueuePause
            | AuditAction::QueueResume
            | AuditAction::JobRetry
            | AuditAction::JobDelete
            | AuditAction::JobsPurge
            | AuditAction::VaultRotate
    )
}

/// The caller of a request. A document that the service itself makes has none.
pub(super) fn actor(origin: Option<&RequestOrigin>) -> &str {
    origin.and_then(|origin| origin.caller.as_deref()).unwrap_or(SERVICE)
}

/// Name of the service itself in the log.
pub(super) const SERVICE: &str = "service";
