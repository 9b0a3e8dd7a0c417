//! Moves artifacts that no document needs to the trash, and empties the trash.
//!
//! A missing document is no reason to delete a key: the catalog may be an older one, or the wrong one. An artifact
//! without a document is noted first, with the moment. After a time of grace it is moved below `trash/`, and deleted
//! from there after more time. A restored catalog that knows it again ends this.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Circuit, Document as _, Stored};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::UploadId;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, Generation, PutMode, StoreError, Unit};
use zkflow_core::service::upload::Upload;

use super::{Data, DataError};

/// Times until an artifact without a document is gone.
#[derive(Debug, Clone, Copy)]
pub struct Grace {
    /// From the moment it is noted until it is moved to the trash.
    pub unclaimed: Duration,
    /// From then until it is deleted.
    pub trash: Duration,
}

/// What a pass does to an artifact, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The artifact, or the prefix of those of one document.
    pub what: String,
    /// What is done.
    pub step: Step,
    /// The reason.
    pub why: &'static str,
}

/// Steps from needed to deleted, and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Noted as without a document.
    Note,
    /// No longer noted.
    Forget,
    /// Moved to the trash.
    Discard,
    /// Deleted.
    Delete,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "noted as without a document",
            Self::Forget => "no longer noted",
            Self::Discard => "moved to the trash",
            Self::Delete => "deleted",
        })
    }
}

/// `circuits/…: moved to the trash: the catalog does not know the circuit`
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.step, self.why)
    }
}

/// Walks the whole store. Calls `report` before each action; with `act` false, nothing is changed. `report` returns
/// whether to go on.
///
/// Artifacts whose path is unknown to this version are left alone; returns their number.
///
/// # Errors
/// A backend fails. The next pass continues.
pub async fn pass(
    data: &Data,
    grace: Grace,
    act: bool,
    report: &mut (dyn FnMut(&Action) -> bool + Send),
) -> Result<u64, DataError> {
    let mut pass = Pass {
        data,
        grace,
        act,
        report,
        units: HashMap::new(),
        circuit: None,
        uploads: None,
        stopped: false,
    };
    let mut unknown = 0;
    let mut keys = data.store.list("");
    while let Some(key) = keys.try_next().await? {
        match key.as_str().parse::<ArtifactPath>() {
            Ok(path) => pass.look(&key, path).await?,
            Err(_) => unknown += 1,
        }
        if pass.stopped {
            break;
        }
    }
    Ok(unknown)
}

/// Sealed inputs are written before their request; younger ones may still get a request. Parts of uploads are as old as
/// their upload.
const SEALED_GRACE: Duration = Duration::from_secs(3600);

struct Pass<'a> {
    data: &'a Data,
    grace: Grace,
    act: bool,
    report: &'a mut (dyn FnMut(&Action) -> bool + Send),
    /// What is known of each unit that has no document.
    units: HashMap<Unit, Unclaimed>,
    /// The last circuit, since its files are listed together.
    circuit: Option<(CircuitId, Option<Circuit>)>,
    /// The uploads that are needed; `None` until the first part is seen.
    uploads: Option<HashSet<UploadId>>,
    stopped: bool,
}

/// A unit without a document.
#[derive(Clone, Copy)]
enum Unclaimed {
    /// The time of grace runs.
    Noted,
    /// The time of grace is over.
    Over,
}

/// Whether a document needs the artifacts of a unit.
enum Claim {
    Needed,
    /// The document exists, and needs them no more.
    Done,
    Missing(&'static str),
}

impl Pass<'_> {
    async fn look(&mut self, key: &ArtifactKey, path: ArtifactPath) -> Result<(), DataError> {
        if let Some(unit) = path.unit() {
            return self.look_at_unit(key, path, unit).await;
        }
        match &path {
            ArtifactPath::Contract { .. } => {
                self.delete(key, "contracts are generated when they are needed").await
            }
            ArtifactPath::Trash { since, .. } if self.data.now().since(*since) >= self.grace.trash => {
                self.delete(key, "its time in the trash is over").await
            }
            ArtifactPath::Unclaimed(unit) => self.look_at_note(key, unit).await,
            ArtifactPath::Upload { upload, .. } => match self.is_needed(key, upload).await? {
                true => Ok(()),
                false => self.delete(key, "the upload has expired, or its import has ended").await,
            },
            ArtifactPath::UploadPart { upload, .. } => match self.is_part_needed(upload).await? {
                true => Ok(()),
                false => self.delete(key, "its upload has ended").await,
            },
            _ => Ok(()),
        }
    }

    async fn look_at_unit(
        &mut self,
        key: &ArtifactKey,
        path: ArtifactPath,
        unit: Unit,
    ) -> Result<(), DataError> {
        let why = match self.claim(&unit).await? {
            Claim::Needed => return Ok(()),
            Claim::Done => return self.delete(key, "its document is final").await,
            Claim::Missing(why) => why,
        };
        let state = match self.units.get(&unit) {
            Some(state) => *state,
            None => {
                let state = self.note(&unit, why).await?;
                self.units.insert(unit, state);
                state
            }
        };
        if matches!(state, Unclaimed::Over) && self.tell(key.to_string(), Step::Discard, why) {
            let trash = ArtifactPath::Trash { since: self.data.now(), path: Box::new(path) };
            self.data.store.rename(key, &trash.key()).await?;
        }
        Ok(())
    }

