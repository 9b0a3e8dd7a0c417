//! `proof-generation`: a pending request is completed with a verified proof, or fails with a reason. Its
//! sealed inputs are destroyed in both cases.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use zkflow_core::circuit::{FileName, LoadedCircuit};
use zkflow_core::field::to_decimal;
use zkflow_core::format::json;
use zkflow_core::id::CircuitId;
use zkflow_core::prove::ProveError;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{
    Circuit, CircuitStatus, Document as _, Failure, ProofArtifacts, ProofRequest, ProofStage, ProofStatus,
    Usage,
};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::{Job, QueueName};
use zkflow_core::witness::Way;
use zkflow_queue::JobError;
use zkflow_store::vault::VaultError;

use super::document::{Steps, stage};
use super::load::{files, load, meta};
use super::memory::{self, Memory, Share};
use super::spent::Spent;
use super::{Stop, invalid, outage, stop, stop_or_outage};
use crate::service::GivenInputs;
use crate::state::{App, CpuStage};
use crate::telemetry::{stage_took, witness_calculated};

/// Handler of the queue of proof requests.
pub(super) struct ProofGeneration {
    app: Arc<App>,
    memory: Arc<Memory>,
}

/// The circuit of a request, and the memory of its proof.
pub(super) struct Admitted {
    circuit: Circuit,
    _share: Share,
}

impl ProofGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        let memory = Memory::new(app.config.proving.proof_memory_bytes().unwrap_or_else(memory::most));
        Self { app, memory }
    }

    /// Returns the circuit, from the cache or the store.
    async fn load(&self, circuit: &Circuit) -> Result<Arc<LoadedCircuit>, Stop> {
        self.app.loaded.get(files(circuit)?, async || load(&self.app, circuit).await).await
    }

    /// Announces how many proofs will run beside the next one. Proofs share threads when requests wait; a
    /// single proof uses all threads.
    async fn share_threads(&self) {
        let others = u64::from(self.app.config.workers.proof_concurrency).saturating_sub(1);
        let stats = self.app.queue.stats(QueueName::ProofGeneration).await;
        let waiting = stats.map_or(0, |stats| stats.ready).min(others);
        self.app.prover.announce(usize::try_from(waiting).unwrap_or(usize::MAX));
    }
}

#[async_trait]
impl Steps for ProofGeneration {
    type Document = ProofRequest;
    type Admitted = Option<Admitted>;
    const BRIEF: bool = true;

    fn app(&self) -> &App {
        &self.app
    }

    /// Refuses a proof that needs more memory than is left, as predicted in the circuit's report. `None`: the circuit is not
    /// ready.
    async fn admit(&self, request: &ProofRequest) -> Result<Option<Admitted>, JobError> {
        let circuit = self.app.catalog.circuits().get(&request.circuit_id).await.map_err(outage)?;
        let Some(circuit) = circuit.filter(|circuit| circuit.life.status == CircuitStatus::Ready) else {
            return Ok(None);
        };
        let bytes = circuit.report.as_ref().map_or(0, |report| report.prover_memory_bytes);
        let share = self.memory.share(bytes);
        let share = share.map_err(|error| JobError::give_back("proof_does_not_fit", error.to_string()))?;
        Ok(Some(Admitted { circuit, _share: share }))
    }

    async fn run(
        &self,
        request: &mut ProofRequest,
        admitted: &Option<Admitted>,
        _: &Job,
        spent: &Spent,
    ) -> Result<(), Stop> {
        let app = &self.app;
        let Some(Admitted { circuit, .. }) = admitted else {
            return Err(Stop::Final(Failure {
                code: "circuit_gone".to_owned(),
                message: format!("circuit {} was deleted or is no longer ready", request.circuit_id),
            }));
        };
        let loaded = self.load(circuit).await?;
        let sealed = match &request.inputs {
            Some(sealed) => app.vault.disclose(request, sealed).map_err(stop_or_outage)?,
            None => app.vault.open(request).await.map_err(stop_or_outage)?,
        };
        let given =
            GivenInputs::opened(&sealed).ok_or_else(|| stop(VaultError::Altered(request.id.to_string())))?;
        drop(sealed);
        // What a client sealed was not checked before.
        let given = given.checked(app, circuit).map_err(stop)?;
        let (inputs, public_inputs) = (given.all(), given.public());
        drop(given);

        let began = Instant::now();
        let calculator = Arc::clone(&loaded);
        let work = spent.blocking(app, CpuStage::Witness, move || calculator.witness(&inputs));
        let (witness, way) = stage(app, request, work).await??.map_err(stop)?;
        witness_calculated(way);
        if way == Way::ModuleAfterMismatch {
            tracing::error!(circuit = %circuit.id, "wrong witness from the tape: used the module");
        }
        let took = began.elapsed();
        stage_took("proof", "witness", took);
        tracing::trace!(proof = %request.id, wires = witness.values().len(), way = way.as_str(), ?took, "witness calculated");
        request.advance(ProofStage::Prove, took, app.now()).map_err(invalid)?;

        self.share_threads().await;
        let began = Instant::now();
        let prover = Arc::clone(&loaded);
        let work = spent.blocking(app, CpuStage::Proving, move || {
            let made = prover.prove_unverified(&witness, &mut os_rng())?;
            let took = began.elapsed();
            Ok((made.verify()?, took))
        });
        let ((proof, public), took) =
            stage(app, request, work).await??.map_err(|error: ProveError| stop(error))?;
        let verified_in = began.elapsed().saturating_sub(took);
        stage_took("proof", "prove", took);
        stage_took("proof", "verify", verified_in);
        tracing::trace!(proof = %request.id, ?took, ?verified_in, "proof made and verified");
        // A circuit that was changed in the store must not publish what was sent as private.
        loaded.check_public(&public_inputs, &public).map_err(stop)?;
        let artifacts = ProofArtifacts {
            proof: json::proof_to_json(&proof),
            public_signals: public.values().iter().map(to_decimal).collect(),
            proving_key: meta(circuit, FileName::ProvingKey)?.sha256,
            prover: loaded.prover().to_owned(),
        };
        request.verified_in(verified_in);
        request.complete(artifacts, took, app.now()).map_err(invalid)?;
        Ok(())
    }

    fn usage(&self, request: &ProofRequest) -> Option<(CircuitId, Usage)> {
        let made = u64::from(request.life.status == ProofStatus::Completed);
        let usage = Usage { proofs: made, failed_proofs: 1 - made, ..Usage::default() };
        Some((request.circuit_id.clone(), usage))
    }

    fn record(&self, request: &ProofRequest) {
        self.app.activity.record(request);
    }

    /// Small inputs are part of the request, and end with it.
    fn has_data(&self, request: &ProofRequest) -> bool {
        request.inputs.is_none()
    }

    /// Destroys the sealed inputs.
    async fn discard(&self, id: &ProofId) -> Result<(), JobError> {
        self.app.vault.destroy(id).await.map_err(outage)
    }
}
