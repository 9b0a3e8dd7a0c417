//! Endpoints for operators: `/health`, `/ready`, `/metrics`.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::error::Chain;
use zkflow_core::service::catalog::{CatalogError, CircuitFilter, Page, Scope};
use zkflow_core::service::queue::{QueueError, QueueName};
use zkflow_core::service::store::{ArtifactPath, PutMode, StoreError};

use super::access::{Access, Routes};
use super::openapi::schema;
pub(super) use crate::state::OK;
use crate::state::{App, Fault, Outcomes};
use crate::telemetry::{self, BACKEND_UP, QUEUE_AGE, QUEUE_JOBS};

/// A backend is unavailable if a check takes longer than this.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn routes() -> Routes {
    Routes::new()
        .add(Access::Public, routes!(health))
        .add(Access::Public, routes!(ready))
        .add(Access::Needs(Scope::Operate), routes!(metrics))
}

/// Routes of a process that is starting.
pub(super) fn starting() -> Router {
    let began = Instant::now();
    let health = async move || Json(Health { status: "ok", uptime_s: began.elapsed().as_secs() });
    let readiness = || Readiness { status: "starting", checks: BTreeMap::new(), warnings: Vec::new() };
    let metrics = async || rendered(&telemetry::metrics());
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(async move || (StatusCode::SERVICE_UNAVAILABLE, Json(readiness()))))
        .route("/metrics", get(metrics))
}

/// Liveness of the process.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    #[schema(value_type = schema::HealthStatus)]
    status: &'static str,
    /// Seconds since the start of the process.
    uptime_s: u64,
}

/// Check that the process is alive.
#[utoipa::path(
    get, path = "/health", tag = "operations", operation_id = "health",
    responses((status = 200, description = "The process is alive", body = Health))
)]
async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(Health { status: "ok", uptime_s: app.started.elapsed().as_secs() })
}

/// Readiness to serve requests, by backend.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    #[schema(value_type = schema::ReadinessStatus)]
    status: &'static str,
    /// `ok` or an error message, by backend.
    #[schema(value_type = BTreeMap<String, schema::Text>)]
    checks: BTreeMap<&'static str, String>,
    /// Faults that slow the process down but do not stop it, such as a GPU that is set aside; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Text>, required = false)]
    warnings: Vec<&'static str>,
}

/// Check that requests can be served.
#[utoipa::path(
    get, path = "/ready", tag = "operations", operation_id = "ready",
    responses(
        (status = 200, description = "All backends answer", body = Readiness),
        (status = 503, description = "The process drains, or a backend does not answer", body = Readiness),
    )
)]
async fn ready(State(app): State<Arc<App>>) -> impl IntoResponse {
    let checks = look(&app).await;
    let healthy = checks.values().all(|outcome| outcome == OK);
    let (code, status) = match (app.shutdown.is_cancelled(), healthy) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    (code, Json(Readiness { status, checks, warnings: app.gpu_trouble().into_iter().collect() }))
}

/// Sends a minimal query to each backend and updates its metric. They are also written to now and then, since a full disk or
/// memory can still be read. Returns `ok` or an error message, by backend.
pub(super) async fn look(app: &App) -> Outcomes {
    let ask = async |write| {
        let (catalog, store, queue) = tokio::join!(
            check(catalog_answers(app, write)),
            check(store_answers(app, write)),
            check(queue_answers(app, write)),
        );
        [("catalog", catalog), ("store", store), ("queue", queue)]
    };
    let outcomes = app.probes.check(ask).await;
    for (backend, outcome) in &outcomes {
        gauge!(BACKEND_UP, "backend" => *backend).set(if outcome == OK { 1.0 } else { 0.0 });
    }
    outcomes
}

async fn catalog_answers(app: &App, write: bool) -> Result<(), CatalogError> {
    if !write {
        return app.catalog.circuits().list(&CircuitFilter::default(), &Page::first(1)).await.map(drop);
    }
    let bound = app.catalog.bind(&app.installation, false).await?;
    if bound == app.installation {
        return Ok(());
    }
    let why = format!("the catalog belongs to installation {bound}, this process to {}", app.installation);
    Err(CatalogError::backend("checking the installation", why))
}

async fn store_answers(app: &App, write: bool) -> Result<(), StoreError> {
    let probe = ArtifactPath::Probe.key();
    if write {
        return app.store.put(&probe, Bytes::from_static(b"ready"), PutMode::Overwrite).await.map(drop);
    }
    match app.store.head(&probe).await {
        Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn queue_answers(app: &App, write: bool) -> Result<(), QueueError> {
    if write {
        return app.queue.check_writes().await;
    }
    app.queue.stats(QueueName::ProofGeneration).await.map(drop)
}

async fn check<T, E: Error>(answer: impl Future<Output = Result<T, E>>) -> Result<(), Fault> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Fault { message: error.to_string(), causes: Chain(&error).to_string() }),
        Err(_) => {
            let message = format!("no answer within {} s", PATIENCE.as_secs());
            Err(Fault { causes: message.clone(), message })
        }
    }
}

/// Get the metrics for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "Metrics in the Prometheus text format", body = String, content_type = "text/plain"))
)]
async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let answers = look(&app).await["queue"] == OK;
    // The metrics of a queue that does not answer are left unchanged.
    for queue in QueueName::ALL.into_iter().filter(|_| answers) {
        let Ok(Ok(stats)) = tokio::time::timeout(PATIENCE, app.queue.stats(queue)).await else { continue };
        let name = queue.as_str();
        for (state, jobs) in [
            ("ready", stats.ready),
            ("delayed", stats.delayed),
            ("leased", stats.leased),
            ("dead", stats.dead),
        ] {
            gauge!(QUEUE_JOBS, "queue" => name, "state" => state).set(jobs as f64);
        }
        let age = stats.oldest_ready.map_or(Duration::ZERO, |since| app.now().since(since));
        gauge!(QUEUE_AGE, "queue" => name).set(age.as_secs_f64());
    }
    telemetry::measure(&app).await;
    rendered(&app.metrics)
}

fn rendered(metrics: &PrometheusHandle) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::render(metrics))
}
