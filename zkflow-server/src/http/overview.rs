//! `/v1/overview`: the state of the server for operators.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use zkflow_core::prove::Kernel;
use zkflow_core::service::catalog::{Scope, SeenWorker};
use zkflow_core::service::queue::QueueName;

use super::Problem;
use super::access::{Access, Routes};
use super::openapi::schema;
use super::operations::{OK, look};
use crate::config::Config;
use crate::service::RequestError;
use crate::state::{self, App, Budget, CircuitUse};
use crate::telemetry;

pub(super) fn routes() -> Routes {
    Routes::new().add(Access::Needs(Scope::Operate), routes!(overview))
}

/// State of the server. Queues, backends, activity and workers are those of all processes; the rest is of the process that answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Overview)]
struct OverviewDto {
    /// Version of the server.
    #[schema(value_type = schema::Version)]
    version: &'static str,
    #[schema(value_type = schema::Time)]
    time: String,
    /// Seconds since the start of the process.
    uptime_s: u64,
    /// Whether callers need credentials.
    authentication: bool,
    /// Sentences about settings that are not for production.
    #[schema(value_type = Vec<schema::Text>)]
    warnings: Vec<&'static str>,
    process: ProcessDto,
    backends: Vec<BackendDto>,
    /// Empty while the queue does not answer.
    queues: Vec<QueueDto>,
    /// Proofs of the last hour, day and week; empty while the catalog does not answer.
    activity: Vec<WindowDto>,
    /// Processes that run jobs, alive ones first, at most 200; empty while the catalog does not answer.
    workers: Vec<WorkerDto>,
    disks: Vec<DiskDto>,
    caches: Vec<CacheDto>,
    budgets: Vec<BudgetDto>,
}

/// The process that answers, and its workers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Process)]
struct ProcessDto {
    /// Kernel of the prover that the processor allows.
    #[schema(value_type = schema::KernelName)]
    kernel: String,
    /// Name of the prover.
    #[schema(value_type = schema::ProverName)]
    prover: &'static str,
    /// Whether this process runs jobs too.
    works: bool,
    /// Proofs at the same time.
    proofs: u32,
    /// Circuits at the same time.
    circuits: u32,
    /// Deployments at the same time.
    deployments: u32,
    /// Resident memory in bytes; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    /// Size of the SQLite file with its log; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    database_bytes: Option<u64>,
    /// Number of templates.
    templates: usize,
}

/// A backend of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backend)]
struct BackendDto {
    #[schema(value_type = schema::BackendName)]
    name: &'static str,
    #[schema(value_type = schema::BackendKind)]
    kind: &'static str,
    /// `ok` or an error message.
    #[schema(value_type = schema::Text)]
    status: String,
}

/// Jobs of a queue, by state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueState)]
struct QueueDto {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    /// Jobs that wait for a worker.
    ready: u64,
    /// Jobs that are not due yet.
    delayed: u64,
    /// Jobs that run.
    leased: u64,
    /// Dead letters.
    dead: u64,
    /// Age of the oldest waiting job in seconds; absent if none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ready_s: Option<u64>,
    /// Whether no further job is handed out.
    paused: bool,
}

/// The proof requests of all tenants that ended in a window before now. It begins with a full five minutes or hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActivityWindow)]
struct WindowDto {
    #[schema(value_type = schema::WindowName)]
    window: &'static str,
    /// Length of the window in seconds.
    length_s: u64,
    completed: u64,
    failed: u64,
    /// Time of completed requests in no stage: waiting for a worker, and loading the circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<QuantilesDto>,
    /// Time of the stage `witness`.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<QuantilesDto>,
    /// Time of the stage `prove` without the verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    prove: Option<QuantilesDto>,
    /// Time of the verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<QuantilesDto>,
    /// Time from the request to the proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<QuantilesDto>,
    /// Equal parts of the window, oldest first.
    buckets: Vec<BucketDto>,
}

/// Half and 95 % of the times are at most this, in milliseconds; up to a tenth too large.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quantiles)]
struct QuantilesDto {
    p50: u64,
    p95: u64,
}

/// Requests that ended in a part of a window.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ActivityBucket)]
struct BucketDto {
    completed: u64,
    failed: u64,
}

