//! `/v1/templates`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::service::catalog::Scope;
use zkflow_core::template::Template;
use zkflow_core::template::TemplateName;

use super::Problem;
use super::access::{Access, Routes};
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

/// A template: its name and its manifest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TemplateDto {
    name: String,
    /// Manifest: title, description, parameters, inputs, outputs, examples.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    manifest: Value,
    /// Warnings about the template's files, such as a manifest that is missing; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl TemplateDto {
    fn of(template: &Template) -> Self {
        // Expect safety: a manifest comes from TOML, whose keys are strings.
        let manifest = serde_json::to_value(&template.manifest).expect("a manifest serialises");
        let warnings = template.warnings.iter().map(ToString::to_string).collect();
        Self { name: template.name.to_string(), manifest, warnings }
    }
}

/// List the templates.
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", operation_id = "listTemplates",
    responses((status = 200, description = "All templates", body = TemplateList))
)]
async fn list(State(app): State<Arc<App>>) -> Json<TemplateList> {
    Json(TemplateList { templates: app.library.iter().map(TemplateDto::of).collect() })
}

/// Get a template.
#[utoipa::path(
    get, path = "/v1/templates/{name}", tag = "templates", operation_id = "getTemplate",
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The template's manifest", body = TemplateDto),
        (status = 404, description = "Unknown template", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn get(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<TemplateDto>, Problem> {
    let name: TemplateName = name.parse().map_err(|error: zkflow_core::name::InvalidName| {
        Problem::new(StatusCode::NOT_FOUND, "unknown_template", error.to_string())
    })?;
    Ok(Json(TemplateDto::of(app.library.get(&name).map_err(RequestError::from)?)))
}
