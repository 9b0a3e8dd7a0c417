//! Opens an [`App`] on the embedded backends: everything lies in the data folder, or in memory.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zkflow_core::catalog::Catalog;
use zkflow_core::chain::SolidityCompiler;
use zkflow_core::clock::{Clock, SystemClock};
use zkflow_core::compile::tools::CircomTools;
use zkflow_core::compile::{CircomNative, CircomWasm, CircuitCompiler, CompileOptions};
use zkflow_core::prove::os_rng;
use zkflow_core::queue::JobQueue;
use zkflow_core::sandbox::{Sandbox, SandboxConfig};
use zkflow_core::setup::{DevelopmentPowers, PowersFile, PowersSource};
use zkflow_core::store::ArtifactStore;
use zkflow_core::template::{HandlebarsEngine, TemplateLibrary};
use zkflow_queue::{MemoryQueue, SqliteQueue};
use zkflow_store::{FsStore, MemoryCatalog, MemoryStore, SqliteCatalog, Vault, VaultKey, sqlite};

use crate::config::Config;
use crate::evm::{Chains, Solc};
use crate::state::{App, Changes, Verifiers};
use crate::telemetry;

/// The server could not be put together.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct OpenError {
    action: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Says what was being done when `E` happened.
fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: impl Into<String>,
) -> impl FnOnce(E) -> OpenError {
    move |error| OpenError { action: action.into(), source: error.into() }
}

/// Opens everything under `config.data_dir`, which is made if it is not there.
///
/// # Errors
/// The folder cannot be used, the circom compiler is not found, a folder of templates is wrong.
pub async fn open(config: Config, shutdown: CancellationToken) -> Result<Arc<App>, OpenError> {
    let data = config.data_dir.clone();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data)
        .map_err(failed(format!("make the data folder {}", data.display())))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let pool = sqlite::open(data.join("zkflow.db")).await.map_err(failed("open the database"))?;
    let catalog = SqliteCatalog::open(pool.clone()).await.map_err(failed("open the catalog"))?;
    let queue = SqliteQueue::open(pool, clock.clone()).await.map_err(failed("open the queue"))?;
    let store = FsStore::open(data.join("artifacts")).map_err(failed("open the artifact store"))?;
    let backends = Backends {
        catalog: Arc::new(catalog),
        store: Arc::new(store),
        queue: Arc::new(queue),
        key: vault_key(&config, &data)?,
        clock,
    };
    let caches = Caches {
        modules: Some(config.module_cache.clone().unwrap_or_else(|| data.join("modules"))),
        keys: Some(config.key_cache.clone().unwrap_or_else(|| data.join("keys"))),
    };
    let powers: Arc<dyn PowersSource> = match config.ptau_path.clone() {
        Some(path) => Arc::new(checked_powers(path, data.join("ptau").join("verified")).await?),
        None => Arc::new(DevelopmentPowers::in_folder(data.join("ptau"))),
    };
    assemble(config, backends, caches, powers, shutdown).await
}

/// As [`open`], with nothing in a data folder: all is forgotten when the [`App`] is dropped. Only
/// translated WebAssembly is kept, where `config.module_cache` says.
///
/// # Errors
/// The circom compiler is not found, a folder of templates is wrong.
pub async fn in_memory(config: Config, shutdown: CancellationToken) -> Result<Arc<App>, OpenError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backends = Backends {
        catalog: Arc::new(MemoryCatalog::new()),
        store: Arc::new(MemoryStore::new()),
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        key: VaultKey::generate(),
        clock,
    };
    let caches = Caches { modules: config.module_cache.clone(), keys: config.key_cache.clone() };
    assemble(config, backends, caches, Arc::new(DevelopmentPowers::in_memory()), shutdown).await
}

/// Folders of what can be computed again.
struct Caches {
    modules: Option<PathBuf>,
    keys: Option<PathBuf>,
}

/// Where things are kept.
struct Backends {
    catalog: Arc<dyn Catalog>,
    store: Arc<dyn ArtifactStore>,
    queue: Arc<dyn JobQueue>,
    key: VaultKey,
    clock: Arc<dyn Clock>,
}

