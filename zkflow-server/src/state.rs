//! [`App`]: state shared by requests and workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use zkflow_core::compile::{CompileOptions, Compilers};
use zkflow_core::prove::Prover;
use zkflow_core::sandbox::Sandbox;
use zkflow_core::service::catalog::{Catalog, CatalogError, Collection, Stored};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::ledger::{Entered, Ledger};
use zkflow_core::service::queue::{JobQueue, LeaseToken};
use zkflow_core::service::store::ArtifactStore;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::setup::{Beacon, PowersSource, RecordKey};
use zkflow_core::template::{TemplateEngine, TemplateLibrary};
use zkflow_store::Vault;

use crate::auth::Authenticator;
use crate::callbacks::KnownHooks;
#[cfg(feature = "evm")]
use crate::callbacks::Postman;
use crate::config::Config;
use crate::maintenance::Data;
#[cfg(feature = "evm")]
use zkflow_evm::Chains;

mod activity;
mod addresses;
mod budgets;
mod changes;
mod circuits;
mod cpu;
mod loaded;
mod meters;
mod pauses;
mod probes;
mod rates;
mod reserves;
mod shares;
mod tenants;
mod turns;
#[cfg(feature = "evm")]
mod verdicts;
mod verifiers;
mod warnings;

pub(crate) use crate::network::network;
pub use crate::paces::Paces;
pub use activity::{ActivityLog, Bucket, Quantiles, Window};
pub(crate) use budgets::LOCAL;
pub use budgets::{Budget, Budgets, ClientAddress, Exhausted, Held};
pub use changes::{Changes, Subscription};
pub(crate) use cpu::CpuStage;
pub use cpu::CpuTime;
pub use loaded::{CacheFolders, CircuitUse, LoadedCircuits};
pub use meters::{Meter, Meters};
pub use pauses::Pauses;
pub use probes::Probes;
pub(crate) use probes::{Fault, OK, Outcomes};
pub use rates::{Rate, Rates};
pub use reserves::{Grant, Quota, SharedRates};
pub use tenants::TenantMetrics;
pub use turns::{Turn, Turns};
#[cfg(feature = "evm")]
pub use verdicts::{Asker, Question, Verdict, Verdicts};
pub use verifiers::Verifiers;

