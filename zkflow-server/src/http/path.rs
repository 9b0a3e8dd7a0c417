//! Path segments and the ids in them.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use zkflow_core::id::CircuitId;
#[cfg(feature = "evm")]
use zkflow_core::service::id::DeliveryId;
use zkflow_core::service::id::{CeremonyId, DeploymentId, UploadId};
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use crate::service::CircuitName;
use crate::state::App;

/// As [`axum::extract::Path`], but answers with a [`Problem`] if a segment is not UTF-8.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(segments) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(segments))
    }
}

/// Parses the circuit id in a path. The id of an imported circuit in the Node service is another name of it.
pub(super) async fn circuit_id(app: &App, tenant: &TenantId, text: &str) -> Result<CircuitId, Problem> {
    let name: CircuitName = text.parse().map_err(|_| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "circuit_not_found",
            "invalid circuit id: expected 32 lower-case hex digits",
        )
    })?;
    Ok(name.resolve(app, tenant).await?)
}

/// Parses the upload id in a path.
pub(super) fn upload_id(text: &str) -> Result<UploadId, Problem> {
    text.parse().map_err(|_| {
        let detail = "invalid upload id: expected a lower-case hyphenated UUID";
        Problem::new(StatusCode::NOT_FOUND, "upload_not_found", detail)
    })
}

/// Parses the ceremony id in a path.
pub(super) fn ceremony_id(text: &str) -> Result<CeremonyId, Problem> {
    text.parse().map_err(|_| {
        let detail = "invalid ceremony id: expected a lower-case hyphenated UUID";
        Problem::new(StatusCode::NOT_FOUND, "ceremony_not_found", detail)
    })
}

/// Parses the delivery id in a path.
#[cfg(feature = "evm")]
pub(super) fn delivery_id(text: &str) -> Result<DeliveryId, Problem> {
    text.parse().map_err(|_| {
        let detail = "invalid delivery id: expected a lower-case hyphenated UUID";
        Problem::new(StatusCode::NOT_FOUND, "delivery_not_found", detail)
    })
}

/// Parses the deployment id in a path or query.
pub(super) fn deployment_id(text: &str) -> Result<DeploymentId, Problem> {
    text.parse().map_err(|_| {
        let detail = "invalid deployment id: expected a lower-case hyphenated UUID";
        Problem::new(StatusCode::NOT_FOUND, "deployment_not_found", detail)
    })
}
