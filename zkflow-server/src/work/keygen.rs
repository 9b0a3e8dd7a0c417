//! `key-generation`: a pending circuit becomes ready, or fails with a reason. [`import`](super::import) has the steps of
//! imported circuits.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles};
use zkflow_core::compile::CompileError;
use zkflow_core::id::CircuitId;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{Circuit, CircuitStage, Document as _, Failure, Origin, Usage};
use zkflow_core::service::queue::Job;
use zkflow_core::service::store::Generation;
use zkflow_core::setup::KeyOptions;
use zkflow_core::template::TemplateName;
use zkflow_queue::JobError;

use super::document::{Steps, save};
use super::made::Made;
use super::scratch::{Scratch, unwritable};
use super::spent::Spent;
use super::{Stop, invalid, outage, stop};
use crate::config::Limits;
use crate::service::uploads;
use crate::state::{App, CpuStage};
use crate::telemetry::stage_took;

/// Compiles a circuit and makes its keys.
pub(super) struct KeyGeneration {
    pub(super) app: Arc<App>,
}

impl KeyGeneration {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Renders and compiles a template, and makes its keys.
    async fn build(
        &self,
        circuit: &mut Circuit,
        template: TemplateName,
        params: Map<String, Value>,
        spent: &Spent,
    ) -> Result<Made, Stop> {
        let began = Instant::now();
        let (app, asked) = (Arc::clone(&self.app), circuit.clone());
        let compile = move || {
            let blueprint = blueprint(&app, &asked, &template, &params)?;
            let compiled = app
                .compilers
                .own()
                .compile(&blueprint.source, &blueprint.options)
                .map_err(compile_failure)?;
            Ok::<_, Stop>((blueprint, compiled))
        };
        let (blueprint, compiled) = spent.blocking(&self.app, CpuStage::Build, compile).await??;
        self.advance(circuit, CircuitStage::Setup, "compile", began).await?;

        let began = Instant::now();
        let app = Arc::clone(&self.app);
        let generate = move || {
            // Keys are made in pieces: they are too large for the memory.
            let scratch = Scratch::create(app.scratch.as_deref()).map_err(unwritable)?;
            let options = KeyOptions::default()
                .with_beacon(app.beacon.as_ref())
                .with_record_key(&app.record_key)
                .with_verification(app.config.limits.import())
                .in_folder(scratch.folder());
            let zkey = options.key_file();
            let rng = &mut os_rng();
            let files =
                CircuitFiles::generate(&blueprint, compiled, &app.sandbox, &*app.powers, options, rng)
                    .map_err(stop)?;
            Ok::<_, Stop>((files, zkey.map(|path| (Arc::new(scratch), path))))
        };
        let (files, zkey) = spent.blocking(&self.app, CpuStage::Build, generate).await??;
        self.advance(circuit, CircuitStage::Store, "setup", began).await?;
        Ok(Made::built(files, zkey))
    }

    pub(super) async fn advance(
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
    type Admitted = ();

    fn app(&self) -> &App {
        &self.app
    }

    fn usage(&self, circuit: &Circuit) -> Option<(CircuitId, Usage)> {
        let stored_bytes = circuit.artifacts.values().map(|file| file.size).fold(0, u64::saturating_add);
        Some((circuit.id.clone(), Usage { builds: 1, stored_bytes, ..Usage::default() }))
    }

    /// An import has an upload.
    fn has_data(&self, circuit: &Circuit) -> bool {
        circuit.origin.import().is_some()
    }

    async fn admit(&self, _: &Circuit) -> Result<(), JobError> {
        Ok(())
    }

    async fn run(&self, circuit: &mut Circuit, (): &(), job: &Job, spent: &Spent) -> Result<(), Stop> {
        let made = match circuit.origin.clone() {
            Origin::Template { template, params } => self.build(circuit, template, params, spent).await?,
            Origin::Import(import) => self.import(circuit, &import, spent).await?,
        };
        let generation =
            Generation { circuit: circuit.id.clone(), job: job.id.clone(), attempt: job.attempt };
        Ok(made.store(&self.app, circuit, &generation).await?)
    }

    /// Removes the upload of an import that has ended. A circuit that is pending again has another upload.
    async fn discard(&self, id: &CircuitId) -> Result<(), JobError> {
        let Some(circuit) = self.app.catalog.circuits().get(id).await.map_err(outage)? else { return Ok(()) };
        let ended = circuit.is_final();
        let Some(import) = circuit.origin.import().filter(|_| ended) else { return Ok(()) };
        uploads::close(&self.app, &circuit.life.tenant, &import.upload).await.map_err(outage)
    }
}

/// The failure of a compilation. That of a limit names its setting.
pub(super) fn compile_failure(error: CompileError) -> Stop {
    let remedy = match &error {
        CompileError::Limit(limit) => Limits::remedy_of(limit),
        _ => None,
    };
    let mut stopped = stop(error);
    if let (Some(remedy), Stop::Final(failure)) = (remedy, &mut stopped) {
        failure.message += &format!(": the operator can {remedy}");
    }
    stopped
}

/// Renders the template again and checks the circuit hash. Reads files.
fn blueprint(
    app: &App,
    circuit: &Circuit,
    template: &TemplateName,
    params: &Map<String, Value>,
) -> Result<Blueprint, Stop> {
    let blueprint = app.blueprint(&circuit.life.tenant, template, params).map_err(stop)?;
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
