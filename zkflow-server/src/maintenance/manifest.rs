//! Manifests: the document of each ready circuit, stored beside its files. A lost catalog is made again from them.

use std::io::Cursor;
use std::pin::pin;

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::circuit::FileName;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, CircuitStatus};
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{ArtifactPath, ArtifactStore, Generation, PutMode, StoreError, Unit};
use zkflow_core::setup::{SetupRecord, gate};

use super::binding::{self, BindingError};
use super::{Data, DataError};

/// Writes the manifest of a ready circuit.
///
/// # Errors
/// The store fails.
pub async fn write(store: &dyn ArtifactStore, circuit: &Circuit) -> Result<(), StoreError> {
    let Some(generation) = generation(circuit) else { return Ok(()) };
    let key = ArtifactPath::Manifest(generation).key();
    let body = serde_json::to_vec_pretty(circuit)
        .map_err(|error| StoreError::backend(format!("writing {key}"), error))?;
    store.put(&key, Bytes::from(body), PutMode::Overwrite).await.map(drop)
}

/// Writes the manifests that are missing: those of circuits of earlier versions. Returns their number.
///
/// # Errors
/// A backend fails.
pub async fn complete(data: &Data) -> Result<u64, DataError> {
    let mut written = 0;
    let mut circuits = pin!(super::ready_circuits(data));
    while let Some(circuit) = circuits.try_next().await? {
        let Some(generation) = generation(&circuit) else { continue };
        match data.store.head(&ArtifactPath::Manifest(generation).key()).await {
            Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => {
                write(&*data.store, &circuit).await?;
                written += 1;
            }
            found => drop(found?),
        }
    }
    Ok(written)
}

/// The files of a ready circuit.
pub(crate) fn generation(circuit: &Circuit) -> Option<Generation> {
    let meta = circuit.artifacts.values().next()?;
    match meta.key.as_str().parse() {
        Ok(ArtifactPath::CircuitFile { generation, .. } | ArtifactPath::ResealedFile { generation, .. }) => {
            Some(generation)
        }
        _ => None,
    }
}

/// What [`rebuild`] found about the files of a circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rebuilt {
    /// The circuit was added to the catalog.
    Added,
    /// The catalog already has the circuit.
    Present,
    /// The circuit was not added, for this reason.
    Refused(String),
}

/// Adds every circuit of the store that the catalog does not know, and binds the catalog to the store's installation.
///
/// A circuit is added only with all its files, and with a record of its keys that this installation sealed: the label of
/// the keys comes from there. An imported key without a record is judged again.
///
/// # Errors
/// The catalog belongs to another installation; a backend fails.
pub async fn rebuild(
    data: &Data,
    report: &mut (dyn FnMut(&CircuitId, &Rebuilt) + Send),
) -> Result<InstallationId, BindingError> {
    let id = match (data.catalog.installation().await?, binding::stored(data).await?) {
        (Some(catalog), Some(store)) if catalog != store => {
            return Err(BindingError::Different { catalog, store });
        }
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => InstallationId::generate(data.now()),
    };
    for generation in generations(data).await? {
        let rebuilt = match data.catalog.circuits().get(&generation.circuit).await? {
            Some(_) => Rebuilt::Present,
            None => match described(data, &generation).await? {
                Ok(mut circuit) => {
                    circuit.life.epoch = 0;
                    data.catalog.circuits().insert(circuit).await?;
                    Rebuilt::Added
                }
                Err(why) => Rebuilt::Refused(why),
            },
        };
        report(&generation.circuit, &rebuilt);
    }
    binding::put(data, &id, PutMode::Overwrite).await?;
    Ok(data.catalog.bind(&id, true).await?)
}

