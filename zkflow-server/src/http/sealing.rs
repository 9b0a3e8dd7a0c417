//! `/v1/sealing-key`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;
use zkflow_store::vault::sealing::{BY_CLIENT, SUITE};

use super::access::{Access, Routes};
use super::openapi::schema;
use crate::auth::Principal;
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::ProofsCreate), routes!(get))
}

/// The public key that inputs are sealed to. The private half is in the workers that make proofs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SealingKey)]
struct SealingKeyDto {
    /// Public key of X25519 in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    public_key: String,
    /// First 8 bytes of `SHA-256("zkflow sealing key" ‖ public key)` in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    key_id: String,
    /// Algorithms of HPKE (RFC 9180).
    #[schema(value_type = schema::SealingSuite)]
    suite: &'static str,
    /// First byte of sealed inputs.
    format: u8,
    /// Tenant of the caller, which sealed inputs are bound to.
    #[schema(value_type = schema::Tenant)]
    tenant: String,
}

/// Read the key that inputs are sealed to.
///
/// A client that seals inputs to it sends them as `sealedInputs`: neither the API nor the database can read them.
#[utoipa::path(
    get, path = "/v1/sealing-key", tag = "proofs", operation_id = "getSealingKey",
    responses((status = 200, description = "The key", body = SealingKeyDto))
)]
async fn get(State(app): State<Arc<App>>, caller: Principal) -> Json<SealingKeyDto> {
    let key = app.vault.sealing().current();
    Json(SealingKeyDto {
        public_key: key.to_string(),
        key_id: hex::encode(key.id()),
        suite: SUITE,
        format: BY_CLIENT,
        tenant: caller.tenant.to_string(),
    })
}
