//! `/v1/uploads`, and circuits from them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;

use super::Problem;
use super::access::{Access, Routes};
use super::body::{JsonBody, PartBody};
use super::circuits::requested;
use super::dto::CircuitDto;
use super::dto::upload::{NewImport, NewUpload, PartsToSign, SignedPartsDto, UploadDto};
use super::observe::Origin;
use super::openapi::schema;
use super::path::{Path, upload_id};
use crate::auth::Principal;
use crate::config::SecretSetting;
use crate::service::{InputFault, RequestError, imports, uploads};
use crate::state::App;

pub(super) fn routes() -> Routes {
    let build = Access::Needs(Scope::CircuitsBuild);
    Routes::new()
        .add(build, routes!(create))
        .add(build, routes!(get))
        .add(build, routes!(put))
        .add(build, routes!(sign))
        .add(build, routes!(delete))
        .add(build, routes!(import))
}

/// Declare the files of a circuit to import.
///
/// Send each part of each file afterwards, in any order. Nothing is unpacked: a source is sent file by file.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "uploads", operation_id = "createUpload", request_body = NewUpload,
    responses(
        (status = 201, description = "The upload, without bytes", body = UploadDto),
    ),
    extensions(("x-codes" = json!(["invalid_upload", "upload_too_large", "too_many_uploads"])))
)]
async fn create(
    State(app): State<Arc<App>>,
    caller: Principal,
    JsonBody(new, _held): JsonBody<NewUpload>,
) -> Result<Response, Problem> {
    let files = new.files.into_iter().map(Into::into).collect();
    let upload = uploads::create(&app, &caller.tenant, files).await?;
    let missing = uploads::missing(&app, &upload).await?;
    let location = [(LOCATION, format!("/v1/uploads/{}", upload.id))];
    let upload = UploadDto::new(upload, missing, uploads::is_direct(&app));
    Ok((StatusCode::CREATED, location, Json(upload)).into_response())
}

/// Get an upload, with the numbers of its missing parts.
#[utoipa::path(
    get, path = "/v1/uploads/{uploadId}", tag = "uploads", operation_id = "getUpload",
    params(("uploadId" = schema::UploadId, Path)),
    responses(
        (status = 200, description = "The upload", body = UploadDto),
    ),
    extensions(("x-codes" = json!(["upload_not_found"])))
)]
async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<Json<UploadDto>, Problem> {
    let upload = uploads::get(&app, &caller.tenant, &upload_id(&id)?).await?;
    let missing = uploads::missing(&app, &upload).await?;
    Ok(Json(UploadDto::new(upload, missing, uploads::is_direct(&app))))
}

/// Send a part of a file; replaces an earlier one.
///
/// Part `n` is the bytes of the file from `n * partBytes` on. Every part but the last one has `partBytes` bytes.
#[utoipa::path(
    put, path = "/v1/uploads/{uploadId}/files/{file}/parts/{part}", tag = "uploads", operation_id = "putPart",
    params(
        ("uploadId" = schema::UploadId, Path),
        ("file" = u32, Path, description = "Place of the file in the upload, from 0"),
        ("part" = u32, Path, description = "Number of the part, from 0"),
    ),
    request_body(content = schema::Bytes, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "The part is stored"),
    ),
    extensions(("x-codes" = json!([
        "upload_not_found", "upload_part_not_found", "upload_part_length", "upload_in_use"
    ])))
)]
async fn put(
    State(app): State<Arc<App>>,
    Path((id, file, part)): Path<(String, String, String)>,
    caller: Principal,
    PartBody(bytes, _held): PartBody,
) -> Result<StatusCode, Problem> {
    let number = |text: String| text.parse::<u32>().map_err(|_| RequestError::UnknownPart);
    let place = (number(file)?, number(part)?);
    uploads::put_part(&app, &caller.tenant, &upload_id(&id)?, place, bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign URLs that send parts of a file to the bucket directly.
///
/// Send each part as a `PUT` to its URL with its headers. The bucket refuses another length. A part with another SHA-256 than
/// announced fails the import. Only if `direct` of the upload is true.
#[utoipa::path(
    post, path = "/v1/uploads/{uploadId}/files/{file}/urls", tag = "uploads", operation_id = "signParts",
    params(
        ("uploadId" = schema::UploadId, Path),
        ("file" = u32, Path, description = "Place of the file in the upload, from 0"),
    ),
    request_body = PartsToSign,
    responses(
        (status = 200, description = "The URLs", body = SignedPartsDto),
    ),
    extensions(("x-codes" = json!([
        "upload_not_found", "upload_part_not_found", "upload_in_use", "upload_not_direct", "invalid_inputs"
    ])))
)]
async fn sign(
    State(app): State<Arc<App>>,
    Path((id, file)): Path<(String, String)>,
    caller: Principal,
    JsonBody(new, _held): JsonBody<PartsToSign>,
) -> Result<Json<SignedPartsDto>, Problem> {
    let file = file.parse::<u32>().map_err(|_| RequestError::UnknownPart)?;
    if new.parts.is_empty() || new.parts.len() > MOST_SIGNED {
        let message = format!("expected 1 to {MOST_SIGNED} parts");
        return Err(RequestError::Fields(vec![InputFault { path: "parts".to_owned(), message }]).into());
    }
    let parts: Vec<_> = new.parts.iter().map(|part| (part.part, part.sha256)).collect();
    let signed = uploads::signed_parts(&app, &caller.tenant, &upload_id(&id)?, file, &parts).await?;
    Ok(Json(SignedPartsDto::new(new.parts, signed)))
}

/// URLs of one request.
const MOST_SIGNED: usize = 256;

/// Delete an upload.
#[utoipa::path(
    delete, path = "/v1/uploads/{uploadId}", tag = "uploads", operation_id = "deleteUpload",
    params(("uploadId" = schema::UploadId, Path)),
    responses(
        (status = 204, description = "The upload is deleted"),
    ),
    extensions(("x-codes" = json!(["upload_not_found", "upload_in_use"])))
)]
async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Principal,
) -> Result<StatusCode, Problem> {
    uploads::delete(&app, &caller.tenant, &upload_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Import a circuit from uploaded files.
///
/// Files that are missing are made, and files that are given are checked: see `docs/import.md`. The same files always give
/// the same circuit. The upload is removed when the circuit is ready or has failed.
#[utoipa::path(
    post, path = "/v1/circuits/import", tag = "circuits", operation_id = "importCircuit", request_body = NewImport,
    responses(
        (status = 200, description = "The circuit is ready", body = CircuitDto),
        (status = 202, description = "The circuit is pending; poll the URL in `Location`", body = CircuitDto),
    ),
    extensions(("x-codes" = json!([
        "too_many_circuits", "plan_exhausted", "upload_in_use",
        "upload_not_found", "upload_incomplete", "import_incomplete", "circuit_deleting", "not_owner", "overloaded",
        "invalid_inputs", "no_webhooks", "not_allowed", "other_callback"
    ])))
)]
async fn import(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    caller: Principal,
    JsonBody(new, _held): JsonBody<NewImport>,
) -> Result<Response, Problem> {
    let new = imports::NewImport {
        upload: new.upload_id,
        main: new.main,
        simplification: new.simplification.map(Into::into).unwrap_or_default(),
        powers: new.powers.map(Into::into),
        visibility: new.visibility,
        callback: new.callback.map(SecretSetting::into_secret),
        origin,
    };
    Ok(requested(imports::request(&app, &caller.tenant, new).await?))
}
