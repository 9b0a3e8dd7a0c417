//! Opens an [`App`] on the configured backends. Unconfigured ones are in the data folder, or in memory with
//! [`in_memory`].

mod built;
mod data;
#[cfg(feature = "mongodb")]
mod mongodb;
mod pausable;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "s3")]
mod s3;
mod sealing;
#[cfg(feature = "redis")]
mod time;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{self, CircomNative, CircomWasm, CircuitCompiler, CompileOptions, Compilers};
use zkflow_core::confined::Kernel;
use zkflow_core::prove::Provers;
use zkflow_core::rng::os_rng;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
#[cfg(feature = "evm")]
use zkflow_core::service::catalog::CatalogSpending;
#[cfg(feature = "evm")]
use zkflow_core::service::chain::SolidityCompiler;
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::ledger::Ledger;
use zkflow_core::service::queue::{JobQueue, QueueName};
use zkflow_core::setup::{CheckedPowers, DevelopmentPowers, PowersFile, PowersSource, StepOptions};
use zkflow_core::template::{HandlebarsEngine, TemplateLibrary};
use zkflow_queue::{Apart, MemoryQueue, SqliteLedger, SqliteQueue};
#[cfg(feature = "s3")]
use zkflow_store::S3Reader;

use crate::auth::Authenticator;
use crate::callbacks::KnownHooks;
#[cfg(feature = "evm")]
use crate::callbacks::Postman;
use crate::config::Config;
use crate::maintenance::Data;
use crate::maintenance::binding::bind;
use crate::state::{
    ActivityLog, App, Budgets, CacheFolders, Changes, CpuTime, LoadedCircuits, Meters, Paces, Pauses, Probes,
    Rates, SharedRates, TenantMetrics, Turns, Verifiers,
};
use crate::telemetry;
#[cfg(feature = "evm")]
use zkflow_evm::{Book, Chains, Policy, Solc};

/// Folder of artifacts in the data folder.
const ARTIFACTS: &str = "artifacts";

pub use zkflow_store::KeyRing;

/// File of the keys that seal private inputs, in the data folder.
pub const KEY_FILE: &str = "secret.key";

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct OpenError {
    action: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Wraps an error with the action that failed.
fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: impl Into<String>,
) -> impl FnOnce(E) -> OpenError {
    move |error| OpenError { action: action.into(), source: error.into() }
}

/// Opens all backends for work on every queue; see [`open_for`].
///
/// # Errors
/// Those of [`open_for`].
pub async fn open(
    config: Config,
    provers: Provers,
    shutdown: CancellationToken,
) -> Result<Arc<App>, OpenError> {
    open_for(&QueueName::ALL, config, provers, shutdown).await
}

