//! Requests with many entries: `/v1/proofs:batch`, and lists of proofs to verify.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use utoipa_axum::routes;
use zkflow_core::error::{Classified as _, ErrorKind};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{ProofRequest, Scope};
use zkflow_core::service::tenant::TenantId;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, idempotency_key};
use super::dto::bulk::{MOST, NewProofs, ProofResult, ProofsTaken};
use super::dto::{ProofToVerify, VerdictDto};
use super::observe::Origin;
use super::openapi::schema;
use crate::auth::Principal;
use crate::config::SecretSetting;
use crate::service::verify::{Verdict, verify_all};
use crate::service::{self, RequestError};
use crate::state::App;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::ProofsCreate), routes!(create_all))
}

/// Request many proofs.
///
/// The accepted requests are stored together. A request that is refused hinders no other: each has its own result.
#[utoipa::path(
    post, path = "/v1/proofs:batch", tag = "proofs", operation_id = "createProofs", request_body = NewProofs,
    params(("Idempotency-Key" = Option<schema::BatchKey>, Header,
        description = "1 to 120 visible ASCII characters. Entry i has the key `KEY/i`: a repeated key with the same body returns the same requests")),
    responses(
        (status = 200, description = "One result per entry, in order: an id, or the problem that `POST /v1/proofs` would answer", body = ProofsTaken),
    )
)]
async fn create_all(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    caller: Principal,
    headers: HeaderMap,
    JsonBody(NewProofs { proofs }, _held): JsonBody<NewProofs>,
) -> Result<Json<ProofsTaken>, Problem> {
    check_number("proofs", proofs.len())?;
    let key = idempotency_key(&headers)?;
    if key.as_ref().is_some_and(|key| key.len() > LONGEST_KEY) {
        let detail = format!("expected an Idempotency-Key of at most {LONGEST_KEY} characters");
        return Err(Problem::bad_request("invalid_idempotency_key", detail));
    }
    let mut refused = Vec::new();
    let mut new = Vec::with_capacity(proofs.len());
    for (place, mut proof) in proofs.into_iter().enumerate() {
        let inputs = match proof.take_inputs() {
            Ok(inputs) => inputs,
            Err(error) => {
                refused.push((place, error));
                continue;
            }
        };
        new.push(service::proofs::NewProof {
            circuit: proof.circuit_id,
            inputs,
            tenant: caller.tenant.clone(),
            user_id: proof.user_id,
            callback: proof.callback.map(SecretSetting::into_secret),
            idempotency_key: key.as_ref().map(|key| format!("{key}/{place}")),
            origin: origin.clone(),
        });
    }
    let mut results = service::proofs::request_all(&app, new).await;
    // In order of their places, so each insertion is at its own.
    for (place, error) in refused {
        results.insert(place, Err(error));
    }
    let unavailable = |result: &Result<_, RequestError>| matches!(result, Err(error) if error.kind() == ErrorKind::Unavailable);
    if results.iter().all(unavailable) {
        results.truncate(1);
        return Err(results.pop().and_then(Result::err).map_or_else(Problem::internal, Problem::from));
    }
    Ok(Json(ProofsTaken { results: results.into_iter().map(ProofResult::from).collect() }))
}

/// Verifies an array of proofs; the results have the same order.
pub(super) async fn verify_many(
    app: &App,
    tenant: &TenantId,
    id: &CircuitId,
    proofs: Vec<ProofToVerify>,
) -> Result<Vec<VerdictDto>, Problem> {
    check_number("the array", proofs.len())?;
    let proofs = proofs.into_iter().map(ProofToVerify::into_parts).collect();
    let verdicts = verify_all(app, tenant, id, proofs).await?;
    Ok(verdicts.into_iter().map(VerdictDto::from).collect())
}

/// Longest key of which every entry gets its own.
const LONGEST_KEY: usize = 120;

fn check_number(what: &str, number: usize) -> Result<(), Problem> {
    if (1..=MOST).contains(&number) {
        return Ok(());
    }
    let detail = format!("{what}: expected 1 to {MOST} entries, found {number}");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", detail))
}

impl From<Result<ProofRequest, RequestError>> for ProofResult {
    fn from(result: Result<ProofRequest, RequestError>) -> Self {
        match result {
            Ok(proof) => Self { proof_request_id: Some(proof.id.to_string()), problem: None },
            Err(error) => Self { proof_request_id: None, problem: Some(error.into()) },
        }
    }
}

impl From<Verdict> for VerdictDto {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Verified => Self { verified: true, reason: None },
            Verdict::Refused { reason } => Self { verified: false, reason: Some(reason) },
        }
    }
}
