//! `proof-generation`: a pending request becomes completed with a verified proof, or failed with the
//! reason; its sealed inputs are destroyed either way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use zkflow_core::catalog::{
    Circuit, CircuitStatus, Failure, ProofArtifacts, ProofRequest, ProofStage, ProofStatus,
};
use zkflow_core::circuit::{FileName, LoadedCircuit};
use zkflow_core::error::Classified;
use zkflow_core::field::to_decimal;
use zkflow_core::format::json;
use zkflow_core::id::ProofId;
use zkflow_core::prove::os_rng;
use zkflow_core::queue::{Job, QueueName};
use zkflow_core::witness::WitnessLimits;
use zkflow_queue::{Handler, JobContext, JobError};

use super::{CircuitCache, blocking, failure, invalid, unsaved};
use crate::state::App;
use crate::telemetry::{job_failed, stage_took};

/// Makes proofs.
pub(super) struct ProofGeneration {
    app: Arc<App>,
    cache: CircuitCache,
}

/// Why a request has no proof: `Ok` is its own fault, `Err` is for the queue to try again.
type Outcome<T> = Result<Result<T, Failure>, JobError>;

impl ProofGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        let cache = CircuitCache::new(app.config.circuit_cache_bytes());
        Self { app, cache }
    }

    async fn run(&self, request: &mut ProofRequest) -> Outcome<()> {
        let app = &self.app;
        let (circuit, loaded) = match self.load(request).await? {
            Ok(loaded) => loaded,
            Err(reason) => return Ok(Err(reason)),
        };
        let inputs = match app.vault.open(&request.id).await {
            Ok(inputs) => inputs,
            Err(error) if error.kind().is_transient() => return Err(JobError::of(&error)),
            Err(error) => return Ok(Err(failure(&error))),
        };

        let began = Instant::now();
        let calculator = Arc::clone(&loaded);
        let witness = match blocking(move || calculator.witness(&inputs)).await? {
            Ok(witness) => witness,
            Err(error) => return Ok(Err(failure(&error))),
        };
        let spent = began.elapsed();
        stage_took("proof", "witness", spent);
        tracing::trace!(proof = %request.id, wires = witness.values().len(), ?spent, "witness calculated");
        request.advance(ProofStage::Prove, spent, app.now()).map_err(invalid)?;
        self.save(request).await?;

        let began = Instant::now();
        let prover = Arc::clone(&loaded);
        let (proof, public) = match blocking(move || prover.prove(&witness, &mut os_rng())).await? {
            Ok(proven) => proven,
            Err(error) => return Ok(Err(failure(&error))),
        };
        let spent: Duration = began.elapsed();
        stage_took("proof", "prove", spent);
        tracing::trace!(proof = %request.id, ?spent, "proof made and verified");
        let artifacts = ProofArtifacts {
            proof: json::proof_to_json(&proof),
            public_signals: public.values().iter().map(to_decimal).collect(),
            proving_key: circuit.artifacts[FileName::ProvingKey.as_str()].sha256,
            prover: loaded.prover().to_owned(),
        };
        request.complete(artifacts, spent, app.now()).map_err(invalid)?;
        Ok(Ok(()))
    }

    /// The circuit of the request, from the cache or the store.
    async fn load(&self, request: &ProofRequest) -> Outcome<(Circuit, Arc<LoadedCircuit>)> {
        let app = &self.app;
        let circuit = app.catalog.circuit(&request.circuit_id).await.map_err(|error| JobError::of(&error))?;
        let Some(circuit) = circuit.filter(|circuit| circuit.status == CircuitStatus::Ready) else {
            return Ok(Err(Failure {
                code: "circuit_gone".to_owned(),
                message: format!("circuit {} is not ready any more", request.circuit_id),
            }));
        };
        let Some(key) = circuit.artifacts.get(FileName::ProvingKey.as_str()) else {
            return Ok(Err(missing(FileName::ProvingKey)));
        };
        match self.cache.get(key.sha256, async || self.read(&circuit).await).await {
            Ok(loaded) => Ok(Ok((circuit, loaded))),
            Err(Unread::Now(error)) => Err(error),
            Err(Unread::Ever(reason)) => Ok(Err(reason)),
        }
    }

    async fn read(&self, circuit: &Circuit) -> Result<LoadedCircuit, Unread> {
        let began = Instant::now();
        let wasm = self.file(circuit, FileName::Wasm).await?;
        let zkey = self.file(circuit, FileName::ProvingKey).await?;
        let r1cs = self.file(circuit, FileName::R1cs).await?;
        let sym = self.file(circuit, FileName::Sym).await?;
        let (sandbox, prover) = (Arc::clone(&self.app.sandbox), Arc::clone(&self.app.prover));
        let limits: WitnessLimits = self.app.config.witness_limits();
        let loaded = blocking(move || {
            LoadedCircuit::new(&sandbox, &wasm, &zkey, &*prover, limits)?.with_names(&r1cs, &sym)
        })
        .await
        .map_err(Unread::Now)?
        .map_err(|error| Unread::Ever(failure(&error)))?;
        stage_took("proof", "load", began.elapsed());
        Ok(loaded)
    }

    async fn file(&self, circuit: &Circuit, name: FileName) -> Result<Bytes, Unread> {
        let Some(meta) = circuit.artifacts.get(name.as_str()) else {
            return Err(Unread::Ever(missing(name)));
        };
        let artifact = match self.app.store.get(&meta.key).await {
            Ok(artifact) => artifact,
            Err(error) if error.kind().is_transient() => return Err(Unread::Now(JobError::of(&error))),
            Err(error) => return Err(Unread::Ever(failure(&error))),
        };
        if artifact.meta.sha256 != meta.sha256 {
            return Err(Unread::Ever(Failure {
                code: "artifact_corrupt".to_owned(),
                message: format!("artifact {} is not the one that was recorded", meta.key),
            }));
        }
        Ok(artifact.body)
    }

    async fn save(&self, request: &mut ProofRequest) -> Result<(), JobError> {
        *request = self.app.save_proof(request.clone()).await.map_err(unsaved)?;
        Ok(())
    }

    /// The request of a job; one that is final only has its inputs destroyed.
    async fn owed(&self, job: &Job) -> Result<Option<ProofRequest>, JobError> {
        let Ok(id) = job.subject.parse::<ProofId>() else { return Ok(None) };
        let request = self.app.catalog.proof(&id).await.map_err(|error| JobError::of(&error))?;
        match request {
            Some(request) if request.status == ProofStatus::Pending => Ok(Some(request)),
            _ => {
                self.app.vault.destroy(&id).await.map_err(|error| JobError::of(&error))?;
                Ok(None)
            }
        }
    }

    /// Makes the outcome visible, then destroys the inputs.
    async fn finish(&self, request: &mut ProofRequest) -> Result<(), JobError> {
        self.save(request).await?;
        self.app.vault.destroy(&request.id).await.map_err(|error| JobError::of(&error))
    }
}

#[async_trait]
impl Handler for ProofGeneration {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        let Some(mut request) = self.owed(job).await? else { return Ok(()) };
        request.begin(job.attempt, self.app.now()).map_err(invalid)?;
        self.save(&mut request).await?;
        let outcome = self.run(&mut request).await?;
        if context.cancelled().is_cancelled() {
            return Err(JobError::retry("lease_lost", "the lease was lost"));
        }
        if let Err(reason) = outcome {
            job_failed(QueueName::ProofGeneration, reason.code.clone());
            request.fail(reason, self.app.now()).map_err(invalid)?;
        }
        self.finish(&mut request).await
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        let Ok(Some(mut request)) = self.owed(job).await else { return };
        let failure = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
        if request.fail(failure, self.app.now()).is_ok()
            && let Err(error) = self.finish(&mut request).await
        {
            tracing::warn!(proof = %request.id, reason = %error.reason, "left to the reconciler");
        }
    }
}

/// Why a circuit was not loaded.
enum Unread {
    /// It may be read later.
    Now(JobError),
    /// It will not be read later either.
    Ever(Failure),
}

fn missing(name: FileName) -> Failure {
    Failure { code: "artifact_missing".to_owned(), message: format!("the circuit has no {name}") }
}
