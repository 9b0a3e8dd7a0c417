//! Loads a circuit from the store, for proofs and for the examples of deployments.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use zkflow_core::circuit::{CircuitSource, FileName, LoadError, LoadedCircuit};
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::prove::{PreparedKey, Prover};
use zkflow_core::service::catalog::{Circuit, Failure};
use zkflow_core::service::store::ArtifactMeta;

use super::{Stop, blocking, stop, stop_or_outage};
use crate::maintenance::tape;
use crate::state::App;
use crate::telemetry::stage_took;

/// Reads the files of a ready circuit and its prepared key, from the prover's disk cache if it is there.
pub(super) async fn load(app: &Arc<App>, circuit: &Circuit) -> Result<LoadedCircuit, Stop> {
    let began = Instant::now();
    let digest = meta(circuit, FileName::ProvingKey)?.sha256;
    let prover = Arc::clone(&app.prover);
    let key = blocking(move || prover.recall(&digest)).await?;
    let mut files = BTreeMap::new();
    for name in [FileName::Wasm, FileName::R1cs, FileName::Sym, FileName::Tape, FileName::ProvingKey] {
        if name == FileName::ProvingKey && key.is_some() {
            continue;
        }
        if let Some(artifact) = app.artifact(circuit, name.as_str()).await.map_err(stop_or_outage)? {
            if name == FileName::Tape && !tape::is_sealed(&app.vault, &circuit.id, &artifact.body) {
                tracing::warn!(circuit = %circuit.id, "tape without the seal of this vault: witnesses are slower");
                continue;
            }
            files.insert(name, artifact.body);
        }
    }
    let (files, shared) = (Fetched { files, key }, Arc::clone(app));
    let open = move || {
        let limits = shared.config.limits.witness();
        LoadedCircuit::open_with(&files, &*shared.prover, &shared.sandbox, limits)
    };
    let loaded = blocking(open).await?.map_err(stop)?;
    if let Some(weakness) = &circuit.forgeable {
        tracing::warn!(circuit = %circuit.id, weakness, "proofs with a forgeable key: replace its contract");
    }
    if let Some(error) = loaded.unused_tape() {
        tracing::warn!(circuit = %circuit.id, %error, "unusable tape: witnesses are slower");
    }
    stage_took("proof", "load", began.elapsed());
    Ok(loaded)
}

/// Digest of the files that decide a proof. Imported circuits with the same key can have other modules and names. The tape
/// follows from the module.
pub(super) fn files(circuit: &Circuit) -> Result<Digest, Stop> {
    let mut digest = Hasher::default();
    digest.field(meta(circuit, FileName::ProvingKey)?.sha256.as_bytes());
    for name in [FileName::Wasm, FileName::R1cs, FileName::Sym] {
        let file = circuit.artifacts.get(name.as_str());
        digest.field(file.map_or(&[][..], |file| file.sha256.as_bytes()));
    }
    Ok(digest.finish())
}

/// Metadata of a circuit's file.
pub(super) fn meta(circuit: &Circuit, name: FileName) -> Result<&ArtifactMeta, Stop> {
    circuit.artifacts.get(name.as_str()).ok_or_else(|| {
        Stop::Final(Failure {
            code: "artifact_missing".to_owned(),
            message: format!("the circuit has no {name}"),
        })
    })
}

/// Files from the store, and the prepared key if the disk cache contains it.
struct Fetched {
    files: BTreeMap<FileName, Bytes>,
    key: Option<Arc<dyn PreparedKey>>,
}

impl CircuitSource for Fetched {
    fn file(&self, name: FileName) -> Result<Option<Cow<'_, [u8]>>, LoadError> {
        Ok(self.files.get(&name).map(|bytes| Cow::Borrowed(&**bytes)))
    }

    fn key(&self, prover: &dyn Prover) -> Result<Arc<dyn PreparedKey>, LoadError> {
        match &self.key {
            Some(key) => Ok(Arc::clone(key)),
            None => Ok(prover.load(&self.required(FileName::ProvingKey)?)?),
        }
    }
}