/// A process that runs jobs. Times are those of the database.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WorkerProcess)]
struct WorkerDto {
    /// New at every start of the process.
    #[schema(value_type = schema::WorkerId)]
    worker_id: String,
    #[schema(value_type = schema::Version)]
    version: String,
    /// Name of the prover.
    #[schema(value_type = schema::ProverName)]
    prover: String,
    /// Kernel of the prover that the processor allows.
    #[schema(value_type = schema::KernelName)]
    kernel: String,
    /// Queues whose jobs it runs.
    queues: Vec<ConcurrencyDto>,
    /// Resident memory in bytes; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[schema(value_type = schema::Time)]
    started_at: String,
    #[schema(value_type = schema::Time)]
    seen_at: String,
    /// Seconds since it was seen. A process announces itself every 15 seconds.
    silent_s: u64,
    /// Whether it was seen in the last minute. A process that ends in order is removed; a lost one after a day.
    alive: bool,
}

/// Jobs of a queue that a process runs at the same time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Concurrency)]
struct ConcurrencyDto {
    #[schema(value_type = schema::Queue)]
    queue: QueueName,
    concurrency: u32,
}

/// Silence after which a process counts as lost.
const LOST: Duration = Duration::from_secs(60);

/// Most processes in an answer.
const MOST_WORKERS: usize = 200;

impl From<SeenWorker> for WorkerDto {
    fn from(SeenWorker { process, first, last, silent }: SeenWorker) -> Self {
        let queues = process.queues.into_iter();
        Self {
            worker_id: process.id.to_string(),
            version: process.version,
            prover: process.prover,
            kernel: process.kernel,
            queues: queues.map(|(queue, concurrency)| ConcurrencyDto { queue, concurrency }).collect(),
            memory_bytes: process.memory_bytes,
            started_at: first.to_string(),
            seen_at: last.to_string(),
            silent_s: silent.as_secs(),
            alive: silent < LOST,
        }
    }
}

/// Space of the file system of a folder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Disk)]
struct DiskDto {
    #[schema(value_type = schema::FolderName)]
    folder: &'static str,
    free_bytes: u64,
    total_bytes: u64,
}

impl From<telemetry::Disk> for DiskDto {
    fn from(telemetry::Disk { folder, free_bytes, total_bytes }: telemetry::Disk) -> Self {
        Self { folder, free_bytes, total_bytes }
    }
}

/// Data of this process that can be computed or loaded again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cache)]
struct CacheDto {
    /// `circuits` in memory; the folders `artifacts`, `keys` or `modules`.
    #[schema(value_type = schema::CacheName)]
    name: &'static str,
    used_bytes: u64,
    /// Absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_bytes: Option<u64>,
    /// Uses since the start of the process that found what they need; absent of folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    /// Uses since the start of the process that did not; absent of folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    misses: Option<u64>,
}

/// A limit of what requests can make large.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BudgetState)]
struct BudgetDto {
    #[schema(value_type = schema::BudgetName)]
    name: &'static str,
    used: u64,
    limit: u64,
}

/// Get the state of the server.
#[utoipa::path(
    get, path = "/v1/overview", tag = "operations", operation_id = "getOverview",
    responses((status = 200, description = "The state of the server", body = OverviewDto))
)]
async fn overview(State(app): State<Arc<App>>) -> Result<Json<OverviewDto>, Problem> {
    let (config, caching) = (app.config.clone(), app.caches.clone());
    let measured = tokio::task::spawn_blocking(move || {
        let sizes = (telemetry::database_bytes(&config), telemetry::resident_bytes());
        (telemetry::disks(&config), telemetry::cached_bytes(&config, &caching), sizes)
    });
    let (disks, folders, (database_bytes, memory_bytes)) = measured.await.map_err(|_| Problem::internal())?;
    let checks = look(&app).await;
    // A backend that does not answer is shown as such, and leaves its part empty.
    let activity = match checks["catalog"] == OK {
        true => app.activity.read(&*app.catalog, app.now()).await.map_err(RequestError::from)?,
        false => Vec::new(),
    };
    let workers = if checks["catalog"] == OK { workers(&app).await? } else { Vec::new() };
    let queues = if checks["queue"] == OK { queues(&app).await? } else { Vec::new() };
    let config = &app.config;
    Ok(Json(OverviewDto {
        version: env!("CARGO_PKG_VERSION"),
        time: app.now().to_string(),
        uptime_s: app.started.elapsed().as_secs(),
        authentication: !config.auth.methods.is_empty(),
        warnings: app.warnings(),
        process: ProcessDto {
            kernel: Kernel::detect().name().to_owned(),
            prover: app.prover.name(),
            works: config.workers.enabled,
            proofs: config.workers.proof_concurrency,
            circuits: config.workers.keygen_concurrency,
            deployments: config.workers.deploy_concurrency,
            memory_bytes,
            database_bytes,
            templates: app.library.iter().count(),
        },
        backends: kinds(config)
            .into_iter()
            .map(|(name, kind)| BackendDto { name, kind, status: checks[name].clone() })
            .collect(),
        queues,
        activity: activity.into_iter().map(WindowDto::from).collect(),
        workers,
        disks: disks.into_iter().map(DiskDto::from).collect(),
        caches: caches(&app, folders),
        budgets: budgets(&app),
    }))
}