async fn assemble(
    config: Config,
    backends: Backends,
    caches: Caches,
    powers: Arc<dyn PowersSource>,
    shutdown: CancellationToken,
) -> Result<Arc<App>, OpenError> {
    let Backends { catalog, store, queue, key, clock } = backends;
    let vault = Vault::new(key, store.clone());
    vault.claim().await.map_err(failed("use the key that seals private inputs"))?;
    let prover =
        config.prover.open(config.native_options(caches.keys)).map_err(failed("start the prover"))?;
    let (tools, config) =
        tokio::task::spawn_blocking(move || tools(&config, caches.modules).map(|tools| (tools, config)))
            .await
            .map_err(failed("load the tools"))??;
    let chains = Chains::open(&config, tools.solidity).map_err(failed("prepare deployments"))?;
    tracing::debug!(compiler = tools.compiler.version(), "opened");
    Ok(Arc::new(App {
        catalog,
        vault,
        store,
        queue,
        library: tools.library,
        engine: Arc::new(HandlebarsEngine),
        compiler: tools.compiler,
        compile_options: CompileOptions::default(),
        include_roots: tools.include_roots,
        sandbox: tools.sandbox,
        powers,
        beacon: config.keygen_beacon().map_err(failed("use keygen_beacon"))?,
        prover,
        chains,
        clock,
        changes: Changes::default(),
        watchers: Arc::new(Semaphore::new(config.max_watchers)),
        verifiers: Verifiers::new(std::thread::available_parallelism().map_or(1, usize::from)),
        shutdown,
        metrics: telemetry::metrics(),
        started: Instant::now(),
        config,
    }))
}

/// The operator's powers of tau. Checking a large file takes minutes, and is done once for each.
async fn checked_powers(path: PathBuf, verified: PathBuf) -> Result<PowersFile, OpenError> {
    let action = format!("use PTAU_PATH {}", path.display());
    tracing::info!(path = %path.display(), "checking the powers of tau");
    let check = move || PowersFile::check(path, Some(&verified), &mut os_rng());
    let file =
        tokio::task::spawn_blocking(check).await.map_err(failed(action.clone()))?.map_err(failed(action))?;
    tracing::info!(origin = %file.origin(), blake2b = hex::encode(file.hash()), "powers of tau");
    Ok(file)
}

fn vault_key(config: &Config, data: &Path) -> Result<VaultKey, OpenError> {
    match &config.secret_key {
        Some(key) => VaultKey::parse(key.expose()).map_err(failed("use ZKFLOW_SECRET_KEY")),
        None => VaultKey::load_or_create(&data.join("secret.key"))
            .map_err(failed("use the key in the data folder")),
    }
}

/// What templates are compiled with.
struct Tools {
    library: TemplateLibrary,
    compiler: Arc<dyn CircuitCompiler>,
    include_roots: Vec<PathBuf>,
    sandbox: Arc<Sandbox>,
    /// Deployments alone need it: without it the rest works.
    solidity: Result<Arc<dyn SolidityCompiler>, String>,
}

fn tools(config: &Config, modules: Option<PathBuf>) -> Result<Tools, OpenError> {
    let mut library = TemplateLibrary::builtin();
    for folder in &config.templates {
        library = library
            .with_folder(folder)
            .map_err(failed(format!("read the templates in {}", folder.display())))?;
    }
    let found = CircomTools::discover().map_err(failed("find circom and circomlib"))?;
    let sandbox = Sandbox::new(SandboxConfig { cache_dir: modules, ..SandboxConfig::default() })
        .map_err(failed("make the sandbox"))?;
    let limits = config.compile_limits();
    let compiler: Arc<dyn CircuitCompiler> = match &config.circom_path {
        Some(path) => Arc::new(
            CircomNative::new(path, limits).map_err(failed(format!("use CIRCOM_PATH {}", path.display())))?,
        ),
        None => Arc::new(
            CircomWasm::new(sandbox.clone(), &found.circom_wasm, limits)
                .map_err(failed("load the circom compiler"))?,
        ),
    };
    let solidity = Solc::find(config.solc_path.as_deref())
        .map(|solc| Arc::new(solc) as Arc<dyn SolidityCompiler>)
        .map_err(|error| error.to_string());
    Ok(Tools { library, compiler, include_roots: found.include_roots, sandbox, solidity })
}
