//! The initial key, one contribution, and the end.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt as _;
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::error::Classified;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::{KeyHead, ZKeyFile};
use zkflow_core::provenance::Provenance;
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{Ceremony, CeremonyResult, Failure, FileRole};
use zkflow_core::service::ceremony::{CeremonyCircuit, ReceivedContribution};
use zkflow_core::service::store::{ArtifactMeta, ArtifactPath, PutMode};
use zkflow_core::setup::{Beacon, CeremonyError, Powers, StepOptions, gate, phase2};
use zkflow_queue::JobError;

use super::super::import::{gather, gone, of_upload};
use super::super::made::mapped;
use super::super::scratch::{Scratch, unwritable};
use super::super::{Stop, blocking, outage, stop_or_outage};
use super::{Ceremonies, Outcome};
use crate::service::uploads;
use crate::state::App;

/// Memory of a step for points.
const MEMORY: u64 = 256 << 20;

fn options() -> StepOptions<'static> {
    StepOptions::default().with_memory(MEMORY)
}

impl Ceremonies {
    /// Makes the initial key from the constraints and the powers of tau, and keeps the constraints.
    pub(super) async fn prepare(&self, ceremony: &Ceremony) -> Result<Outcome, Stop> {
        let app = &self.app;
        let circuit = app.catalog.circuits().get(&ceremony.circuit_id).await.map_err(outage)?;
        let circuit = circuit.ok_or_else(|| no_circuit("the circuit was deleted"))?;
        let constraints = app.artifact(&circuit, FileName::R1cs.as_str()).await.map_err(stop_or_outage)?;
        let constraints = constraints.ok_or_else(|| no_circuit("the circuit has no constraints"))?;
        let scratch = self.scratch().await?;
        let (shared, path, r1cs) = (Arc::clone(app), scratch.path("initial"), constraints.body.clone());
        let made = blocking(move || {
            let circuit = R1cs::read(&r1cs).map_err(of_upload)?;
            let mut powers = powers(&shared, &circuit)?;
            let out = BufWriter::new(File::create_new(&path).map_err(unwritable)?);
            let head = phase2::create(&circuit, powers.file(), out, options()).map_err(of_upload)?;
            Ok::<_, Stop>(CeremonyCircuit {
                r1cs: Digest::of(&r1cs),
                circuit_hash: hex::encode(head.circuit_hash),
                powers: hex::encode(powers.hash()),
                powers_origin: powers.origin().to_string(),
            })
        });
        let circuit = made.await??;
        let key = ArtifactPath::CeremonyConstraints(ceremony.id.clone()).key();
        app.store.put(&key, constraints.body, PutMode::Overwrite).await.map_err(outage)?;
        Ok(Outcome::Prepared(circuit, self.keep(ceremony, &scratch.path("initial")).await?))
    }

    /// Verifies the submitted contribution against the present key.
    pub(super) async fn verify(&self, ceremony: &Ceremony) -> Result<Outcome, Stop> {
        let app = &self.app;
        let first = ceremony.places.first();
        let (Some(upload), Some(received_at)) =
            (first.and_then(|first| first.upload.as_ref()), first.and_then(|first| first.submitted_at))
        else {
            return Err(gone());
        };
        let upload = uploads::read(app, &ceremony.life.tenant, upload).await.map_err(stop_or_outage)?;
        let scratch = gather(app, &upload.ok_or_else(gone)?).await?;
        let sent = scratch.file(FileRole::ProvingKey).cloned().ok_or_else(gone)?;
        let present = present_key(ceremony)?;
        fetch(app, present, &scratch, "previous").await?;

        let number = u32::try_from(ceremony.contributions.len() + 1).unwrap_or(u32::MAX);
        let (previous, path, digest) = (scratch.path("previous"), sent.path.clone(), sent.sha256);
        let verified = blocking(move || {
            let mut previous = open(&previous).map_err(broken)?;
            let mut key = open(&path).map_err(of_upload)?;
            let one =
                phase2::verify_step(&mut previous, &mut key, &mut os_rng(), options()).map_err(of_upload)?;
            demand_secret(key.head(), number)?;
            Ok::<_, Stop>(ReceivedContribution::new(number, &one, digest, received_at))
        });
        let contribution = verified.await??;
        Ok(Outcome::Accepted(contribution, self.keep(ceremony, &sent.path).await?))
    }

    /// Applies the beacon, verifies the whole chain, writes the record and requests the circuit with the key.
    pub(super) async fn finish(&self, ceremony: &Ceremony) -> Result<Outcome, Stop> {
        let app = &self.app;
        let present = present_key(ceremony)?;
        let scratch = self.scratch().await?;
        fetch(app, present, &scratch, "last").await?;
        let constraints = ArtifactPath::CeremonyConstraints(ceremony.id.clone()).key();
        let stored = app.store.head(&constraints).await.map_err(stop_or_outage)?;
        fetch(app, &stored, &scratch, "constraints").await?;
        let path = scratch.path("constraints");
        let r1cs = blocking(move || mapped(&path)).await?.map_err(unwritable)?;
        let (shared, asked) = (Arc::clone(app), ceremony.clone());
        let (last, path) = (scratch.path("last"), scratch.path("final"));
        let provenance = blocking(move || end(&shared, &asked, &r1cs, &last, &path)).await??;

        let key = self.keep(ceremony, &scratch.path("final")).await?;
        let record = ceremony.record(key.sha256, provenance).ok_or_else(gone)?;
        let place = ArtifactPath::CeremonyRecord(ceremony.id.clone()).key();
        let body = record.to_json().into_bytes().into();
        let record = app.store.put(&place, body, PutMode::Overwrite).await.map_err(outage)?;
        let (circuit_id, problem) = match self.install(ceremony, &scratch.path("final"), &key).await? {
            Ok(circuit) => (Some(circuit), None),
            Err(problem) => (None, Some(problem)),
        };
        Ok(Outcome::Completed(key, CeremonyResult { provenance, record, circuit_id, problem }))
    }

