//! `proof-generation`: a pending request becomes completed with a verified proof, or failed with the
//! reason; its sealed inputs are destroyed either way.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use zkflow_core::circuit::{FileName, LoadError, LoadedCircuit};
use zkflow_core::field::to_decimal;
use zkflow_core::format::json;
use zkflow_core::prove::PreparedKey;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{
    Circuit, CircuitStatus, Document as _, Failure, ProofArtifacts, ProofRequest, ProofStage,
};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::{Job, QueueName};
use zkflow_core::service::store::{ArtifactMeta, StoreError};
use zkflow_core::witness::{Way, WitnessLimits};
use zkflow_queue::JobError;

use super::document::{Steps, save};
use super::memory::{self, Memory, Share};
use super::{CircuitCache, Stop, blocking, invalid, outage, stop, stop_or_outage};
use crate::state::App;
use crate::telemetry::{stage_took, witness_calculated};

/// Makes proofs.
pub(super) struct ProofGeneration {
    app: Arc<App>,
    cache: CircuitCache,
    memory: Arc<Memory>,
}

impl ProofGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        let cache = CircuitCache::new(app.config.proving.circuit_cache_bytes());
        let memory = Memory::new(app.config.proving.proof_memory_bytes().unwrap_or_else(memory::most));
        Self { app, cache, memory }
    }

    /// The circuit of the request, from the cache or the store.
    async fn load(&self, request: &ProofRequest) -> Result<(Circuit, Arc<LoadedCircuit>), Stop> {
        let circuit = self.app.catalog.circuits().get(&request.circuit_id).await.map_err(stop_or_outage)?;
        let Some(circuit) = circuit.filter(|circuit| circuit.life.status == CircuitStatus::Ready) else {
            return Err(Stop::Final(Failure {
                code: "circuit_gone".to_owned(),
                message: format!("circuit {} is not ready any more", request.circuit_id),
            }));
        };
        let key = meta(&circuit, FileName::ProvingKey)?.sha256;
        let loaded = self.cache.get(key, async || self.read(&circuit).await).await?;
        Ok((circuit, loaded))
    }

    async fn read(&self, circuit: &Circuit) -> Result<LoadedCircuit, Stop> {
        let began = Instant::now();
        let wasm = self.file(circuit, FileName::Wasm).await?;
        let key = self.key(circuit).await?;
        let r1cs = self.file(circuit, FileName::R1cs).await?;
        let sym = self.file(circuit, FileName::Sym).await?;
        let sandbox = Arc::clone(&self.app.sandbox);
        let limits: WitnessLimits = self.app.config.limits.witness();
        let tape = match circuit.artifacts.contains_key(FileName::Tape.as_str()) {
            true => Some(self.file(circuit, FileName::Tape).await?),
            false => None,
        };
        let id = circuit.id.clone();
        let load = move || {
            let loaded =
                LoadedCircuit::with_key(&sandbox, &wasm, key, limits)?.with_constraints(&r1cs, &sym)?;
            let Some(tape) = tape else { return Ok::<_, LoadError>(loaded) };
            loaded.with_tape(&tape, &wasm).or_else(|(loaded, error)| {
                tracing::warn!(circuit = %id, %error, "witnesses are calculated by the module");
                Ok(loaded)
            })
        };
        let loaded = blocking(load).await?.map_err(stop)?;
        stage_took("proof", "load", began.elapsed());
        Ok(loaded)
    }

    /// The prepared key: as the prover kept it on disk, or from the file in the store.
    async fn key(&self, circuit: &Circuit) -> Result<Arc<dyn PreparedKey>, Stop> {
        let digest = meta(circuit, FileName::ProvingKey)?.sha256;
        let prover = Arc::clone(&self.app.prover);
        if let Some(key) = blocking(move || prover.recall(&digest)).await? {
            return Ok(key);
        }
        let zkey = self.file(circuit, FileName::ProvingKey).await?;
        let prover = Arc::clone(&self.app.prover);
        blocking(move || prover.load(&zkey)).await?.map_err(LoadError::from).map_err(stop)
    }

    /// Lets the prover know how many proofs this process will take on beside the next one: threads are shared when
    /// requests wait, and one proof gets all of them when none does.
    async fn share_threads(&self) {
        let others = u64::from(self.app.config.workers.proof_concurrency).saturating_sub(1);
        let stats = self.app.queue.stats(QueueName::ProofGeneration).await;
        let waiting = stats.map_or(0, |stats| stats.ready).min(others);
        self.app.prover.announce(usize::try_from(waiting).unwrap_or(usize::MAX));
    }

    async fn file(&self, circuit: &Circuit, name: FileName) -> Result<Bytes, Stop> {
        let meta = meta(circuit, name)?;
        let artifact = self.app.store.get(&meta.key).await.map_err(stop_or_outage)?;
        if artifact.meta.sha256 == meta.sha256 {
            return Ok(artifact.body);
        }
        let detail = "it is not the one that the catalog names".to_owned();
        Err(stop(StoreError::Corrupt { key: meta.key.clone(), detail }))
    }
}

