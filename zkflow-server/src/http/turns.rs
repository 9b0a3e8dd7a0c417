//! `/v1/ceremonies/{ceremonyId}/join` and `…/turn`: the routes of contributors.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::Scope;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, PartBody};
use super::dto::ceremony::{ContributionUploadDto, DeclaredKey, JoinedDto, TurnDto};
use super::openapi::schema;
use super::path::{Path, ceremony_id};
use crate::auth::Principal;
use crate::service::RequestError;
use crate::service::ceremonies::{self, CeremonyRefusal};
use crate::state::App;

pub(super) fn routes() -> Routes {
    let contribute = Access::Needs(Scope::CeremoniesContribute);
    Routes::new()
        .add(contribute, routes!(join))
        .add(contribute, routes!(take))
        .add(contribute, routes!(leave))
        .add(contribute, routes!(declare))
        .add(contribute, routes!(put))
        .add(contribute, routes!(submit))
}

/// SHA-256 of the header `Contributor-Token`.
struct Token(Digest);

impl<S: Send + Sync> FromRequestParts<S> for Token {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let token = parts.headers.get("contributor-token").map(|token| Digest::of(token.as_bytes()));
        token.map(Self).ok_or_else(|| RequestError::from(CeremonyRefusal::NoPlace).into())
    }
}

/// Join the queue of a ceremony.
///
/// Send the token with the other requests in the header `Contributor-Token`. A caller has one place and contributes once:
/// joining again keeps the place, and gives a new token.
#[utoipa::path(
    post, path = "/v1/ceremonies/{ceremonyId}/join", tag = "ceremonies", operation_id = "joinCeremony",
    params(("ceremonyId" = schema::CeremonyId, Path)),
    responses(
        (status = 201, description = "The place, with the contributor's secret", body = JoinedDto),
    ),
    extensions(("x-codes" = json!([
        "ceremony_closed", "ceremony_full", "already_contributed", "too_many_attempts"
    ])))
)]
async fn join(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<Response, Problem> {
    let joined = ceremonies::join(&app, &caller, &ceremony_id(&id)?).await?;
    let body = JoinedDto { place: joined.number, token: joined.token.to_string() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Ask for the state of a place, and take the turn if it is due.
///
/// Repeat it every few seconds: a turn that is not taken within two minutes is lost. Taking it starts its time limit.
#[utoipa::path(
    post, path = "/v1/ceremonies/{ceremonyId}/turn", tag = "ceremonies", operation_id = "takeTurn",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("Contributor-Token" = schema::ContributorToken, Header, description = "The token of the place"),
    ),
    responses(
        (status = 200, description = "The state of the place", body = TurnDto),
    ),
    extensions(("x-codes" = json!(["place_not_found"])))
)]
async fn take(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    Token(token): Token,
) -> Result<Json<TurnDto>, Problem> {
    let ceremony = ceremonies::take_turn(&app, &caller.tenant, &ceremony_id(&id)?, &token).await?;
    let turn = TurnDto::of(&ceremony, &token);
    Ok(Json(turn.ok_or(CeremonyRefusal::NoPlace).map_err(RequestError::from)?))
}

/// Give a place back. A contribution that is being verified stays.
#[utoipa::path(
    delete, path = "/v1/ceremonies/{ceremonyId}/turn", tag = "ceremonies", operation_id = "leaveCeremony",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("Contributor-Token" = schema::ContributorToken, Header, description = "The token of the place"),
    ),
    responses(
        (status = 204, description = "The place is free"),
    ),
    extensions(("x-codes" = json!(["place_not_found"])))
)]
async fn leave(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    Token(token): Token,
) -> Result<StatusCode, Problem> {
    ceremonies::leave(&app, &caller.tenant, &ceremony_id(&id)?, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Declare the key with the contribution.
///
/// The same declaration again returns the missing parts, to continue an interrupted upload. Another one replaces it.
#[utoipa::path(
    put, path = "/v1/ceremonies/{ceremonyId}/turn/upload", tag = "ceremonies", operation_id = "declareContribution",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("Contributor-Token" = schema::ContributorToken, Header, description = "The token of the place"),
    ),
    request_body = DeclaredKey,
    responses(
        (status = 200, description = "The missing parts", body = ContributionUploadDto),
    ),
    extensions(("x-codes" = json!([
        "place_not_found", "not_your_turn", "invalid_upload", "upload_too_large", "too_many_uploads"
    ])))
)]
async fn declare(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    Token(token): Token,
    JsonBody(DeclaredKey { size, sha256 }, _held): JsonBody<DeclaredKey>,
) -> Result<Json<ContributionUploadDto>, Problem> {
    let id = ceremony_id(&id)?;
    let upload = ceremonies::declare(&app, &caller.tenant, &id, &token, (size, sha256)).await?;
    let missing = ceremonies::missing(&app, &upload).await?;
    Ok(Json(ContributionUploadDto::new(&upload, missing)))
}

/// Send a part of the key; replaces an earlier one.
///
/// Part `n` is the bytes of the file from `n * partBytes` on. Every part but the last one has `partBytes` bytes.
#[utoipa::path(
    put, path = "/v1/ceremonies/{ceremonyId}/turn/parts/{part}", tag = "ceremonies", operation_id = "putContributionPart",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("part" = u32, Path, description = "Number of the part, from 0"),
        ("Contributor-Token" = schema::ContributorToken, Header, description = "The token of the place"),
    ),
    request_body(content = schema::Bytes, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "The part is stored"),
    ),
    extensions(("x-codes" = json!([
        "place_not_found", "not_your_turn", "upload_not_found", "upload_part_not_found",
        "upload_part_length", "upload_in_use"
    ])))
)]
async fn put(
    State(app): State<Arc<App>>,
    Path((id, part)): Path<(String, String)>,
    caller: Principal,
    Token(token): Token,
    PartBody(bytes, _held): PartBody,
) -> Result<StatusCode, Problem> {
    let part = part.parse::<u32>().map_err(|_| RequestError::UnknownPart)?;
    ceremonies::put_part(&app, &caller.tenant, &ceremony_id(&id)?, &token, part, bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Submit the uploaded key. A worker verifies the contribution; poll the state of the place.
#[utoipa::path(
    post, path = "/v1/ceremonies/{ceremonyId}/turn/submit", tag = "ceremonies", operation_id = "submitContribution",
    params(
        ("ceremonyId" = schema::CeremonyId, Path),
        ("Contributor-Token" = schema::ContributorToken, Header, description = "The token of the place"),
    ),
    responses(
        (status = 202, description = "The contribution is verified", body = TurnDto),
    ),
    extensions(("x-codes" = json!([
        "place_not_found", "not_your_turn", "upload_not_found", "upload_incomplete"
    ])))
)]
async fn submit(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
    Token(token): Token,
) -> Result<Response, Problem> {
    let ceremony = ceremonies::submit(&app, &caller.tenant, &ceremony_id(&id)?, &token).await?;
    let turn = TurnDto::of(&ceremony, &token).ok_or(CeremonyRefusal::NoPlace).map_err(RequestError::from)?;
    Ok((StatusCode::ACCEPTED, Json(turn)).into_response())
}
