//! Backups: all documents and artifacts of an installation in a folder, while it runs.
//!
//! # Layout
//! - `blobs/AB/ABCD…` contains the artifacts, named by their SHA-256. A later backup adds the new ones.
//! - `TIME.jsonl` is the index of one backup, one JSON object per line: a header, artifacts with key and digest,
//!   documents, and a last line with the counts. An index without its last line is incomplete. Of two documents with one
//!   id, the later line counts.
//!
//! The key that seals private inputs is not part of a backup: with both, the inputs can be read.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{ApiKey, Ceremony, Circuit, Deployment, Page, ProofRequest, Stored};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;
use zkflow_core::service::store::{ArtifactKey, ArtifactMeta, ArtifactPath, Pieces, StoreError};
use zkflow_store::local::{self, CopyError};

use super::{Data, DataError};

/// Version of the layout.
pub(super) const FORMAT: u32 = 1;

/// A line of an index.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Entry {
    Backup(Header),
    Artifact(ArtifactMeta),
    Circuit(Box<Circuit>),
    Proof(Box<ProofRequest>),
    Deployment(Box<Deployment>),
    Ceremony(Box<Ceremony>),
    Key(Box<ApiKey>),
    End(Counts),
}

/// First line of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) program: String,
    pub(super) installation: Option<InstallationId>,
    pub(super) begun: Timestamp,
}

/// Numbers of what a backup contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Circuits, proof requests, deployments, ceremonies and keys of the API.
    pub documents: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Artifacts that earlier backups in the folder did not contain.
    pub new_artifacts: u64,
    /// Bytes of the new artifacts.
    pub new_bytes: u64,
    /// Artifacts that are missing or damaged, so that the backup does not contain them.
    pub damaged: u64,
}

/// Makes a backup in `folder`, which is created if needed. Reports each damaged artifact to `problem`.
///
/// The backup contains every document that existed at the start, in the state of then or later, with the artifacts that
/// this state needs. Returns the path of the index, and what it contains.
///
/// # Errors
/// A backend fails, or a file cannot be written. The folder then contains no complete index of this backup.
pub async fn backup(
    data: &Data,
    folder: &Path,
    problem: &mut (dyn FnMut(&StoreError) + Send),
) -> Result<(PathBuf, Counts), DataError> {
    let begun = data.now();
    let mut index = Index::create(folder, begun)?;
    let installation = data.catalog.installation().await?;
    let program = concat!("zkflow ", env!("CARGO_PKG_VERSION")).to_owned();
    index.write(&Entry::Backup(Header { format: FORMAT, program, installation, begun }))?;

    let circuits = documents::<Circuit>(data, &mut index).await?;
    let proofs = documents::<ProofRequest>(data, &mut index).await?;
    let deployments = documents::<Deployment>(data, &mut index).await?;
    let ceremonies = documents::<Ceremony>(data, &mut index).await?;
    api_keys(data, &mut index).await?;
    let mut keys = data.store.list("");
    while let Some(key) = keys.try_next().await? {
        if is_kept(&key) {
            copy(data, &key, &mut index, problem).await?;
        }
    }
    drop(keys);
    again::<Circuit>(data, circuits, &mut index, problem).await?;
    again::<ProofRequest>(data, proofs, &mut index, problem).await?;
    again::<Deployment>(data, deployments, &mut index, problem).await?;
    again::<Ceremony>(data, ceremonies, &mut index, problem).await?;
    missed(data, begun, &mut index, problem).await?;
    let counts = index.counts;
    index.write(&Entry::End(counts))?;
    Ok((index.finish()?, counts))
}

/// Whether backups contain the artifact: not what is in the trash, uploads, notes of the clean-up, pauses, and unknown paths.
fn is_kept(key: &ArtifactKey) -> bool {
    match key.as_str().parse() {
        Ok(
            ArtifactPath::Trash { .. }
            | ArtifactPath::Unclaimed(_)
            | ArtifactPath::Contract { .. }
            | ArtifactPath::Upload { .. }
            | ArtifactPath::UploadPart { .. }
            | ArtifactPath::Paused(_),
        )
        | Err(_) => false,
        Ok(_) => true,
    }
}

/// A document as a line of an index.
pub(super) trait Entered: Stored {
    fn entry(self) -> Entry;
}

impl Entered for Circuit {
    fn entry(self) -> Entry {
        Entry::Circuit(Box::new(self))
    }
}

impl Entered for ProofRequest {
    fn entry(self) -> Entry {
        Entry::Proof(Box::new(self))
    }
}

impl Entered for Deployment {
    fn entry(self) -> Entry {
        Entry::Deployment(Box::new(self))
    }
}

impl Entered for Ceremony {
    fn entry(self) -> Entry {
        Entry::Ceremony(Box::new(self))
    }
}

