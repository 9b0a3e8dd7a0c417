//! A data folder with a circuit, a completed and a pending proof request, and copies of it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use zkflow_core::id::CircuitId;
use zkflow_core::inputs::NumberRule;
use zkflow_core::prove::Provers;
use zkflow_core::service::catalog::{Circuit, Document as _, ProofRequest, ProofStatus};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::ArtifactKey;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::config::Config;
use zkflow_server::maintenance::Data;
use zkflow_server::service::proofs::NewProof;
use zkflow_server::service::{self, GivenInputs, ProofInputs};
use zkflow_server::state::App;
use zkflow_server::{backends, work};

/// A data folder, and what it contains.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    /// The only circuit.
    pub(crate) circuit: Circuit,
    /// A request that no worker has begun.
    pub(crate) pending: ProofId,
    /// A copy of the catalog from before the circuit.
    pub(crate) old_catalog: TempDir,
}

impl Installation {
    /// Another folder with the same content. The first one is never opened again.
    pub(crate) fn copy(&self) -> Self {
        Self {
            folder: copied(self.folder.path()),
            circuit: self.circuit.clone(),
            pending: self.pending.clone(),
            old_catalog: copied(self.old_catalog.path()),
        }
    }
}

/// Copies a folder whose servers have ended, or are about to: the last connection removes the log of the database when it
/// is closed. A copy in which a file vanished is made again.
fn copied(folder: &Path) -> TempDir {
    for _ in 0..50 {
        let copy = tempfile::tempdir().unwrap();
        match copy_folder(folder, copy.path()) {
            Ok(()) => return copy,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{} changes all the time", folder.display());
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The installation that all tests copy.
pub(crate) async fn installation() -> &'static Installation {
    static MADE: OnceCell<Installation> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let folder = tempfile::tempdir().unwrap();
        drop(open_again(folder.path()).await);
        let old_catalog = copied(folder.path());

        let server = open_again(folder.path()).await;
        let params = json!({"min": 18, "max": 120, "bits": 8}).as_object().unwrap().clone();
        let asked = service::circuits::request(
            &server.app,
            &TenantId::default(),
            None,
            "rangeCheck".parse().unwrap(),
            params,
            None,
            None,
        )
        .await
        .unwrap();
        server.work(&[QueueName::KeyGeneration]);
        let circuit = loop {
            let circuit: Circuit = service::get(&server.app, &asked.id).await.unwrap();
            if circuit.is_final() {
                break circuit;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(circuit.life.error, None);
        drop(server);
        open_again(folder.path()).await.prove(&circuit.id).await;
        let server = open_again(folder.path()).await;
        let pending = server.request(&circuit.id).await;
        drop(server);
        Installation { folder, circuit, pending, old_catalog }
    })
    .await
}

/// The documents and artifacts in a data folder.
pub(crate) async fn data(folder: &Path) -> Data {
    backends::data(&config(folder)).await.unwrap()
}

/// Starts a server on a data folder; the error with its causes.
pub(crate) async fn open(folder: &Path) -> Result<Server, String> {
    let opened = backends::open(config(folder), Provers::default(), CancellationToken::new()).await;
    opened.map(|app| Server { app }).map_err(|error| {
        let error: &dyn std::error::Error = &error;
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })
}

/// Starts a server on a data folder.
pub(crate) async fn open_again(folder: &Path) -> Server {
    open(folder).await.unwrap()
}

/// Overwrites the first bytes of an artifact.
pub(crate) fn damage(folder: &Path, key: &ArtifactKey) {
    let path = folder.join("artifacts").join(format!("{key}@"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[..4].copy_from_slice(b"\0\0\0\0");
    bytes[4] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A server on a data folder; its work ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
}

impl Server {
    pub(crate) fn work(&self, queues: &'static [QueueName]) {
        let app = self.app.clone();
        tokio::spawn(async move { work::run(app, queues).await });
    }

    async fn request(&self, circuit: &CircuitId) -> ProofId {
        let map = |value: serde_json::Value| value.as_object().unwrap().clone();
        let (private, public) = (map(json!({"age": "42"})), map(json!({"randomPublicSignal": "7"})));
        let inputs = GivenInputs::new(private, public, NumberRule::Exact);
        let new = NewProof {
            circuit: circuit.clone().into(),
            inputs: ProofInputs::Open(inputs),
            tenant: TenantId::default(),
            user_id: None,
            idempotency_key: None,
            callback: None,
            origin: None,
        };
        service::proofs::request(&self.app, new).await.unwrap().id
    }

    /// Makes a proof.
    pub(crate) async fn prove(&self, circuit: &CircuitId) {
        let id = self.request(circuit).await;
        self.completed(&id).await;
    }

    /// Waits until a request is completed, and returns it.
    pub(crate) async fn completed(&self, id: &ProofId) -> ProofRequest {
        self.work(&[QueueName::ProofGeneration, QueueName::Cleanup]);
        let proof = self.until(id, ProofRequest::is_final).await;
        assert_eq!(proof.life.status, ProofStatus::Completed, "{:?}", proof.life.error);
        proof
    }

    /// Waits until a request is as `is_it` expects, and returns it.
    pub(crate) async fn until(&self, id: &ProofId, is_it: impl Fn(&ProofRequest) -> bool) -> ProofRequest {
        for _ in 0..1500 {
            let proof = self.app.catalog.proofs().get(id).await.unwrap().unwrap();
            if is_it(&proof) {
                return proof;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("proof {id} does not change");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.app.shutdown.cancel();
    }
}

fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.storage.data_dir = folder.to_owned();
    config.circuits.module_cache = Some(std::env::temp_dir().join("zkflow-test-modules"));
    config.workers.reconcile_interval_s = 1;
    config
}
