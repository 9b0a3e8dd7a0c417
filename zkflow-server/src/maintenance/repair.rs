//! Takes missing and damaged files of circuits back from a backup.

use std::path::Path;
use std::pin::pin;

use futures::TryStreamExt as _;
use zkflow_core::digest::Hasher;
use zkflow_core::service::store::{ArtifactMeta, PutMode, StoreError};

use super::backup::Blobs;
use super::{Data, DataError};

/// What [`repair`] did about a missing or damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repaired {
    /// The file is in its place again.
    Restored,
    /// A backup contains the file; nothing was changed.
    Found,
    /// No backup in the folder contains the file.
    Lost,
}

/// Numbers of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that were read.
    pub files: u64,
    /// Files that were restored, or could be.
    pub repaired: u64,
    /// Files that are missing or damaged, and in no backup.
    pub lost: u64,
}

/// Reads every file of every ready circuit. Replaces a missing or damaged one by the backup's file with the same digest,
/// which the catalog knows; with `act` false, nothing is changed. Reports each such file.
///
/// # Errors
/// The folder does not exist, a backend fails, or a file of the backup cannot be read.
pub async fn repair(
    data: &Data,
    folder: &Path,
    act: bool,
    report: &mut (dyn FnMut(&ArtifactMeta, Repaired) + Send),
) -> Result<Checked, DataError> {
    if !folder.is_dir() {
        return Err(DataError::Backup(format!("{}: there is no such folder of backups", folder.display())));
    }
    let blobs = Blobs::of(folder);
    let mut checked = Checked::default();
    let mut circuits = pin!(super::ready_circuits(data));
    while let Some(circuit) = circuits.try_next().await? {
        for meta in circuit.artifacts.values() {
            checked.files += 1;
            match is_intact(data, meta).await {
                Ok(true) => continue,
                Ok(false) | Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let outcome = match blobs.read(&meta.sha256)? {
                None => Repaired::Lost,
                Some(_) if !act => Repaired::Found,
                Some(bytes) => {
                    data.store.put(&meta.key, bytes, PutMode::Overwrite).await?;
                    Repaired::Restored
                }
            };
            match outcome {
                Repaired::Lost => checked.lost += 1,
                Repaired::Restored | Repaired::Found => checked.repaired += 1,
            }
            report(meta, outcome);
        }
    }
    Ok(checked)
}

/// Whether the stored bytes are those of the catalog. Reads them in pieces, from the store itself.
async fn is_intact(data: &Data, meta: &ArtifactMeta) -> Result<bool, StoreError> {
    let mut pieces = data.store.stream(&meta.key, 0..u64::MAX).await?;
    let mut hasher = Hasher::default();
    while let Some(piece) = pieces.try_next().await? {
        hasher.update(&piece);
    }
    Ok(hasher.finish() == meta.sha256)
}
