//! `key-generation`: a pending circuit becomes ready, or fails with a reason. [`import`](super::import) has the steps of
//! imported circuits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName};
use zkflow_core::compile::CompileError;
use zkflow_core::format::MappedFile;
use zkflow_core::id::CircuitId;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{Circuit, CircuitStage, Document as _, Failure, InputSignal, Origin};
use zkflow_core::service::queue::Job;
use zkflow_core::service::store::{ArtifactMeta, Generation, PutMode};
use zkflow_core::setup::KeyOptions;
use zkflow_core::template::TemplateName;
use zkflow_queue::JobError;

use super::document::{Steps, save};
use super::scratch::Scratch;
use super::{Stop, blocking, invalid, outage, stop, tape};
use crate::config::Limits;
use crate::maintenance::manifest;
use crate::service::uploads;
use crate::state::App;
use crate::telemetry::stage_took;

/// Compiles a circuit and makes its keys.
pub(super) struct KeyGeneration {
    pub(super) app: Arc<App>,
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
        bytes: Bytes,
    ) -> Result<ArtifactMeta, JobError> {
        let generation =
            Generation { circuit: circuit.id.clone(), job: job.id.clone(), attempt: job.attempt };
        self.app.store.put(&generation.file(file).key(), bytes, PutMode::Overwrite).await.map_err(outage)
    }

    /// Renders and compiles a template, and makes its keys.
    async fn build(
        &self,
        circuit: &mut Circuit,
        template: TemplateName,
        params: Map<String, Value>,
    ) -> Result<Made, Stop> {
        let began = Instant::now();
        let (app, asked) = (Arc::clone(&self.app), circuit.clone());
        let compile = move || {
            let blueprint = blueprint(&app, &asked, &template, &params)?;
            let compiled = app
                .compiler
                .compile(&blueprint.source, &blueprint.options)
                .map_err(|error| compile_failure(&app, error))?;
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
        let files = blocking(generate).await?.map_err(stop)?;
        self.advance(circuit, CircuitStage::Store, "setup", began).await?;
        Ok(Made { files, zkey: None, inputs: Vec::new() })
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

    fn app(&self) -> &App {
        &self.app
    }

    /// An import has an upload.
    fn has_data(&self, circuit: &Circuit) -> bool {
        circuit.origin.import().is_some()
    }

    async fn run(&self, circuit: &mut Circuit, job: &Job) -> Result<(), Stop> {
        let made = match circuit.origin.clone() {
            Origin::Template { template, params } => self.build(circuit, template, params).await?,
            Origin::Import(import) => self.import(circuit, &import).await?,
        };
        let Made { files: CircuitFiles { files, tape, report, label }, zkey, inputs } = made;
        match tape {
            Ok(operations) => {
                tracing::debug!(circuit = %circuit.id, operations, "witness calculation recorded")
            }
            Err(reason) => {
                tracing::info!(circuit = %circuit.id, %reason, "no tape: witnesses are slower")
            }
        }
        let began = Instant::now();
        let mut artifacts = BTreeMap::new();
        for (name, mut bytes) in files {
            if name == FileName::Tape {
                tape::seal(&self.app.vault, &circuit.id, &mut bytes);
            }
            artifacts.insert(name.to_string(), self.put(circuit, job, name, Bytes::from(bytes)).await?);
        }
        if let Some((_scratch, path)) = zkey {
            let name = FileName::ProvingKey;
            let bytes =
                mapped(&path).map_err(|error| JobError::retry("file_unreadable", error.to_string()))?;
            artifacts.insert(name.to_string(), self.put(circuit, job, name, bytes).await?);
        }
        if let Origin::Import(import) = &mut circuit.origin {
            import.inputs = inputs;
        }
        let spent = began.elapsed();
        stage_took("circuit", "store", spent);
        circuit.complete(artifacts, report, label, spent, self.app.now()).map_err(invalid)?;
        manifest::write(&*self.app.store, circuit).await.map_err(outage)?;
        Ok(())
    }

    /// Removes the upload of an import that has ended. A circuit that is pending again has another upload.
    async fn discard(&self, id: &CircuitId) -> Result<(), JobError> {
        let Some(circuit) = self.app.catalog.circuits().get(id).await.map_err(outage)? else { return Ok(()) };
        let ended = circuit.is_final();
        let Some(import) = circuit.origin.import().filter(|_| ended) else { return Ok(()) };
        uploads::remove(&self.app, &circuit.life.tenant, &import.upload).await.map_err(outage)
    }
}

/// The files of a circuit, before they are stored.
pub(super) struct Made {
    pub(super) files: CircuitFiles,
    /// A given key, in a folder that lasts until it is stored.
    pub(super) zkey: Option<(Arc<Scratch>, PathBuf)>,
    /// Inputs of an import.
    pub(super) inputs: Vec<InputSignal>,
}

/// The bytes of a file that does not change, without a copy in memory.
fn mapped(path: &Path) -> std::io::Result<Bytes> {
    struct Mapped(MappedFile);

    impl AsRef<[u8]> for Mapped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    Ok(Bytes::from_owner(Mapped(MappedFile::open(path)?)))
}

/// The failure of a compilation. That of a limit names its setting.
pub(super) fn compile_failure(app: &App, error: CompileError) -> Stop {
    let is_native = app.config.circuits.circom_path.is_some();
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
