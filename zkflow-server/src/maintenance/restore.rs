//! Puts the documents and artifacts of a backup back.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use zkflow_core::service::id::SealKeyId;
use zkflow_core::service::store::{ArtifactKey, ArtifactMeta, ArtifactPath, PutMode, StoreError};

use super::backup::{Blobs, Entered, Entry, FORMAT, Header, artifacts_of, entries};
use super::binding;
use super::{Data, DataError};

/// Numbers of what was restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Documents that were added.
    pub documents: u64,
    /// Documents that the catalog already had; they are unchanged.
    pub present_documents: u64,
    /// Artifacts that were added, or replaced because they were damaged.
    pub artifacts: u64,
    /// Artifacts that the store already had.
    pub present_artifacts: u64,
}

/// Restores the backup with this index. Adds what is missing, and changes nothing that is there: a repeated or
/// interrupted call continues. Reports what cannot be restored to `problem`.
///
/// # Errors
/// The index is incomplete; the catalog or the store belongs to another installation; the inputs in the backup are sealed
/// under another key; a backend fails.
pub async fn restore(
    data: &Data,
    index: &Path,
    problem: &mut (dyn FnMut(&str) + Send),
) -> Result<Restored, DataError> {
    let (header, lasts) = survey(index)?;
    let blobs = Blobs::of(index.parent().unwrap_or(Path::new(".")));
    check(data, &header, index, &blobs).await?;

    let (mut restored, mut there) = (Restored::default(), HashSet::new());
    for entry in entries(index)? {
        let Entry::Artifact(meta) = entry? else { continue };
        if meta.key == ArtifactPath::VaultKeyId.key() {
            note_key(data, &blobs, &meta).await?;
        } else if put(data, &blobs, &meta, &mut restored, problem).await? {
            there.insert(meta.key);
        }
    }
    for (number, entry) in entries(index)?.enumerate() {
        let entry = entry?;
        if id_of(&entry).is_some_and(|id| lasts.get(&id) != Some(&number)) {
            continue;
        }
        match entry {
            Entry::Circuit(circuit) => {
                let missing = circuit.artifacts.values().find(|meta| !there.contains(&meta.key));
                match missing {
                    Some(meta) => problem(&format!("circuit {}: {} is missing", circuit.id, meta.key)),
                    None => add(data, *circuit, &mut restored).await?,
                }
            }
            Entry::Proof(proof) => add(data, *proof, &mut restored).await?,
            Entry::Deployment(deployment) => add(data, *deployment, &mut restored).await?,
            Entry::Ceremony(ceremony) => {
                match artifacts_of(&ceremony).iter().find(|key| !there.contains(key)) {
                    Some(key) => problem(&format!("ceremony {}: {key} is missing", ceremony.id)),
                    None => add(data, *ceremony, &mut restored).await?,
                }
            }
            Entry::Key(key) => match data.catalog.keys().key(&key.id).await? {
                Some(_) => restored.present_documents += 1,
                None => {
                    data.catalog.keys().add(&key).await?;
                    restored.documents += 1;
                }
            },
            Entry::Backup(_) | Entry::Artifact(_) | Entry::End(_) => {}
        }
    }
    if let Some(id) = &header.installation {
        data.catalog.bind(id, false).await?;
    }
    Ok(restored)
}

/// The header, and the last line of each document.
fn survey(index: &Path) -> Result<(Header, HashMap<String, usize>), DataError> {
    let invalid = |what: &str| DataError::Backup(format!("{}: {what}", index.display()));
    let (mut header, mut lasts, mut ended) = (None, HashMap::new(), false);
    for (number, entry) in entries(index)?.enumerate() {
        let entry = entry?;
        if let Some(id) = id_of(&entry) {
            lasts.insert(id, number);
        }
        ended = matches!(entry, Entry::End(_));
        if let Entry::Backup(found) = entry {
            header = Some(found);
        }
    }
    let header = header.ok_or_else(|| invalid("it is not the index of a backup"))?;
    if header.format != FORMAT {
        return Err(invalid(&format!("format {} is not supported: upgrade zkflow", header.format)));
    }
    if !ended {
        return Err(invalid("the backup is incomplete"));
    }
    Ok((header, lasts))
}

