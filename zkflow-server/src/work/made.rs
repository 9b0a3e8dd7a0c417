//! [`Made`]: the files of a circuit on their way to the store.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use zkflow_core::circuit::{CheckedParts, CircuitFiles, ClaimedPart, FileName, ImportedInput};
use zkflow_core::inputs::Shape;
use zkflow_core::service::catalog::{Circuit, InputSignal, Origin};
use zkflow_core::service::store::{Generation, PutMode};
use zkflow_queue::JobError;
use zkflow_store::local;

use super::scratch::Scratch;
use super::{invalid, outage};
use crate::maintenance::{manifest, tape};
use crate::state::App;
use crate::telemetry::stage_took;

/// Largest number of inputs whose names and shapes a circuit's document contains, all fields of buses counted.
const MOST_INPUTS: usize = 1024;
/// Deepest shape in a document.
const DEEPEST: usize = 16;

/// The files of a circuit, before they are stored.
pub(crate) struct Made {
    files: CircuitFiles,
    /// The key, in a folder that lasts until it is stored.
    zkey: Option<(Arc<Scratch>, PathBuf)>,
    checked: Checked,
}

/// What the checks of an import found, for its document.
#[derive(Default)]
pub(crate) struct Checked {
    /// None if they are too many or too deep.
    inputs: Vec<InputSignal>,
    compiler: Option<String>,
    claimed: Option<ClaimedPart>,
}

impl Checked {
    pub(crate) fn of(parts: &CheckedParts) -> Self {
        Self {
            inputs: inputs(parts.inputs()),
            compiler: parts.compiler().map(str::to_owned),
            claimed: parts.claimed().cloned(),
        }
    }
}

impl Made {
    /// The files of a circuit from a template.
    pub(crate) fn built(files: CircuitFiles, zkey: Option<(Arc<Scratch>, PathBuf)>) -> Self {
        Self { files, zkey, checked: Checked::default() }
    }

    /// The files of an imported circuit, with its key if it is in a folder.
    pub(crate) fn imported(
        mut files: CircuitFiles,
        zkey: Option<(Arc<Scratch>, PathBuf)>,
        checked: Checked,
    ) -> Self {
        if checked.inputs.is_empty() {
            files.report.public_input_names.clear();
        }
        Self { files, zkey, checked }
    }

    /// Stores the files, makes the pending circuit ready, and writes its manifest. The document is not written. No other
    /// run may use `generation`.
    pub(crate) async fn store(
        self,
        app: &App,
        circuit: &mut Circuit,
        generation: &Generation,
    ) -> Result<(), JobError> {
        let Self { files: CircuitFiles { files, tape, report, label }, zkey, checked } = self;
        match tape {
            Ok(operations) => {
                tracing::debug!(circuit = %circuit.id, operations, "witness calculation recorded")
            }
            Err(reason) => {
                tracing::info!(circuit = %circuit.id, %reason, "no tape: witnesses are slower")
            }
        }
        let began = Instant::now();
        let put = async |file: FileName, bytes: Bytes| {
            app.store.put(&generation.file(file).key(), bytes, PutMode::Overwrite).await.map_err(outage)
        };
        let mut artifacts = BTreeMap::new();
        for (name, mut bytes) in files {
            if name == FileName::Tape {
                tape::seal(&app.vault, &circuit.id, &mut bytes);
            }
            artifacts.insert(name.to_string(), put(name, Bytes::from(bytes)).await?);
        }
        if let Some((_scratch, path)) = zkey {
            let bytes =
                mapped(&path).map_err(|error| JobError::retry("file_unreadable", error.to_string()))?;
            artifacts.insert(FileName::ProvingKey.to_string(), put(FileName::ProvingKey, bytes).await?);
        }
        if let Origin::Import(import) = &mut circuit.origin {
            (import.inputs, import.compiler, import.claimed) =
                (checked.inputs, checked.compiler, checked.claimed);
        }
        let spent = began.elapsed();
        stage_took("circuit", "store", spent);
        circuit.complete(artifacts, report, label, spent, app.now()).map_err(invalid)?;
        manifest::write(&*app.store, circuit).await.map_err(outage)
    }
}

/// The bytes of a file that does not change, without a copy in memory.
pub(super) fn mapped(path: &Path) -> std::io::Result<Bytes> {
    let file = File::open(path)?;
    local::bytes(&file, file.metadata()?.len())
}

/// The inputs for the circuit's document; none if they are too many or too deep.
fn inputs(found: &[ImportedInput]) -> Vec<InputSignal> {
    let count: usize = found.iter().map(|input| parts(&input.shape)).sum();
    let depth = found.iter().map(|input| depth(&input.shape)).max();
    if count > MOST_INPUTS || depth > Some(DEEPEST) {
        return Vec::new();
    }
    let input = |ImportedInput { name, shape, public }: &ImportedInput| InputSignal {
        name: name.clone(),
        shape: shape.clone(),
        public: *public,
    };
    found.iter().map(input).collect()
}

fn parts(shape: &Shape) -> usize {
    match shape {
        Shape::Value => 1,
        Shape::Array(_, item) => parts(item),
        Shape::Fields(fields) => fields.iter().map(|(_, shape)| parts(shape)).sum(),
    }
}

fn depth(shape: &Shape) -> usize {
    match shape {
        Shape::Value => 1,
        Shape::Array(_, item) => 1 + depth(item),
        Shape::Fields(fields) => 1 + fields.iter().map(|(_, shape)| depth(shape)).max().unwrap_or(0),
    }
}