/// The artifacts that a ceremony needs.
pub(super) fn artifacts_of(ceremony: &Ceremony) -> Vec<ArtifactKey> {
    let constraints = ceremony.circuit.as_ref();
    let constraints = constraints.map(|_| ArtifactPath::CeremonyConstraints(ceremony.id.clone()).key());
    let record = ceremony.result.as_ref().map(|result| result.record.key.clone());
    ceremony.key.iter().map(|key| key.key.clone()).chain(constraints).chain(record).collect()
}

/// Writes all documents of a kind; returns the ids and epochs of those that were pending.
async fn documents<D: Entered>(data: &Data, index: &mut Index) -> Result<Vec<(D::Id, u64)>, DataError> {
    let mut pending = Vec::new();
    let mut all = pin!(super::documents::<D>(data, D::Filter::default()));
    while let Some(document) = all.try_next().await? {
        if !document.is_final() {
            pending.push((document.id().clone(), document.life().epoch));
        }
        index.counts.documents += 1;
        index.write(&document.entry())?;
    }
    Ok(pending)
}

/// Writes the keys of the API, of which the catalog has digests only.
async fn api_keys(data: &Data, index: &mut Index) -> Result<(), DataError> {
    let mut page = Page::first(super::PAGE);
    loop {
        let keys = data.catalog.keys().keys(None, &page).await?;
        page.after = keys.last().filter(|_| keys.len() == super::PAGE).map(ApiKey::cursor);
        for key in keys {
            index.counts.documents += 1;
            index.write(&Entry::Key(Box::new(key)))?;
        }
        if page.after.is_none() {
            return Ok(());
        }
    }
}

/// Writes the documents that changed since they were read, with their artifacts. Their sealed inputs may be gone.
async fn again<D: Entered>(
    data: &Data,
    pending: Vec<(D::Id, u64)>,
    index: &mut Index,
    problem: &mut (dyn FnMut(&StoreError) + Send),
) -> Result<(), DataError> {
    for (id, epoch) in pending {
        let Some(document) = D::collection(&*data.catalog).get(&id).await? else { continue };
        if document.life().epoch == epoch {
            continue;
        }
        let entry = document.entry();
        let artifacts: Vec<ArtifactKey> = match &entry {
            Entry::Circuit(circuit) => circuit.artifacts.values().map(|meta| meta.key.clone()).collect(),
            Entry::Ceremony(ceremony) => artifacts_of(ceremony),
            _ => Vec::new(),
        };
        for key in artifacts {
            copy(data, &key, index, problem).await?;
        }
        index.write(&entry)?;
    }
    Ok(())
}

/// Copies the files of circuits that the listing of the store did not show, and writes these circuits again: they were sealed
/// again meanwhile. Reports those that the store does not have: without its disk, a listing ends early without an error.
async fn missed(
    data: &Data,
    begun: Timestamp,
    index: &mut Index,
    problem: &mut (dyn FnMut(&StoreError) + Send),
) -> Result<(), DataError> {
    let mut ready = pin!(super::ready_circuits(data));
    while let Some(circuit) = ready.try_next().await? {
        let keys = circuit.artifacts.values().map(|meta| &meta.key);
        let missed: Vec<_> = keys.filter(|key| !index.copied.contains(*key)).cloned().collect();
        if missed.is_empty() || circuit.life.created_at > begun {
            continue;
        }
        for key in missed {
            copy(data, &key, index, problem).await?;
            if !index.copied.contains(&key) && is_needed(data, &circuit.id, &key).await? {
                index.counts.damaged += 1;
                problem(&StoreError::NotFound(key));
            }
        }
        index.write(&circuit.entry())?;
    }
    Ok(())
}

/// Whether the circuit exists, and has the file under this key.
async fn is_needed(data: &Data, circuit: &CircuitId, key: &ArtifactKey) -> Result<bool, DataError> {
    let circuit = data.catalog.circuits().get(circuit).await?;
    Ok(circuit.is_some_and(|circuit| circuit.artifacts.values().any(|meta| meta.key == *key)))
}

