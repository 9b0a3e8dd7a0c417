//! Circuits from uploaded files.

use secrecy::SecretString;
use zkflow_core::compile::{CompileOptions, Simplification};
use zkflow_core::service::catalog::{
    Circuit, FileRole, Given, GivenPowers, Import, RequestOrigin, Visibility,
};
use zkflow_core::service::id::UploadId;
use zkflow_core::service::store::PutMode;
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::{SourcePath, Upload};

use super::{InputFault, RequestError, circuits, uploads};
use crate::state::App;

/// A request for an import.
#[derive(Debug)]
pub struct NewImport {
    /// The upload with the files.
    pub upload: UploadId,
    /// Path of the main file in the source; required if there are several, and in an archive.
    pub main: Option<SourcePath>,
    /// Simplification of a source's constraints.
    pub simplification: Simplification,
    /// Powers of tau of the server to verify the key with; `None`: the uploaded ones, if any.
    pub powers: Option<OwnPowers>,
    /// Who may use the circuit.
    pub visibility: Option<Visibility>,
    /// Address that the end of the circuit is sent to; `None`: the tenant's, if any.
    pub callback: Option<SecretString>,
    /// The request, for logs.
    pub origin: Option<RequestOrigin>,
}

/// Powers of tau of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnPowers {
    /// Any.
    Any,
    /// Published ones.
    Published,
}

/// Returns the tenant's circuit from these files. Creates it as pending if it does not exist.
///
/// # Behaviour
/// - The id follows from the digests of the files: the same files always give the same circuit.
/// - A failed circuit becomes pending again, with the files of this upload.
/// - The upload is removed when the circuit is ready or has failed, or at once if the circuit exists.
///
/// # Errors
/// [`RequestError::UnknownUpload`]; [`RequestError::UploadIncomplete`]; [`RequestError::ImportIncomplete`] names the files
/// that are missing; [`RequestError::UploadInUse`] by another import; [`RequestError::Overloaded`].
pub async fn request(app: &App, tenant: &TenantId, new: NewImport) -> Result<Circuit, RequestError> {
    let mut upload = uploads::get(app, tenant, &new.upload).await?;
    let given = given(app, &upload, &new)?;
    let missing: usize = uploads::missing(app, &upload).await?.iter().map(Vec::len).sum();
    let hash = tenant.scoped(&given.hash());
    let import = Import::new(upload.id.clone(), given);
    let wanted = Circuit::imported(hash, import, app.now());
    if missing > 0 {
        return Err(RequestError::UploadIncomplete { upload: upload.id, missing });
    }
    let other = upload.circuit.as_ref().filter(|other| **other != wanted.id);
    if let Some(other) = other
        && let Some(other) = app.catalog.circuits().get(other).await?
        && uploads::needs(&other, &upload.id)
    {
        return Err(RequestError::UploadInUse(upload.id));
    }
    upload.circuit = Some(wanted.id.clone());
    uploads::write(app, &upload, PutMode::Overwrite).await?;
    let circuit = circuits::obtain(app, tenant, new.visibility, new.callback, new.origin, wanted).await?;
    if !uploads::needs(&circuit, &upload.id) {
        uploads::close(app, tenant, &upload.id).await?;
    }
    Ok(circuit)
}

/// What is given, if the rest can be made.
fn given(app: &App, upload: &Upload, new: &NewImport) -> Result<Given, RequestError> {
    let has = |role| upload.has(role);
    let mut faults = Vec::new();
    let mut fault = |path: &str, message: &str| {
        faults.push(InputFault { path: path.to_owned(), message: message.to_owned() });
    };
    let sources: Vec<&SourcePath> = upload.files.iter().filter_map(|file| file.path.as_ref()).collect();
    let main = match (&new.main, sources.as_slice()) {
        // The worker finds it when it unpacks the archive.
        (Some(main), _) if has(FileRole::SourceArchive) => Some(main.to_string()),
        (None, _) if has(FileRole::SourceArchive) => {
            fault("main", "missing: the source is an archive");
            None
        }
        (Some(main), _) if sources.contains(&main) => Some(main.to_string()),
        (Some(_), _) => {
            fault("main", "the upload has no such source file");
            None
        }
        (None, [only]) => Some(only.to_string()),
        (None, []) => None,
        (None, _) => {
            fault("main", "missing: the source has several files");
            None
        }
    };
    for (role, path, message) in [
        (FileRole::R1cs, "r1cs", "missing: give the constraint system (.r1cs) or the source"),
        (FileRole::Wasm, "wasm", "missing: give the witness calculator (.wasm) or the source"),
        (FileRole::Sym, "sym", "missing: give the names of the signals (.sym) or the source"),
    ] {
        if !has(role) && !upload.has_source() {
            fault(path, message);
        }
    }
    if has(FileRole::VerificationKey) && !has(FileRole::ProvingKey) {
        fault("zkey", "missing: a verification key is compared with its proving key (.zkey)");
    }
    if has(FileRole::Transcript) && !has(FileRole::ProvingKey) {
        fault("zkey", "missing: a transcript is compared with its proving key (.zkey)");
    }
    if has(FileRole::Transcript) && !has(FileRole::Ptau) && new.powers.is_none() {
        fault("ptau", "missing: a transcript is compared with its powers of tau (.ptau, or `configured`)");
    }
    if has(FileRole::Ptau) && new.powers.is_some() {
        fault("powers", "the upload has powers of tau too: give only one of them");
    }
    if !faults.is_empty() {
        return Err(RequestError::ImportIncomplete(faults));
    }
    let powers = match (has(FileRole::Ptau), new.powers) {
        (true, _) => GivenPowers::Uploaded,
        (false, Some(OwnPowers::Any)) => GivenPowers::Configured,
        (false, Some(OwnPowers::Published)) => GivenPowers::Published,
        (false, None) => GivenPowers::None,
    };
    let options = options(new.simplification);
    // The worker takes the compiler of the version that the module says, if it has it: with another choice of compilers
    // it is another circuit.
    let versions = match has(FileRole::Wasm) {
        true => app.compilers.versions().join(", "),
        false => app.compilers.own().version().to_owned(),
    };
    let compiler = upload.has_source().then(|| format!("{versions} {}", options.flags().join(" ")));
    Ok(upload.given(main, compiler, new.simplification, powers))
}

/// Options of the compiler for an import.
pub(crate) fn options(simplification: Simplification) -> CompileOptions {
    CompileOptions { simplification, ..CompileOptions::default() }
}
