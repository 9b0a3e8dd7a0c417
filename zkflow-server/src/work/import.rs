//! Imports: gathers the files of an upload, checks them against each other, and makes what is missing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use zkflow_core::circuit::{
    CheckedParts, Forgeable, ImportError, ImportedKey, ImportedParts, require_published,
};
use zkflow_core::compile::SourceSearch;
use zkflow_core::error::{Classified, ErrorKind};
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::{
    Circuit, CircuitStage, Failure, FileRole, GivenPowers, Import, Named as _, Verification,
};
use zkflow_core::service::ceremony::CeremonyRecord;
use zkflow_core::service::store::StoreError;
use zkflow_core::service::upload::archive::{self, ArchiveLimits};
use zkflow_core::service::upload::{Upload, UploadFile};
use zkflow_core::setup::{KeyOptions, PowersFile, PowersSource};

use super::keygen::{KeyGeneration, compile_failure};
use super::made::{Checked, Made};
use super::scratch::{Scratch, unwritable};
use super::spent::Spent;
use super::verification::Reports;
use super::{Stop, blocking, failure, stop, stop_or_outage};
use crate::service::{imports, uploads};
use crate::state::{App, CpuStage};

impl KeyGeneration {
    /// Gathers and checks the files of an import, and checks or makes its key.
    pub(super) async fn import(
        &self,
        circuit: &mut Circuit,
        import: &Import,
        spent: &Spent,
    ) -> Result<Made, Stop> {
        let began = Instant::now();
        let app = &self.app;
        let upload = uploads::read(app, &circuit.life.tenant, &import.upload).await;
        let upload = upload.map_err(stop_or_outage)?.ok_or_else(gone)?;
        let scratch = Arc::new(gather(app, &upload).await?);
        let (shared, files, asked) = (Arc::clone(app), Arc::clone(&scratch), import.clone());
        let check = move || check(&shared, &files, &asked);
        let parts = spent.blocking(app, CpuStage::Build, check).await??;
        let checked = Checked::of(&parts);
        circuit.verification = None;
        self.advance(circuit, CircuitStage::Setup, "compile", began).await?;

        let began = Instant::now();
        let (shared, kept) = (Arc::clone(app), Arc::clone(&scratch));
        let (powers, id) = (import.given.powers, circuit.id.clone());
        let reports = Reports::new();
        let told = reports.clone();
        let finish = move || finish(&shared, &kept, parts, powers, id, &told);
        let finish = spent.blocking(app, CpuStage::Build, finish);
        let files = reports.saved(app, circuit, finish).await??;
        self.advance(circuit, CircuitStage::Store, "setup", began).await?;
        let made = || KeyOptions::default().in_folder(scratch.folder()).key_file();
        let zkey = scratch.file(FileRole::ProvingKey).map(|file| file.path.clone()).or_else(made);
        Ok(Made::imported(files, zkey.map(|path| (scratch, path)), checked))
    }
}

/// Writes the files of an upload to a folder, and compares them with their digests.
pub(super) async fn gather(app: &Arc<App>, upload: &Upload) -> Result<Scratch, Stop> {
    let folder = app.scratch.clone();
    let mut scratch = blocking(move || Scratch::create(folder.as_deref())).await?.map_err(unwritable)?;
    for (number, file) in (0..).zip(&upload.files) {
        let mut writing = scratch.begin(file).map_err(unwritable)?;
        for part in 0..file.parts() {
            let body = match app.store.get(&upload.part_key(number, part)).await {
                Err(StoreError::NotFound(_)) => return Err(gone()),
                // A part that was sent to the store directly is not the one that was announced.
                Err(StoreError::Corrupt { .. }) => return Err(differs(file)),
                found => found.map_err(stop_or_outage)?.body,
            };
            writing = blocking(move || writing.append(&body)).await?.map_err(unwritable)?;
        }
        let (size, digest) = writing.finish();
        if (size, digest) != (file.size, file.sha256) {
            return Err(differs(file));
        }
    }
    Ok(scratch)
}

/// The uploaded file is not the declared one.
fn differs(file: &UploadFile) -> Stop {
    let name = file.path.as_ref().map_or(file.role.as_str(), |path| path.as_str());
    Stop::Final(Failure {
        code: "upload_digest".to_owned(),
        message: format!("the uploaded {name} differs from its declared size or SHA-256"),
    })
}

/// The upload has expired, or was deleted.
pub(super) fn gone() -> Stop {
    Stop::Final(Failure {
        code: "upload_gone".to_owned(),
        message: "the upload does not exist any more: upload the files again".to_owned(),
    })
}