/// Copies an artifact, unless the folder contains its bytes.
async fn copy(
    data: &Data,
    key: &ArtifactKey,
    index: &mut Index,
    problem: &mut (dyn FnMut(&StoreError) + Send),
) -> Result<(), DataError> {
    if !index.copied.insert(key.clone()) {
        return Ok(());
    }
    let copied = async {
        let meta = data.store.head(key).await?;
        if index.blobs.has(&meta) {
            return Ok((meta, false));
        }
        // Compared with the digest that the store has recorded, which may be a later one.
        let pieces = data.store.stream(key, 0..u64::MAX).await?;
        let (size, sha256) = index.blobs.write(pieces).await?;
        Ok((ArtifactMeta { size, sha256, ..meta }, true))
    };
    let (meta, is_new) = match copied.await {
        Ok(copied) => copied,
        // Removed meanwhile, or missing.
        Err(DataError::Store(StoreError::NotFound(_))) => {
            index.copied.remove(key);
            return Ok(());
        }
        Err(DataError::Store(error @ StoreError::Corrupt { .. })) => {
            index.counts.damaged += 1;
            problem(&error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if is_new {
        index.counts.new_artifacts += 1;
        index.counts.new_bytes += meta.size;
    }
    index.counts.artifacts += 1;
    index.write(&Entry::Artifact(meta))
}

/// An index that is being written.
struct Index {
    path: PathBuf,
    file: BufWriter<File>,
    blobs: Blobs,
    /// Artifacts that were copied, or are damaged.
    copied: HashSet<ArtifactKey>,
    counts: Counts,
}

impl Index {
    fn create(folder: &Path, begun: Timestamp) -> Result<Self, DataError> {
        let blobs = Blobs::create(folder)?;
        let path = folder.join(format!("{}.jsonl", begun.to_string().replace(':', "-")));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = BufWriter::new(file.map_err(failed(&path))?);
        Ok(Self { path, file, blobs, copied: HashSet::new(), counts: Counts::default() })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), DataError> {
        let line = serde_json::to_string(entry).map_err(|error| DataError::Backup(error.to_string()))?;
        writeln!(self.file, "{line}").map_err(failed(&self.path))
    }

    fn finish(self) -> Result<PathBuf, DataError> {
        let synced = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        synced.and_then(|file| file.sync_all()).map_err(failed(&self.path))?;
        Ok(self.path)
    }
}

/// The artifacts of all backups in a folder, by digest.
pub(super) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.join("blobs") }
    }

    fn create(folder: &Path) -> Result<Self, DataError> {
        let blobs = Self::of(folder);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&blobs.folder);
        made.map_err(failed(&blobs.folder))?;
        Ok(blobs)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(&name[..2]).join(name)
    }

    fn has(&self, meta: &ArtifactMeta) -> bool {
        fs::metadata(self.path(&meta.sha256)).is_ok_and(|found| found.len() == meta.size)
    }

    /// Writes the pieces of an artifact; returns their length and digest.
    async fn write(&self, pieces: Pieces) -> Result<(u64, Digest), DataError> {
        let begun = NamedTempFile::new_in(&self.folder).and_then(|file| Ok((file.reopen()?, file)));
        let (writing, file) = begun.map_err(failed(&self.folder))?;
        let (size, digest) = local::copy(pieces, writing).await.map_err(|error| match error {
            CopyError::File(error) => failed(&self.folder)(error),
            CopyError::Store(error) => error.into(),
            error => DataError::Backup(error.to_string()),
        })?;
        let path = self.path(&digest);
        let folder = path.parent().unwrap_or(&self.folder);
        let placed = || {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        placed().map_err(failed(&path))?;
        Ok((size, digest))
    }

    /// The bytes with this digest; `None` if the folder does not contain them, or they are damaged. Large ones are mapped.
    pub(super) fn read(&self, digest: &Digest) -> Result<Option<Bytes>, DataError> {
        let path = self.path(digest);
        let read = || {
            let file = File::open(&path)?;
            local::bytes(&file, file.metadata()?.len())
        };
        match read() {
            Ok(bytes) => Ok((Digest::of(&bytes) == *digest).then_some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }
}

/// The newest complete index in a folder.
///
/// # Errors
/// There is none; a file cannot be read.
pub fn newest(folder: &Path) -> Result<PathBuf, DataError> {
    let entries = fs::read_dir(folder).map_err(failed(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    while let Some(path) = paths.pop() {
        let last = lines(&path)?.last().transpose().map_err(failed(&path))?.unwrap_or_default();
        if matches!(serde_json::from_str(&last), Ok(Entry::End(_))) {
            return Ok(path);
        }
    }
    Err(DataError::Backup(format!("{}: there is no complete backup", folder.display())))
}

/// The entries of an index, in order.
pub(super) fn entries(path: &Path) -> Result<impl Iterator<Item = Result<Entry, DataError>>, DataError> {
    let shown = path.display().to_string();
    let parse = move |(number, line): (usize, io::Result<String>)| {
        let line = line.map_err(|source| DataError::File { path: shown.clone(), source })?;
        serde_json::from_str(&line)
            .map_err(|error| DataError::Backup(format!("{shown}: line {}: {error}", number + 1)))
    };
    Ok(lines(path)?.enumerate().map(parse))
}

fn lines(path: &Path) -> Result<io::Lines<BufReader<File>>, DataError> {
    Ok(BufReader::new(File::open(path).map_err(failed(path))?).lines())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.display().to_string();
    |source| DataError::File { path, source }
}