/// All generations in the store, the newest of each circuit first.
async fn generations(data: &Data) -> Result<Vec<Generation>, StoreError> {
    let mut found = Vec::new();
    let mut keys = data.store.list(ArtifactPath::CIRCUITS);
    while let Some(key) = keys.try_next().await? {
        let path = key.as_str().parse::<ArtifactPath>();
        if let Some(Unit::Circuit(generation)) = path.ok().and_then(|path| path.unit()) {
            found.push(generation);
        }
    }
    // The id of a job begins with its time.
    found.sort_by(|a, b| (&a.circuit, &b.job, b.attempt).cmp(&(&b.circuit, &a.job, a.attempt)));
    found.dedup();
    Ok(found)
}

/// The circuit that a manifest describes, if everything that it says is so; otherwise the reason.
async fn described(data: &Data, generation: &Generation) -> Result<Result<Circuit, String>, StoreError> {
    let manifest = match data.store.get(&ArtifactPath::Manifest(generation.clone()).key()).await {
        Ok(manifest) => manifest.body,
        Err(StoreError::NotFound(_)) => return Ok(Err("it has no manifest".to_owned())),
        Err(error @ StoreError::Corrupt { .. }) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let circuit: Circuit = match serde_json::from_slice(&manifest) {
        Ok(circuit) => circuit,
        Err(error) => return Ok(Err(format!("its manifest: {error}"))),
    };
    let own = generation.to_string();
    let of_this = circuit.id == generation.circuit
        && circuit.id == CircuitId::from_hash(&circuit.circuit_hash)
        && circuit.life.status == CircuitStatus::Ready
        && circuit.artifacts.values().all(|meta| meta.key.is_under(&own));
    if !of_this {
        return Ok(Err("its manifest describes other files".to_owned()));
    }
    for meta in circuit.artifacts.values() {
        match data.store.head(&meta.key).await {
            Ok(found) if found == *meta => {}
            Ok(_) => return Ok(Err(format!("{} is another file than its manifest says", meta.key))),
            Err(error @ (StoreError::NotFound(_) | StoreError::Corrupt { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(check_label(data, &circuit).await?.map(|()| circuit))
}

/// Checks that the label of the circuit is the one of a record that this installation sealed, or the one that its imported
/// key claims by its own contributions.
async fn check_label(data: &Data, circuit: &Circuit) -> Result<Result<(), String>, StoreError> {
    let file = |name: FileName| circuit.artifacts.get(name.as_str());
    let Some(zkey) = file(FileName::ProvingKey) else { return Ok(Err("it has no proving key".to_owned())) };
    let Some(setup) = file(FileName::Setup) else {
        if circuit.origin.import().is_none() {
            return Ok(Err("it has no record of its proving key".to_owned()));
        }
        let key = data.store.get(&zkey.key).await?.body;
        return Ok(check_claim(circuit, key));
    };
    let record = data.store.get(&setup.key).await?.body;
    let provenance = SetupRecord::from_json(&record).and_then(|record| {
        record.check_seal(&data.record_key(), &zkey.sha256)?;
        Ok(record.provenance)
    });
    Ok(match provenance {
        Ok(provenance) if (Some(provenance), None) == (circuit.provenance, circuit.claimed) => Ok(()),
        Ok(_) => Err("its manifest has another label than the record of its keys".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

fn check_claim(circuit: &Circuit, key: Bytes) -> Result<(), String> {
    let key = ZKeyFile::open(Cursor::new(key)).map_err(|error| error.to_string())?;
    let verdict = gate::judge_at_length(key.head());
    if circuit.forgeable.is_some() {
        let found = verdict.weakness().map(ToString::to_string);
        return match (found == circuit.forgeable, circuit.provenance, circuit.claimed) {
            (true, None, None) => Ok(()),
            _ => Err("its manifest has another label than its key".to_owned()),
        };
    }
    let label = verdict.admit(true).map_err(|error| error.to_string())?;
    let provenance = Some(label.provenance());
    let found = if label.is_claimed() { (None, provenance) } else { (provenance, None) };
    match found == (circuit.provenance, circuit.claimed) {
        true => Ok(()),
        false => Err("its manifest has another label than its key claims".to_owned()),
    }
}