    async fn scratch(&self) -> Result<Scratch, Stop> {
        let folder = self.app.scratch.clone();
        blocking(move || Scratch::create(folder.as_deref())).await?.map_err(unwritable)
    }

    /// Stores a key under its digest.
    async fn keep(&self, ceremony: &Ceremony, path: &Path) -> Result<ArtifactMeta, JobError> {
        let path = path.to_owned();
        let read = move || mapped(&path).map(|bytes| (Digest::of(&bytes), bytes));
        let unreadable = |error: std::io::Error| JobError::retry("file_unreadable", error.to_string());
        let (key, bytes) = blocking(read).await?.map_err(unreadable)?;
        let place = ArtifactPath::CeremonyKey { ceremony: ceremony.id.clone(), key }.key();
        self.app.store.put(&place, bytes, PutMode::Overwrite).await.map_err(outage)
    }
}

/// Applies the beacon and writes the final key to `path`; returns its label.
fn end(app: &App, ceremony: &Ceremony, r1cs: &[u8], last: &Path, path: &Path) -> Result<Provenance, Stop> {
    let (Some(given), Some(circuit)) = (&ceremony.beacon, &ceremony.circuit) else { return Err(gone()) };
    let value = hex::decode(&given.value).unwrap_or_default();
    let beacon = Beacon::new(&value, ceremony.rules.beacon.exponent).map_err(of_upload)?;
    let constraints = R1cs::read(r1cs).map_err(broken)?;
    let mut powers = powers(app, &constraints)?;
    if hex::encode(powers.hash()) != circuit.powers {
        return Err(Stop::Final(Failure {
            code: "powers_changed".to_owned(),
            message: "the server has other powers of tau than at the beginning of the ceremony: set PTAU_PATH to that file"
                .to_owned(),
        }));
    }
    let out = BufWriter::new(File::create_new(path).map_err(unwritable)?);
    phase2::beacon(&mut open(last).map_err(broken)?, out, None, &beacon, options()).map_err(of_upload)?;
    let mut key = open(path).map_err(broken)?;
    let verdict = powers.verify_key(&constraints, &mut key, &mut os_rng(), options()).map_err(of_upload)?;
    let label = verdict.admit(false).map_err(CeremonyError::from).map_err(of_upload)?;
    Ok(label.provenance())
}

/// The server's powers of tau; none for development.
fn powers(app: &App, circuit: &R1cs) -> Result<Powers, Stop> {
    let powers = app.powers.powers(circuit.domain_size().ilog2()).map_err(of_upload)?;
    match powers.verdict().provenance() {
        None | Some(Provenance::Development) => {
            Err(of_upload(CeremonyError::WeakPowers(Box::new(powers.verdict().clone()))))
        }
        Some(_) => Ok(powers),
    }
}

/// Refuses a contribution whose secret anyone can compute, or that counts as none for another reason.
fn demand_secret(head: &KeyHead, number: u32) -> Result<(), Stop> {
    let verdict = gate::judge(head);
    let secrets = match verdict.phase2().provenance() {
        Some(Provenance::SingleOperator) => 1,
        Some(Provenance::Ceremony(secrets)) => secrets,
        _ => 0,
    };
    if secrets == number {
        return Ok(());
    }
    Err(Stop::Final(Failure {
        code: "contribution_not_secret".to_owned(),
        message: format!(
            "the contribution does not count as secret: with it, the key has {secrets} secret contributions, expected \
             {number} ({})",
            verdict.phase2()
        ),
    }))
}

fn present_key(ceremony: &Ceremony) -> Result<&ArtifactMeta, Stop> {
    ceremony.key.as_ref().ok_or_else(gone)
}

/// Writes an artifact of the ceremony to a file, piece by piece.
async fn fetch(
    app: &Arc<App>,
    meta: &ArtifactMeta,
    scratch: &Scratch,
    name: &'static str,
) -> Result<(), Stop> {
    let mut writing = scratch.create_file(name).map_err(unwritable)?;
    // A damaged key of ours is no fault of the contributor.
    let mut pieces = app.store.stream(&meta.key, 0..meta.size).await.map_err(broken)?;
    while let Some(piece) = pieces.try_next().await.map_err(broken)? {
        writing = blocking(move || writing.append(&piece)).await?.map_err(unwritable)?;
    }
    match writing.finish() {
        (size, digest) if (size, digest) == (meta.size, meta.sha256) => Ok(()),
        _ => Err(Stop::Later(JobError::retry("artifact_corrupt", "a file of the ceremony is damaged"))),
    }
}

fn open(path: &Path) -> Result<ZKeyFile<BufReader<File>>, CeremonyError> {
    let file = File::open(path).map_err(zkflow_core::format::ReadError::from)?;
    Ok(ZKeyFile::open(BufReader::new(file))?)
}

/// A file of the server cannot be read: the work is tried again.
fn broken<E: Classified>(error: E) -> Stop {
    match error.kind().is_transient() {
        true => Stop::Later(outage(error)),
        false => Stop::Later(JobError::retry(error.code(), error.to_string())),
    }
}

fn no_circuit(message: &str) -> Stop {
    Stop::Final(Failure { code: "circuit_not_found".to_owned(), message: message.to_owned() })
}