/// The kind of each backend.
fn kinds(config: &Config) -> [(&'static str, &'static str); 3] {
    let storage = &config.storage;
    let or = |given: bool, kind, usual| if given { kind } else { usual };
    [
        ("catalog", or(storage.mongodb_uri.is_some(), "MongoDB", "SQLite")),
        ("queue", or(storage.redis_url.is_some(), "Redis", "SQLite")),
        ("store", or(storage.s3_bucket.is_some(), "S3", "files")),
    ]
}

async fn queues(app: &App) -> Result<Vec<QueueDto>, RequestError> {
    let paused = app.pauses.paused().await;
    let mut queues = Vec::new();
    for queue in QueueName::ALL {
        let stats = app.queue.stats(queue).await?;
        queues.push(QueueDto {
            queue,
            ready: stats.ready,
            delayed: stats.delayed,
            leased: stats.leased,
            dead: stats.dead,
            oldest_ready_s: stats.oldest_ready.map(|since| app.now().since(since).as_secs()),
            paused: paused.contains(&queue),
        });
    }
    Ok(queues)
}

async fn workers(app: &App) -> Result<Vec<WorkerDto>, RequestError> {
    let mut seen = app.catalog.workers().workers().await?;
    // The order of the rest is that of their ids.
    seen.sort_by_key(|worker| {
        (worker.silent >= LOST, if worker.silent < LOST { Duration::ZERO } else { worker.silent })
    });
    seen.truncate(MOST_WORKERS);
    Ok(seen.into_iter().map(WorkerDto::from).collect())
}

fn caches(app: &App, folders: Vec<telemetry::CacheFolder>) -> Vec<CacheDto> {
    let CircuitUse { bytes, limit, hits, misses } = app.loaded.usage();
    let circuits = CacheDto {
        name: "circuits",
        used_bytes: bytes,
        limit_bytes: Some(limit),
        hits: Some(hits),
        misses: Some(misses),
    };
    let folders = folders.into_iter().map(|telemetry::CacheFolder { name, used_bytes, limit_bytes }| {
        CacheDto { name, used_bytes, limit_bytes, hits: None, misses: None }
    });
    std::iter::once(circuits).chain(folders).collect()
}

fn budgets(app: &App) -> Vec<BudgetDto> {
    let state =
        |name, budget: &Budget| BudgetDto { name, used: budget.used() as u64, limit: budget.total() as u64 };
    let budgets = &app.budgets;
    vec![
        state("bodies", &budgets.bodies),
        state("downloads", &budgets.downloads),
        state("watchers", &budgets.watchers),
    ]
}

impl From<state::Window> for WindowDto {
    fn from(window: state::Window) -> Self {
        let quantiles = |times: Option<state::Quantiles>| {
            times.map(|state::Quantiles { p50, p95 }| QuantilesDto { p50, p95 })
        };
        let bucket = |state::Bucket { completed, failed }| BucketDto { completed, failed };
        Self {
            window: window.name,
            length_s: window.length.as_secs(),
            completed: window.completed,
            failed: window.failed,
            wait: quantiles(window.wait),
            witness: quantiles(window.witness),
            prove: quantiles(window.prove),
            verify: quantiles(window.verify),
            total: quantiles(window.total),
            buckets: window.buckets.into_iter().map(bucket).collect(),
        }
    }
}