    /// Whether an upload is younger than its time, or a pending circuit is imported from it.
    async fn is_needed(&mut self, key: &ArtifactKey, id: &UploadId) -> Result<bool, DataError> {
        let session = match self.data.store.get(key).await {
            Ok(session) => serde_json::from_slice::<Upload>(&session.body).ok(),
            Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(session) = session else { return Ok(self.is_young(id)) };
        let circuit = match &session.circuit {
            Some(circuit) => self.data.catalog.circuits().get(circuit).await?,
            None => None,
        };
        let import = circuit.as_ref().and_then(|circuit| circuit.origin.import());
        Ok(match (&circuit, import) {
            (Some(circuit), Some(import)) if import.upload == *id => !circuit.is_final(),
            _ => session.expires_at > self.data.now(),
        })
    }

    /// Whether the upload of a part is needed. All sessions are read once in a pass.
    async fn is_part_needed(&mut self, id: &UploadId) -> Result<bool, DataError> {
        if self.uploads.is_none() {
            let mut needed = HashSet::new();
            let data = self.data;
            let mut keys = data.store.list(ArtifactPath::UPLOADS);
            while let Some(key) = keys.try_next().await? {
                if let Ok(ArtifactPath::Upload { upload, .. }) = key.as_str().parse()
                    && self.is_needed(&key, &upload).await?
                {
                    needed.insert(upload);
                }
            }
            self.uploads = Some(needed);
        }
        // A session that was created after they were read is young.
        Ok(self.is_young(id) || self.uploads.as_ref().is_some_and(|needed| needed.contains(id)))
    }

    fn is_young(&self, id: &UploadId) -> bool {
        self.data.now().since(id.created_at()) <= SEALED_GRACE
    }

    /// Reads the note about a unit; writes it if there is none.
    async fn note(&mut self, unit: &Unit, why: &'static str) -> Result<Unclaimed, DataError> {
        let key = ArtifactPath::Unclaimed(unit.clone()).key();
        let since = match self.data.store.get(&key).await {
            Ok(note) => std::str::from_utf8(&note.body).ok().and_then(|text| text.parse::<Timestamp>().ok()),
            Err(StoreError::NotFound(_) | StoreError::Corrupt { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let now = self.data.now();
        if since.is_none() && self.tell(unit.to_string(), Step::Note, why) {
            let body = Bytes::from(now.to_string());
            self.data.store.put(&key, body, PutMode::Overwrite).await?;
        }
        let waited = now.since(since.unwrap_or(now));
        Ok(if waited >= self.grace.unclaimed { Unclaimed::Over } else { Unclaimed::Noted })
    }

    /// Removes the note about a unit that is needed again, or that has no artifacts any more.
    async fn look_at_note(&mut self, key: &ArtifactKey, unit: &Unit) -> Result<(), DataError> {
        let why = match self.claim(unit).await? {
            Claim::Needed => "a document needs it again",
            Claim::Done | Claim::Missing(_) => {
                if self.data.store.list(&unit.to_string()).try_next().await?.is_some() {
                    return Ok(());
                }
                "it is gone"
            }
        };
        if self.tell(unit.to_string(), Step::Forget, why) {
            self.data.store.delete(key).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, key: &ArtifactKey, why: &'static str) -> Result<(), DataError> {
        if self.tell(key.to_string(), Step::Delete, why) {
            self.data.store.delete(key).await?;
        }
        Ok(())
    }

    /// Reports an action; returns whether to do it.
    fn tell(&mut self, what: String, step: Step, why: &'static str) -> bool {
        self.stopped = !(self.report)(&Action { what, step, why });
        self.act && !self.stopped
    }

    async fn claim(&mut self, unit: &Unit) -> Result<Claim, DataError> {
        match unit {
            Unit::Circuit(generation) => self.claim_of_circuit(generation).await,
            Unit::Inputs(id) => {
                let proof = self.data.catalog.proofs().get(id).await?;
                Ok(self.claim_of(proof, id.created_at()))
            }
            Unit::Secrets(id) => {
                let deployment = self.data.catalog.deployments().get(id).await?;
                Ok(self.claim_of(deployment, id.created_at()))
            }
            // A worker removes the keys that an existing ceremony needs no more.
            Unit::Ceremony(id) => Ok(match self.data.catalog.ceremonies().get(id).await? {
                Some(_) => Claim::Needed,
                None => Claim::Missing("the catalog does not know the ceremony"),
            }),
        }
    }

    fn claim_of<D: Stored>(&self, document: Option<D>, sealed: Timestamp) -> Claim {
        match document {
            Some(document) if document.is_final() => Claim::Done,
            Some(_) => Claim::Needed,
            None if self.data.now().since(sealed) <= SEALED_GRACE => Claim::Needed,
            None => Claim::Missing("the catalog does not know the request"),
        }
    }

    async fn claim_of_circuit(&mut self, generation: &Generation) -> Result<Claim, DataError> {
        let id = &generation.circuit;
        if self.circuit.as_ref().is_none_or(|(last, _)| last != id) {
            self.circuit = Some((id.clone(), self.data.catalog.circuits().get(id).await?));
        }
        let prefix = generation.to_string();
        Ok(match self.circuit.as_ref().and_then(|(_, circuit)| circuit.as_ref()) {
            None => Claim::Missing("the catalog does not know the circuit"),
            Some(circuit) if !circuit.is_final() => Claim::Needed,
            Some(circuit) if circuit.artifacts.values().any(|meta| meta.key.is_under(&prefix)) => {
                Claim::Needed
            }
            Some(_) => Claim::Missing("the circuit has other files"),
        })
    }
}
