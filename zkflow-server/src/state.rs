//! [`App`]: all that requests and workers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use zkflow_core::compile::{CircuitCompiler, CompileOptions};
use zkflow_core::prove::Prover;
use zkflow_core::sandbox::Sandbox;
use zkflow_core::service::catalog::{Catalog, CatalogError, Collection, Stored};
use zkflow_core::service::clock::{Clock, Timestamp};
use zkflow_core::service::queue::JobQueue;
use zkflow_core::service::store::ArtifactStore;
use zkflow_core::setup::{Beacon, PowersSource};
use zkflow_core::template::{TemplateEngine, TemplateLibrary};
use zkflow_store::Vault;

use crate::config::Config;
#[cfg(feature = "evm")]
use zkflow_evm::Chains;

mod changes;
mod circuits;
mod verifiers;

pub use changes::{Changes, Subscription};
pub use verifiers::{Turn, Verifiers};

/// All that requests and workers share; held as `Arc<App>`.
#[derive(Debug)]
pub struct App {
    /// The effective settings.
    pub config: Config,
    /// The documents: the truth.
    pub catalog: Arc<dyn Catalog>,
    /// The artifacts of circuits, and sealed inputs.
    pub store: Arc<dyn ArtifactStore>,
    /// The jobs: a transport.
    pub queue: Arc<dyn JobQueue>,
    /// Seals private inputs.
    pub vault: Vault,
    /// The templates there are.
    pub library: TemplateLibrary,
    /// Renders templates.
    pub engine: Arc<dyn TemplateEngine>,
    /// Compiles what was rendered.
    pub compiler: Arc<dyn CircuitCompiler>,
    /// With these options, which are part of a circuit's identity.
    pub compile_options: CompileOptions,
    /// Where includes are looked for.
    pub include_roots: Vec<PathBuf>,
    /// Runs WebAssembly.
    pub sandbox: Arc<Sandbox>,
    /// Where powers of tau come from when keys are made.
    pub powers: Arc<dyn PowersSource>,
    /// The public value that ends phase 2 of keys made here.
    pub beacon: Option<Beacon>,
    /// Makes proofs.
    pub prover: Arc<dyn Prover>,
    /// The nodes, signers and rules of deployments.
    #[cfg(feature = "evm")]
    pub chains: Chains,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Wakes those who wait for a document to change.
    pub changes: Changes,
    /// Permits of long-polls and event streams.
    pub watchers: Arc<Semaphore>,
    /// Turns and prepared keys of verifications.
    pub verifiers: Verifiers,
    /// Cancelled when the process is told to stop: waiting requests answer, workers take no more.
    pub shutdown: CancellationToken,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// When the process started.
    pub started: Instant,
}

impl App {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The documents of one kind.
    pub fn documents<D: Stored>(&self) -> &dyn Collection<D> {
        D::collection(&*self.catalog)
    }

    /// Writes a changed document, and wakes the requests that wait for it.
    ///
    /// # Errors
    /// As [`Collection::replace`].
    pub async fn save<D: Stored>(&self, document: D) -> Result<D, CatalogError> {
        let saved = self.documents().replace(document).await?;
        self.changes.notify(&saved.id().to_string());
        Ok(saved)
    }
}
