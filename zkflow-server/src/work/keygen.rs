//! `key-generation`: a pending circuit becomes ready, or failed with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use zkflow_core::catalog::{Circuit, CircuitStage, CircuitStatus, Failure};
use zkflow_core::circuit::{Blueprint, CircuitFiles};
use zkflow_core::error::Classified;
use zkflow_core::id::CircuitId;
use zkflow_core::prove::os_rng;
use zkflow_core::queue::{Job, QueueName};
use zkflow_core::store::{ArtifactKey, ArtifactMeta, PutMode};
use zkflow_queue::{Handler, JobContext, JobError};

use super::{blocking, failure, invalid, unsaved};
use crate::state::App;
use crate::telemetry::{job_failed, stage_took};

/// Compiles a circuit and makes its keys.
pub(super) struct KeyGeneration {
    app: Arc<App>,
}

impl KeyGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The way from pending to ready. An outer error is for the queue to try again, an inner one is
    /// the circuit's own fault.
    async fn run(&self, circuit: &mut Circuit) -> Result<Result<(), Failure>, JobError> {
        let app = &self.app;
        let began = Instant::now();
        let blueprint = match self.blueprint(circuit) {
            Ok(blueprint) => blueprint,
            Err(reason) => return Ok(Err(reason)),
        };
        let compiler = Arc::clone(&app.compiler);
        let (blueprint, compiled) = blocking(move || {
            let compiled = compiler.compile(&blueprint.source, &blueprint.options);
            (blueprint, compiled)
        })
        .await?;
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(error) if error.kind().is_transient() => return Err(JobError::of(&error)),
            Err(error) => return Ok(Err(failure(&error))),
        };
        self.advance(circuit, CircuitStage::Setup, "compile", began).await?;

        let began = Instant::now();
        let generated = blocking(move || CircuitFiles::generate(&blueprint, compiled, &mut os_rng())).await?;
        let generated = match generated {
            Ok(generated) => generated,
            Err(error) => return Ok(Err(failure(&error))),
        };
        self.advance(circuit, CircuitStage::Store, "setup", began).await?;

        let began = Instant::now();
        let CircuitFiles { files, report, provenance } = generated;
        let mut artifacts = BTreeMap::new();
        for (name, bytes) in files {
            let meta = self.put(circuit, name.as_str(), bytes).await?;
            artifacts.insert(name.to_string(), meta);
        }
        let spent = began.elapsed();
        stage_took("circuit", "store", spent);
        circuit.complete(artifacts, report, provenance, spent, app.now()).map_err(invalid)?;
        Ok(Ok(()))
    }

    /// What is to be compiled, which must still be what the circuit's identity says.
    fn blueprint(&self, circuit: &Circuit) -> Result<Blueprint, Failure> {
        let app = &self.app;
        let template = app.library.get(&circuit.template).map_err(|error| failure(&error))?;
        let params = template.parse_params(&circuit.params).map_err(|error| failure(&error))?;
        let blueprint = Blueprint::new(
            template,
            params,
            &*app.engine,
            &app.include_roots,
            &*app.compiler,
            app.compile_options,
        )
        .map_err(|error| failure(&error))?;
        if blueprint.circuit_hash != circuit.circuit_hash {
            return Err(Failure {
                code: "template_changed".to_owned(),
                message: "the template, its includes or the compiler changed since the circuit was asked \
                          for; ask again to get a circuit of what is there now"
                    .to_owned(),
            });
        }
        Ok(blueprint)
    }

    /// Stores one file under a key that no other run uses: the epoch grew by one when this run began.
    async fn put(&self, circuit: &Circuit, name: &str, bytes: Vec<u8>) -> Result<ArtifactMeta, JobError> {
        let key: ArtifactKey = format!("circuits/{}/{}/{name}", circuit.id, circuit.epoch).parse().map_err(
            |error: zkflow_core::store::InvalidKey| JobError::fatal("invalid_key", error.to_string()),
        )?;
        self.app
            .store
            .put(&key, Bytes::from(bytes), PutMode::Overwrite)
            .await
            .map_err(|error| JobError::of(&error))
    }

    async fn advance(
        &self,
        circuit: &mut Circuit,
        stage: CircuitStage,
        finished: &'static str,
        began: Instant,
    ) -> Result<(), JobError> {
        let spent = began.elapsed();
        stage_took("circuit", finished, spent);
        circuit.advance(stage, spent, self.app.now()).map_err(invalid)?;
        self.save(circuit).await
    }

    async fn save(&self, circuit: &mut Circuit) -> Result<(), JobError> {
        *circuit = self.app.save_circuit(circuit.clone()).await.map_err(unsaved)?;
        Ok(())
    }

    /// The circuit of a job, while work on it is owed.
    async fn owed(&self, job: &Job) -> Result<Option<Circuit>, JobError> {
        let Ok(id) = job.subject.parse::<CircuitId>() else { return Ok(None) };
        let circuit = self.app.catalog.circuit(&id).await.map_err(|error| JobError::of(&error))?;
        Ok(circuit.filter(|circuit| circuit.status == CircuitStatus::Pending))
    }
}

#[async_trait]
impl Handler for KeyGeneration {
    async fn handle(&self, job: &Job, context: JobContext) -> Result<(), JobError> {
        let Some(mut circuit) = self.owed(job).await? else { return Ok(()) };
        circuit.begin(job.attempt, self.app.now()).map_err(invalid)?;
        self.save(&mut circuit).await?;
        let outcome = self.run(&mut circuit).await?;
        if context.cancelled().is_cancelled() {
            return Err(JobError::retry("lease_lost", "the lease was lost"));
        }
        if let Err(reason) = outcome {
            job_failed(QueueName::KeyGeneration, reason.code.clone());
            circuit.fail(reason, self.app.now()).map_err(invalid)?;
        }
        self.save(&mut circuit).await
    }

    async fn dead(&self, job: &Job, error: &JobError) {
        let Ok(Some(mut circuit)) = self.owed(job).await else { return };
        let failure = Failure { code: error.kind.to_owned(), message: error.reason.clone() };
        if circuit.fail(failure, self.app.now()).is_ok()
            && let Err(error) = self.save(&mut circuit).await
        {
            tracing::warn!(circuit = %circuit.id, reason = %error.reason, "left to the reconciler");
        }
    }
}