/// Compiles the source if there is one, and compares the files.
fn check(app: &App, scratch: &Scratch, import: &Import) -> Result<CheckedParts, Stop> {
    let read = |role| scratch.file(role).map(|file| fs::read(&file.path)).transpose().map_err(unwritable);
    let source = match &import.given.main {
        None => None,
        Some(main) => {
            let (folder, name) = main.rsplit_once('/').unwrap_or(("", main));
            let root = scratch.source();
            if let Some(archive) = scratch.file(FileRole::SourceArchive) {
                unpack(app, &archive.path, &root, main)?;
            }
            let text = fs::read_to_string(root.join(main)).map_err(|_| {
                Stop::Final(Failure {
                    code: "malformed_file".to_owned(),
                    message: format!("{main} is not UTF-8 text"),
                })
            })?;
            // Only uploaded files and the include roots are read; there are no links among the uploaded ones.
            let search = SourceSearch::new(&app.include_roots)
                .beside(Some(&root.join(folder)))
                .within(std::slice::from_ref(&root))
                .first([root.clone()])
                .limits(app.config.limits.source());
            let tree = search.resolve(name, &text).map_err(compile_failure)?;
            Some((tree, imports::options(import.given.simplification)))
        }
    };
    let parts = ImportedParts {
        source,
        r1cs: read(FileRole::R1cs)?,
        wasm: read(FileRole::Wasm)?,
        sym: read(FileRole::Sym)?,
    };
    let checked = parts.check(&app.compilers, &app.sandbox, app.config.limits.witness());
    checked.map_err(|error| match error {
        ImportError::Compile(error) => compile_failure(error),
        error => stop(error),
    })
}

/// Writes the circom files of an archive to a folder.
fn unpack(app: &App, archive: &Path, root: &Path, main: &str) -> Result<(), Stop> {
    let source = app.config.limits.compile_source_mib.saturating_mul(1 << 20);
    let limits = ArchiveLimits { source, whole: source.saturating_mul(MOST_UNPACKED) };
    let files = archive::unpack(&fs::read(archive).map_err(unwritable)?, &limits).map_err(of_upload)?;
    if !files.keys().any(|path| path.as_str() == main) {
        return Err(Stop::Final(Failure {
            code: "import_incomplete".to_owned(),
            message: format!("main: the archive has no file {main}"),
        }));
    }
    for (path, content) in files {
        let path = root.join(path.as_str());
        path.parent().map_or(Ok(()), fs::create_dir_all).map_err(unwritable)?;
        let written = File::create_new(path).and_then(|mut file| file.write_all(&content));
        written.map_err(unwritable)?;
    }
    Ok(())
}

/// Unpacked length of an archive in limits of a source: files that are no circom files count too.
const MOST_UNPACKED: u64 = 8;

/// Checks the given key, or makes one.
fn finish(
    app: &App,
    scratch: &Scratch,
    parts: CheckedParts,
    powers: GivenPowers,
    id: zkflow_core::id::CircuitId,
    reports: &Reports,
) -> Result<zkflow_core::circuit::CircuitFiles, Stop> {
    let options = app.config.limits.import();
    let steps = u8::from(scratch.file(FileRole::Ptau).is_some())
        + u8::from(scratch.file(FileRole::ProvingKey).is_some() && powers != GivenPowers::None);
    let of_powers = reports.step(Verification::Powers, 1, steps);
    let of_key = reports.step(Verification::Key, steps, steps);
    let uploaded = match scratch.file(FileRole::Ptau) {
        None => None,
        Some(file) => {
            let options = options.with_progress(&of_powers);
            Some(PowersFile::check(&file.path, None, &mut os_rng(), options).map_err(of_upload)?)
        }
    };
    let uploaded = uploaded.as_ref().map(|file| file as &dyn PowersSource);
    let read = |role| scratch.file(role).map(|file| fs::read(&file.path)).transpose().map_err(unwritable);
    let verification_key = read(FileRole::VerificationKey)?;
    let transcript = read(FileRole::Transcript)?.map(|text| CeremonyRecord::transcript(&text));
    let transcript = transcript.transpose().map_err(|why| of_upload(ImportError::Transcript(why)))?;
    if powers == GivenPowers::Published {
        require_published(&*app.powers, "powers of tau").map_err(of_upload)?;
    }
    let key = match scratch.file(FileRole::ProvingKey) {
        None => ImportedKey::Made(uploaded.unwrap_or(&*app.powers)),
        Some(file) => ImportedKey::Given {
            file: &file.path,
            digest: file.sha256,
            verification_key: verification_key.as_deref(),
            powers: match powers {
                GivenPowers::None => None,
                GivenPowers::Uploaded => uploaded,
                GivenPowers::Configured | GivenPowers::Published => Some(&*app.powers),
            },
            transcript: transcript.as_deref(),
            steps: options.with_progress(&of_key),
            forgeable: Forgeable::Refuse,
        },
    };
    let options = KeyOptions::default()
        .with_beacon(app.beacon.as_ref())
        .with_record_key(&app.record_key)
        .in_folder(scratch.folder());
    parts.finish(id, key, &app.sandbox, options, &mut os_rng()).map_err(of_upload)
}

/// A file in the scratch folder that cannot be read is a fault of this worker; every other error is one of the files.
pub(super) fn of_upload<E: Classified>(error: E) -> Stop {
    match error.kind() {
        ErrorKind::Unavailable => stop_or_outage(error),
        _ => Stop::Final(failure(&error)),
    }
}