/// Opens all backends for a process that works on `queues`; creates `config.storage.data_dir` if it is missing. Only a process
/// that makes deployments opens keys of signers, and only one that makes proofs must have the private keys of inputs.
///
/// # Errors
/// The configured prover is unknown or the folder is unusable; a backend does not answer; the circom
/// compiler is missing or a folder of templates is invalid.
pub async fn open_for(
    queues: &[QueueName],
    config: Config,
    provers: Provers,
    shutdown: CancellationToken,
) -> Result<Arc<App>, OpenError> {
    built::check(&config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    provers.check(&config.proving.prover).map_err(failed("choose the prover"))?;
    let folder = config.storage.data_dir.clone();
    #[cfg_attr(not(feature = "redis"), expect(unused_mut, reason = "only Redis has a time of its own"))]
    let data::Opened { mut data, database, bound } = data::open(&config).await?;
    let installation = bind(&data).await.map_err(failed("use the catalog and the artifact store"))?;
    bound.bind(installation.clone());
    let catalog = data.catalog.clone();
    let apart = |queue: &Arc<dyn JobQueue>| Arc::new(Apart::new(catalog.clone(), queue.clone()));
    let jobs = match &config.storage.redis_url {
        #[cfg(feature = "redis")]
        Some(url) => {
            let namespace = config.storage.redis_namespace.as_str();
            let redis::Opened { queue, changes, clock, rates } = redis::open(url, namespace).await?;
            // One clock for documents and jobs, whatever those of the machines say.
            data.clock = clock;
            Jobs { ledger: apart(&queue), queue, changes, rates: Some(rates) }
        }
        _ => {
            let queue = SqliteQueue::open(database.open().await?, data.clock.clone());
            let file = Arc::new(queue.await.map_err(failed("open the queue"))?);
            let queue: Arc<dyn JobQueue> = file.clone();
            let ledger: Arc<dyn Ledger> = match config.storage.mongodb_uri {
                None => Arc::new(SqliteLedger::new(file)),
                Some(_) => apart(&queue),
            };
            Jobs { queue, ledger, changes: Changes::default(), rates: None }
        }
    };
    let caches = CacheFolders {
        artifacts: config.storage.s3_bucket.as_ref().map(|_| config.storage.artifact_cache_in(&folder)),
        modules: Some(config.circuits.module_cache.clone().unwrap_or_else(|| folder.join("modules"))),
        keys: Some(config.proving.key_cache.clone().unwrap_or_else(|| folder.join("keys"))),
    };
    let scratch = Some(folder.join("scratch"));
    let powers: Arc<dyn PowersSource> = match config.circuits.ptau_path.clone() {
        Some(path) => {
            let checked = CheckedPowers::new(folder.join("ptau").join("verified"), data.record_key());
            Arc::new(checked_powers(path, Some(checked)).await?)
        }
        None => Arc::new(DevelopmentPowers::in_folder(folder.join("ptau"))),
    };
    let backends = Backends { data, installation, jobs };
    assemble(config, provers, backends, (caches, scratch), powers, queues, shutdown).await
}

/// Opens the documents and artifacts of `config` alone, for work on the stored data. They need not belong together.
///
/// # Errors
/// A backend does not answer, or the secret key is another one than before.
pub async fn data(config: &Config) -> Result<Data, OpenError> {
    built::check(config)?;
    let data::Opened { data, .. } = data::open(config).await?;
    data.vault.check().await.map_err(failed("use the key that seals private inputs"))?;
    Ok(data)
}

/// Opens a bucket of the Node service, at the endpoint and with the credentials of the settings. Writes nothing to it.
///
/// # Errors
/// There is no such bucket, or it cannot be read.
#[cfg(feature = "s3")]
pub async fn foreign_bucket(bucket: &str, config: &Config) -> Result<S3Reader, OpenError> {
    let reader = S3Reader::open(s3::settings(bucket, config)).await;
    reader.map_err(failed("open the bucket of the Node service"))
}

/// Refuses to start a separate worker without shared data. Unconfigured backends are in the data folder,
/// which a server on this machine must have created.
///
/// # Errors
/// The data folder has no data of a server.
pub fn check_shared(config: &Config) -> Result<(), OpenError> {
    let data = &config.storage.data_dir;
    let in_database = config.storage.mongodb_uri.is_none() || config.storage.redis_url.is_none();
    let in_folder = config.storage.s3_bucket.is_none();
    if (!in_database || config.storage.database().is_file()) && (!in_folder || data.join(ARTIFACTS).is_dir())
    {
        return Ok(());
    }
    let detail = format!(
        "{} contains no data of another process: start `zkflow serve` with this data_dir on this machine \
         first; without REDIS_URL, MONGODB_URI and S3_BUCKET, it contains the jobs, documents and artifacts, \
         and processes on other machines cannot share them",
        data.display()
    );
    Err(failed("work for another process")(detail))
}

/// Like [`open`], but stores all state in memory until the [`App`] is dropped. Compiled WebAssembly modules
/// and prepared keys are stored in the configured cache folders, if any. Powers of tau of `PTAU_PATH` are verified at
/// every start.
///
/// # Errors
/// The configured prover is unknown, the circom compiler is missing, or a folder of templates is invalid.
pub async fn in_memory(
    config: Config,
    provers: Provers,
    shutdown: CancellationToken,
) -> Result<Arc<App>, OpenError> {
    let data = data::in_memory();
    let installation = bind(&data).await.map_err(failed("use the catalog and the artifact store"))?;
    let queue: Arc<dyn JobQueue> = Arc::new(MemoryQueue::new(data.clock.clone()));
    let ledger = Arc::new(Apart::new(data.catalog.clone(), queue.clone()));
    let jobs = Jobs { queue, ledger, changes: Changes::default(), rates: None };
    let backends = Backends { data, installation, jobs };
    let caches = CacheFolders {
        artifacts: None,
        modules: config.circuits.module_cache.clone(),
        keys: config.proving.key_cache.clone(),
    };
    let powers: Arc<dyn PowersSource> = match config.circuits.ptau_path.clone() {
        Some(path) => Arc::new(checked_powers(path, None).await?),
        None => Arc::new(DevelopmentPowers::in_memory()),
    };
    assemble(config, provers, backends, (caches, None), powers, &QueueName::ALL, shutdown).await
}

/// Requests that wait to render a template, per running one.
const RENDERINGS: usize = 64;

/// Requests that wait for the answer of a node, and as many that wait for their turn.
#[cfg(feature = "evm")]
const NODE_CALLS: usize = 32;

/// The opened backends.
struct Backends {
    data: Data,
    installation: InstallationId,
    jobs: Jobs,
}

/// The queue, what writes to it, the news of changed documents, and the pace of callers in all processes.
struct Jobs {
    queue: Arc<dyn JobQueue>,
    ledger: Arc<dyn Ledger>,
    changes: Changes,
    rates: Option<Arc<dyn SharedRates>>,
}

async fn assemble(
    config: Config,
    provers: Provers,
    backends: Backends,
    (caches, scratch): (CacheFolders, Option<PathBuf>),
    powers: Arc<dyn PowersSource>,
    queues: &[QueueName],
    shutdown: CancellationToken,
) -> Result<Arc<App>, OpenError> {
    let Backends { data, installation, jobs: Jobs { queue, ledger, changes, rates } } = backends;
    let record_key = data.record_key();
    let Data { catalog, store, clock, vault } = data;
    vault.claim().await.map_err(failed("use the key that seals private inputs"))?;
    sealing::agree(&*store, vault.sealing(), queues).await?;
    let pauses = Arc::new(Pauses::new(store.clone()));
    let queue = Arc::new(pausable::Pausable::new(queue, pauses.clone()));
    let prover = provers
        .open(&config.proving.prover, config.proving.native_options(caches.keys.clone()))
        .map_err(failed("start the prover"))?;
    let modules = caches.modules.clone();
    let (tools, mut config) =
        tokio::task::spawn_blocking(move || tools(&config, modules).map(|tools| (tools, config)))
            .await
            .map_err(failed("load the tools"))??;
    // Only signers need them from here on: a process that does not sign forgets them.
    let variables = std::mem::take(&mut config.variables);
    #[cfg(feature = "evm")]
    let chains = config.chain.settings(queues.contains(&QueueName::Deploy), &variables);
    drop(variables);
    #[cfg(feature = "evm")]
    let book = Book { spending: Arc::new(CatalogSpending(catalog.clone())), clock: clock.clone() };
    #[cfg(feature = "evm")]
    let chains = Chains::open(chains, tools.solidity, book).map_err(failed("prepare deployments"))?;
    // A key that replaced others names only the first of them, so its own id in a plan would end with it.
    for key in config.plans.keys() {
        let found = catalog.keys().key(&key).await.map_err(failed("read the keys of plans"))?;
        match found {
            Some(found) => found.first.iter().for_each(|first| config.plans.replaced(&key, first)),
            None => tracing::warn!(%key, "a plan names a key that does not exist"),
        }
    }
    let authenticator = Authenticator::new(&config.auth, &config.http, catalog.clone(), clock.clone())
        .map_err(failed("prepare the authentication"))?;
    tracing::debug!(compilers = tools.compilers.versions().join(", "), "opened");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let app = Arc::new(App {
        record_key,
        authenticator,
        catalog,
        vault,
        store,
        installation,
        probes: Probes::default(),
        queue,
        ledger,
        pauses,
        activity: ActivityLog::default(),
        library: tools.library,
        engine: Arc::new(HandlebarsEngine),
        compilers: tools.compilers,
        compile_options: CompileOptions::default(),
        include_roots: tools.include_roots,
        sandbox: tools.sandbox,
        powers,
        beacon: config.circuits.keygen_beacon.clone(),
        prover,
        #[cfg(feature = "evm")]
        chains,
        #[cfg(feature = "evm")]
        verdicts: crate::state::Verdicts::new(config.tenant_share_percent()),
        hooks: KnownHooks::default(),
        #[cfg(feature = "evm")]
        postman: Postman::new(
            Policy { local: config.webhooks.local_callbacks },
            config.webhooks.callback_concurrency as usize,
        ),
        clock,
        changes,
        budgets: Budgets::new(&config.http),
        rates: Rates::new(&config.limits, &config.plans).with(rates),
        entries: Paces::per_hour(config.limits.changes_per_hour),
        tenant_metrics: TenantMetrics::new(config.http.metrics_tenants),
        cpu: CpuTime::default(),
        meters: Meters::default(),
        verifiers: Verifiers::new(processors, config.tenant_share_percent()),
        renderings: Turns::new(processors, processors.saturating_mul(RENDERINGS))
            .with_share(config.tenant_share_percent()),
        #[cfg(feature = "evm")]
        node_calls: Turns::new(NODE_CALLS, NODE_CALLS).with_share(config.tenant_share_percent()),
        loaded: LoadedCircuits::new(config.proving.circuit_cache_bytes()),
        uploads: tokio::sync::Mutex::default(),
        caches,
        scratch,
        shutdown,
        metrics: telemetry::metrics(),
        started: Instant::now(),
        config,
    });
    tokio::spawn(sealing::repeat_claim(Arc::downgrade(&app)));
    Ok(app)
}

/// Opens the operator's powers of tau. Checking a large file takes minutes; each file is checked once.
async fn checked_powers(path: PathBuf, checked: Option<CheckedPowers>) -> Result<PowersFile, OpenError> {
    let action = format!("use PTAU_PATH {}", path.display());
    tracing::info!(path = %path.display(), "checking the powers of tau");
    let check = move || {
        PowersFile::check(path, checked.as_ref(), &mut os_rng(), StepOptions::default())?.for_production()
    };
    let file =
        tokio::task::spawn_blocking(check).await.map_err(failed(action.clone()))?.map_err(failed(action))?;
    tracing::info!(origin = %file.origin(), blake2b = hex::encode(file.hash()), "powers of tau");
    Ok(file)
}

/// Tools that turn templates into circuits and contracts.
struct Tools {
    library: TemplateLibrary,
    compilers: Compilers,
    include_roots: Vec<PathBuf>,
    sandbox: Arc<Sandbox>,
    /// An error only disables deployments.
    #[cfg(feature = "evm")]
    solidity: Result<Arc<dyn SolidityCompiler>, String>,
}

fn tools(config: &Config, modules: Option<PathBuf>) -> Result<Tools, OpenError> {
    let mut library = TemplateLibrary::builtin().allow_override(config.circuits.allow_template_override);
    for folder in &config.circuits.templates {
        let unusable = library
            .add_folder(folder)
            .map_err(failed(format!("read the templates in {}", folder.display())))?;
        for error in unusable {
            tracing::error!("a template is left out: {}", zkflow_core::error::Chain(&error));
        }
    }
    for template in library.iter() {
        for warning in &template.warnings {
            tracing::warn!(template = %template.name, "{warning}");
        }
    }
    let sandbox = Sandbox::new(SandboxConfig { cache_dir: modules, ..SandboxConfig::default() })
        .map_err(failed("create the sandbox"))?;
    let kernel = Kernel::current();
    if !kernel.confines() {
        tracing::warn!("native tools are not fully confined: {kernel}");
    }
    let limits = config.limits.compile(config.circuits.circom_path.is_some());
    let (compiler, include_roots): (Arc<dyn CircuitCompiler>, _) = match &config.circuits.circom_path {
        Some(path) => {
            let compiler = CircomNative::new(path, limits)
                .map_err(failed(format!("use CIRCOM_PATH {}", path.display())))?;
            (Arc::new(compiler), CircomTools::include_roots().map_err(failed("find circomlib"))?)
        }
        None => {
            let found = CircomTools::discover().map_err(failed("find circom and circomlib"))?;
            let compiler = CircomWasm::new(sandbox.clone(), &found.circom_wasm, limits)
                .map_err(failed("load the circom compiler"))?;
            (Arc::new(compiler), found.include_roots)
        }
    };
    let mut others = Vec::new();
    for path in &config.circuits.circom_versions {
        let found = compile::open(path, &sandbox, |is_native| config.limits.compile(is_native));
        others.push(found.map_err(failed(format!("use ZKFLOW_CIRCOM_VERSIONS {}", path.display())))?);
    }
    #[cfg(feature = "evm")]
    let solidity = Solc::find(config.chain.solc_path.as_deref())
        .map(|solc| Arc::new(solc) as Arc<dyn SolidityCompiler>)
        .map_err(|error| error.to_string());
    Ok(Tools {
        library,
        compilers: Compilers::new(compiler, others),
        include_roots,
        sandbox,
        #[cfg(feature = "evm")]
        solidity,
    })
}