fn id_of(entry: &Entry) -> Option<String> {
    match entry {
        Entry::Circuit(circuit) => Some(circuit.id.to_string()),
        Entry::Proof(proof) => Some(proof.id.to_string()),
        Entry::Deployment(deployment) => Some(deployment.id.to_string()),
        Entry::Ceremony(ceremony) => Some(ceremony.id.to_string()),
        Entry::Key(key) => Some(key.id.to_string()),
        Entry::Backup(_) | Entry::Artifact(_) | Entry::End(_) => None,
    }
}

/// Checks that the backup belongs to this catalog, this store and this key.
async fn check(data: &Data, header: &Header, index: &Path, blobs: &Blobs) -> Result<(), DataError> {
    let found = [data.catalog.installation().await?, binding::stored(data).await?];
    for found in found.into_iter().flatten() {
        if header.installation.as_ref() != Some(&found) {
            return Err(DataError::Backup(format!(
                "{}: the backup belongs to another installation than the catalog or the artifact store ({found})",
                index.display()
            )));
        }
    }
    let key_id = ArtifactPath::VaultKeyId.key();
    for entry in entries(index)? {
        let Entry::Artifact(meta) = entry? else { continue };
        if meta.key == key_id && sealed_with(blobs, &meta)?.is_some_and(|id| !data.vault.knows(&id)) {
            return Err(DataError::Backup(format!(
                "{}: the inputs in the backup are sealed under another key: set ZKFLOW_SECRET_KEY, or put \
                 secret.key into the data folder",
                index.display()
            )));
        }
    }
    Ok(())
}

/// The key that the backup was sealed with.
fn sealed_with(blobs: &Blobs, meta: &ArtifactMeta) -> Result<Option<SealKeyId>, DataError> {
    let body = blobs.read(&meta.sha256)?;
    Ok(body.and_then(|body| std::str::from_utf8(&body).ok()?.parse().ok()))
}

/// Records the key of the backup, which may be an earlier one than that of the store.
async fn note_key(data: &Data, blobs: &Blobs, meta: &ArtifactMeta) -> Result<(), DataError> {
    match sealed_with(blobs, meta)? {
        Some(id) => Ok(data.vault.note(&id).await?),
        None => Ok(()),
    }
}

/// Puts an artifact, unless it is there; returns whether it is there now.
async fn put(
    data: &Data,
    blobs: &Blobs,
    meta: &ArtifactMeta,
    restored: &mut Restored,
    problem: &mut (dyn FnMut(&str) + Send),
) -> Result<bool, DataError> {
    let key: &ArtifactKey = &meta.key;
    let mode = match data.store.head(key).await {
        Ok(found) if found.sha256 == meta.sha256 => {
            restored.present_artifacts += 1;
            return Ok(true);
        }
        Ok(_) => {
            problem(&format!("{key}: the store has another file, which stays"));
            return Ok(false);
        }
        Err(StoreError::NotFound(_)) => PutMode::Create,
        Err(StoreError::Corrupt { .. }) => PutMode::Overwrite,
        Err(error) => return Err(error.into()),
    };
    let Some(bytes) = blobs.read(&meta.sha256)? else {
        problem(&format!("{key}: the backup's copy is missing or damaged"));
        return Ok(false);
    };
    data.store.put(key, bytes, mode).await?;
    restored.artifacts += 1;
    Ok(true)
}

async fn add<D: Entered>(data: &Data, document: D, restored: &mut Restored) -> Result<(), DataError> {
    let collection = D::collection(&*data.catalog);
    if collection.get(document.id()).await?.is_some() {
        restored.present_documents += 1;
    } else if collection.insert(document).await?.1 {
        restored.documents += 1;
    } else {
        restored.present_documents += 1;
    }
    Ok(())
}
