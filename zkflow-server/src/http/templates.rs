//! `/v1/templates`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;
use zkflow_core::template::TemplateName;

use super::Problem;
use super::access::{Access, Routes};
use super::dto::template::TemplateDto;
use super::openapi::schema;
use super::path::Path;
use crate::service::RequestError;
use crate::state::App;

pub(super) fn routes() -> Routes {
    let read = Access::Needs(Scope::CircuitsRead);
    Routes::new().add(read, routes!(list)).add(read, routes!(get))
}

/// All available templates.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TemplateList {
    templates: Vec<TemplateDto>,
}

/// List the templates.
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", operation_id = "listTemplates",
    responses((status = 200, description = "All templates", body = TemplateList))
)]
async fn list(State(app): State<Arc<App>>) -> Json<TemplateList> {
    Json(TemplateList { templates: app.library.iter().map(TemplateDto::from).collect() })
}

/// Get a template.
#[utoipa::path(
    get, path = "/v1/templates/{name}", tag = "templates", operation_id = "getTemplate",
    params(("name" = schema::TemplateName, Path)),
    responses(
        (status = 200, description = "The template's manifest", body = TemplateDto),
    ),
    extensions(("x-codes" = json!(["unknown_template"])))
)]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<TemplateDto>, Problem> {
    let name: TemplateName = name.parse().map_err(|error: zkflow_core::name::InvalidName| {
        Problem::new(StatusCode::NOT_FOUND, "unknown_template", error.to_string())
    })?;
    Ok(Json(TemplateDto::from(app.library.get(&name).map_err(RequestError::from)?)))
}
