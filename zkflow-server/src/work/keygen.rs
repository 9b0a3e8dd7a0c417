//! `key-generation`: a pending circuit becomes ready, or fails with a reason.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName};
use zkflow_core::compile::CompileError;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{Circuit, CircuitStage, Document as _, Failure};
use zkflow_core::service::queue::Job;
use zkflow_core::service::store::{ArtifactMeta, Generation, PutMode};
use zkflow_core::setup::KeyOptions;
use zkflow_queue::JobError;

use super::document::{Steps, save};
use super::{Stop, blocking, invalid, outage, stop, tape};
use crate::config::Limits;
use crate::maintenance::manifest;
use crate::state::App;
use crate::telemetry::stage_took;

/// Compiles a circuit and makes its keys.
pub(super) struct KeyGeneration {
    app: Arc<App>,
}

impl KeyGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Stores a file under a key that no other run uses.
    async fn put(
        &self,
        circuit: &Circuit,
        job: &Job,
        file: FileName,
        bytes: Vec<u8>,
    ) -> Result<ArtifactMeta, JobError> {
        let generation =
            Generation { circuit: circuit.id.clone(), job: job.id.clone(), attempt: job.attempt };
        self.app
            .store
            .put(&generation.file(file).key(), Bytes::from(bytes), PutMode::Overwrite)
            .await
            .map_err(outage)
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
        save(&self.app, circuit).await
    }
}

#[async_trait]
impl Steps for KeyGeneration {
    type Document = Circuit;

    fn app(&self) -> &App {
        &self.app
    }

    fn has_data(&self, _: &Circuit) -> bool {
        false
    }

    async fn run(&self, circuit: &mut Circuit, job: &Job) -> Result<(), Stop> {
        let began = Instant::now();
        let (app, asked) = (Arc::clone(&self.app), circuit.clone());
        let compile = move || {
            let blueprint = blueprint(&app, &asked)?;
            let compiled = app
                .compiler
                .compile(&blueprint.source, &blueprint.options)
                .map_err(|error| compile_failure(error, app.config.circuits.circom_path.is_some()))?;
            Ok::<_, Stop>((blueprint, compiled))
        };
        let (blueprint, compiled) = blocking(compile).await??;
        self.advance(circuit, CircuitStage::Setup, "compile", began).await?;

        let began = Instant::now();
        let app = Arc::clone(&self.app);
        let generate = move || {
            let options =
                KeyOptions::default().with_beacon(app.beacon.as_ref()).with_record_key(&app.record_key);
            let rng = &mut os_rng();
            CircuitFiles::generate(&blueprint, compiled, &app.sandbox, &*app.powers, options, rng)
        };
        let CircuitFiles { files, tape, report, provenance } = blocking(generate).await?.map_err(stop)?;
        match tape {
            Ok(operations) => {
                tracing::debug!(circuit = %circuit.id, operations, "witness calculation recorded")
            }
            Err(reason) => {
                tracing::info!(circuit = %circuit.id, %reason, "no tape: witnesses are slower")
            }
        }
        self.advance(circuit, CircuitStage::Store, "setup", began).await?;

        let began = Instant::now();
        let mut artifacts = BTreeMap::new();
        for (name, mut bytes) in files {
            if name == FileName::Tape {
                tape::seal(&self.app.vault, &circuit.id, &mut bytes);
            }
            artifacts.insert(name.to_string(), self.put(circuit, job, name, bytes).await?);
        }
        let spent = began.elapsed();
        stage_took("circuit", "store", spent);
        circuit.complete(artifacts, report, provenance, spent, self.app.now()).map_err(invalid)?;
        manifest::write(&*self.app.store, circuit).await.map_err(outage)?;
        Ok(())
    }
}

/// The failure of a compilation. That of a limit names its setting.
fn compile_failure(error: CompileError, is_native: bool) -> Stop {
    let setting = match &error {
        CompileError::Limit(limit) => Limits::setting_of(limit, is_native),
        _ => None,
    };
    let mut stopped = stop(error);
    if let (Some(setting), Stop::Final(failure)) = (setting, &mut stopped) {
        failure.message += &format!(": the operator can raise {setting}");
    }
    stopped
}

/// Renders the template again and checks the circuit hash. Reads files.
fn blueprint(app: &App, circuit: &Circuit) -> Result<Blueprint, Stop> {
    let blueprint = app.blueprint(&circuit.life.tenant, &circuit.template, &circuit.params).map_err(stop)?;
    if blueprint.circuit_hash == circuit.circuit_hash {
        return Ok(blueprint);
    }
    Err(Stop::Final(Failure {
        code: "template_changed".to_owned(),
        message: "the template, its includes or the compiler changed after the circuit was requested; \
                  request the circuit again"
            .to_owned(),
    }))
}