#[async_trait]
impl Steps for ProofGeneration {
    type Document = ProofRequest;

    fn app(&self) -> &App {
        &self.app
    }

    /// Refuses a proof that would take more memory than is left, by the size of its key.
    async fn admit(&self, request: &ProofRequest) -> Result<Option<Share>, JobError> {
        let circuit = self.app.catalog.circuits().get(&request.circuit_id).await.map_err(outage)?;
        let key = circuit.as_ref().and_then(|circuit| circuit.artifacts.get(FileName::ProvingKey.as_str()));
        // Without a key there is nothing to prove with, which is for the run to say.
        let Some(key) = key else { return Ok(None) };
        let share = self.memory.share(key.size);
        share.map(Some).map_err(|error| JobError::give_back("proof_does_not_fit", error.to_string()))
    }

    async fn run(&self, request: &mut ProofRequest, _: &Job) -> Result<(), Stop> {
        let app = &self.app;
        let (circuit, loaded) = self.load(request).await?;
        let inputs = app.vault.open(&request.id).await.map_err(stop_or_outage)?;

        let began = Instant::now();
        let calculator = Arc::clone(&loaded);
        let (witness, way) = blocking(move || calculator.witness(&inputs)).await?.map_err(stop)?;
        witness_calculated(way);
        if way == Way::ModuleAfterMismatch {
            tracing::error!(circuit = %circuit.id, "the tape gives wrong witnesses; the module was used instead");
        }
        let spent = began.elapsed();
        stage_took("proof", "witness", spent);
        tracing::trace!(proof = %request.id, wires = witness.values().len(), way = way.as_str(), ?spent, "witness calculated");
        request.advance(ProofStage::Prove, spent, app.now()).map_err(invalid)?;
        save(app, request).await?;

        self.share_threads().await;
        let began = Instant::now();
        let prover = Arc::clone(&loaded);
        let (proof, public) = blocking(move || prover.prove(&witness, &mut os_rng())).await?.map_err(stop)?;
        let spent = began.elapsed();
        stage_took("proof", "prove", spent);
        tracing::trace!(proof = %request.id, ?spent, "proof made and verified");
        let artifacts = ProofArtifacts {
            proof: json::proof_to_json(&proof),
            public_signals: public.values().iter().map(to_decimal).collect(),
            proving_key: meta(&circuit, FileName::ProvingKey)?.sha256,
            prover: loaded.prover().to_owned(),
        };
        request.complete(artifacts, spent, app.now()).map_err(invalid)?;
        Ok(())
    }

    /// Destroys the sealed inputs.
    async fn discard(&self, id: &ProofId) -> Result<(), JobError> {
        self.app.vault.destroy(id).await.map_err(outage)
    }
}

/// What the catalog says of a file of the circuit.
fn meta(circuit: &Circuit, name: FileName) -> Result<&ArtifactMeta, Stop> {
    circuit.artifacts.get(name.as_str()).ok_or_else(|| {
        Stop::Final(Failure {
            code: "artifact_missing".to_owned(),
            message: format!("the circuit has no {name}"),
        })
    })
}