/// State shared by requests and workers, as `Arc<App>`.
#[derive(Debug)]
pub struct App {
    /// Effective settings.
    pub config: Config,
    /// Finds out who a request comes from.
    pub authenticator: Authenticator,
    /// Documents; authoritative for all state.
    pub catalog: Arc<dyn Catalog>,
    /// Artifacts of circuits, and sealed inputs.
    pub store: Arc<dyn ArtifactStore>,
    /// Id that the catalog and the store contain.
    pub installation: InstallationId,
    /// What the checks of the backends found so far.
    pub probes: Probes,
    /// Jobs; lost ones are restored from the catalog. Hands out no jobs of paused queues.
    pub queue: Arc<dyn JobQueue>,
    /// Writes documents together with their jobs.
    pub ledger: Arc<dyn Ledger>,
    /// Queues whose jobs are not handed out.
    pub pauses: Arc<Pauses>,
    /// Counts what ends in this process; reads throughput and latencies of all processes.
    pub activity: ActivityLog,
    /// Seals private inputs and secrets of deployments.
    pub vault: Vault,
    /// All available templates.
    pub library: TemplateLibrary,
    /// Renders templates to Circom source.
    pub engine: Arc<dyn TemplateEngine>,
    /// Compile rendered templates, and imported sources.
    pub compilers: Compilers,
    /// Options of the compiler; part of a circuit's identity.
    pub compile_options: CompileOptions,
    /// Folders in which includes are searched.
    pub include_roots: Vec<PathBuf>,
    /// Runs WebAssembly modules.
    pub sandbox: Arc<Sandbox>,
    /// Source of the powers of tau for key generation.
    pub powers: Arc<dyn PowersSource>,
    /// Public beacon that ends phase 2 of generated keys; `None`: no beacon.
    pub beacon: Option<Beacon>,
    /// Key of the records of setups, derived from the vault's key.
    pub record_key: RecordKey,
    /// Prover chosen by the settings.
    pub prover: Arc<dyn Prover>,
    /// Nodes, signers and rules of deployments.
    #[cfg(feature = "evm")]
    pub chains: Chains,
    /// Verdicts on the keys of contracts.
    #[cfg(feature = "evm")]
    pub verdicts: Verdicts,
    /// Addresses and secrets of tenants.
    pub hooks: KnownHooks,
    /// Sends events to callbacks.
    #[cfg(feature = "evm")]
    pub postman: Postman,
    /// Source of the present time.
    pub clock: Arc<dyn Clock>,
    /// Notifies waiting requests of changed documents.
    pub changes: Changes,
    /// Limits of what requests can make large.
    pub budgets: Budgets,
    /// Limits of the requests of each caller.
    pub rates: Rates,
    /// Limits of the entries of the audit log that each tenant causes.
    pub entries: Paces<TenantId>,
    /// Metrics by tenant.
    pub tenant_metrics: TenantMetrics,
    /// Processor time of the work of this process.
    pub cpu: CpuTime,
    /// What the tenants with a plan owe and have used.
    pub meters: Meters,
    /// Limit of concurrent verifications, and a cache of prepared keys.
    pub verifiers: Verifiers,
    /// Limit of requests that render a template at the same time.
    pub renderings: Turns,
    /// Requests that ask a node of a chain and wait for its answer.
    #[cfg(feature = "evm")]
    pub node_calls: Turns,
    /// Circuits that are ready to prove.
    pub loaded: LoadedCircuits,
    /// Held while an upload is created.
    pub uploads: tokio::sync::Mutex<()>,
    /// Folders of data that can be computed or fetched again.
    pub caches: CacheFolders,
    /// Folder for files during a job; `None`: that of the system.
    pub scratch: Option<PathBuf>,
    /// Cancelled at shutdown: waiting requests return, workers lease no more jobs.
    pub shutdown: CancellationToken,
    /// Renders the metrics in Prometheus format.
    pub metrics: PrometheusHandle,
    /// Start of the process.
    pub started: Instant,
}

impl App {
    /// Present time of the clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The documents and artifacts.
    pub fn data(&self) -> Data {
        Data {
            catalog: Arc::clone(&self.catalog),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            vault: self.vault.clone(),
        }
    }

    /// Collection of one kind of document.
    pub fn documents<D: Stored>(&self) -> &dyn Collection<D> {
        D::collection(&*self.catalog)
    }

    /// Deletes a document in whatever state it is by now.
    ///
    /// # Errors
    /// The catalog fails.
    pub async fn erase<D: Stored>(&self, mut document: D) -> Result<(), CatalogError> {
        loop {
            match self.documents().delete(&document).await {
                Err(CatalogError::Stale(_)) => match self.documents().get(document.id()).await? {
                    Some(present) => document = present,
                    None => return Ok(()),
                },
                deleted => return deleted,
            }
        }
    }

    /// Writes a changed document and notifies the requests that wait for it.
    ///
    /// # Errors
    /// See [`Collection::replace`].
    pub async fn save<D: Stored>(&self, document: D) -> Result<D, CatalogError> {
        let saved = self.documents().replace(document).await?;
        self.changes.notify(&saved.id().to_string());
        Ok(saved)
    }

    /// Writes a final document together with the end of its job, and notifies the requests that wait for it.
    ///
    /// # Errors
    /// See [`Entries::finish`](zkflow_core::service::ledger::Entries::finish).
    pub async fn finish<D: Entered>(
        &self,
        document: D,
        token: &LeaseToken,
    ) -> Result<(D, bool), CatalogError> {
        let (saved, completed) = D::entries(&*self.ledger).finish(document, token).await?;
        self.changes.notify(&saved.id().to_string());
        Ok((saved, completed))
    }
}
