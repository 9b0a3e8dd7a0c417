//! Uploads: files for an import, sent in parts and kept in the artifact store.
//!
//! A client declares all files with sizes and digests, then sends their parts in any order. A path is only a name: an
//! import writes the files of the source into a folder of its own. Only a worker unpacks an archive of a source.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::Circuit;
use zkflow_core::service::id::UploadId;
use zkflow_core::service::store::{ArtifactPath, PutMode, SignedPut, StoreError};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::{
    DeclarationFault, DeclarationLimits, DeclarationRefusal, Upload, UploadFile, check_declaration,
};

use super::{InputFault, RequestError};
use crate::state::App;

/// Largest number of unfinished uploads of a tenant.
const MOST_UPLOADS: usize = 64;

/// Creates an upload for these files.
///
/// # Errors
/// - [`RequestError::Upload`]: a declaration is not valid.
/// - [`RequestError::UploadTooLarge`]; [`RequestError::TooManyUploads`].
pub async fn create(app: &App, tenant: &TenantId, files: Vec<UploadFile>) -> Result<Upload, RequestError> {
    check(app, &files)?;
    let now = app.now();
    let expires_at = now + app.config.limits.upload_ttl();
    let (id, tenant_id) = (UploadId::generate(now), tenant.clone());
    let upload = Upload { id, tenant: tenant_id, files, expires_at, circuit: None, closed: false };
    // One at a time, so that a tenant's requests do not exceed its share together. Several processes can exceed it by
    // one upload each.
    let _turn = app.uploads.lock().await;
    let mut bytes = upload.bytes();
    let mut count = 1;
    let mut keys = app.store.list(&ArtifactPath::uploads_of(tenant));
    while let Some(key) = keys.try_next().await? {
        let Ok(ArtifactPath::Upload { upload: id, .. }) = key.as_str().parse() else { continue };
        let Some(other) = read(app, tenant, &id).await? else { continue };
        if other.expires_at <= now && !is_in_use(app, &other).await? {
            remove(app, tenant, &id).await?;
            continue;
        }
        count += 1;
        bytes = bytes.saturating_add(other.bytes());
    }
    if count > MOST_UPLOADS || bytes > mebibytes(app.config.limits.tenant_upload_mib) {
        return Err(RequestError::TooManyUploads);
    }
    write(app, &upload, PutMode::Create).await?;
    Ok(upload)
}

/// Returns an upload of the tenant.
///
/// # Errors
/// [`RequestError::UnknownUpload`] if there is none, or it has expired or ended.
pub async fn get(app: &App, tenant: &TenantId, id: &UploadId) -> Result<Upload, RequestError> {
    let found = read(app, tenant, id).await?;
    let present = found.filter(|upload| upload.expires_at > app.now() && !upload.closed);
    present.ok_or_else(|| RequestError::UnknownUpload(id.clone()))
}

/// Numbers of the parts of each file that are missing.
///
/// # Errors
/// The store fails.
pub async fn missing(app: &App, upload: &Upload) -> Result<Vec<Vec<u32>>, RequestError> {
    let mut present = BTreeSet::new();
    let mut keys = app.store.list(&ArtifactPath::parts_of(&upload.id));
    while let Some(key) = keys.try_next().await? {
        if let Ok(ArtifactPath::UploadPart { file, part, .. }) = key.as_str().parse() {
            present.insert((file, part));
        }
    }
    let files = (0..).zip(&upload.files);
    Ok(files
        .map(|(number, file)| (0..file.parts()).filter(|part| !present.contains(&(number, *part))).collect())
        .collect())
}

/// Stores a part; replaces an earlier one.
///
/// # Errors
/// - [`RequestError::UnknownUpload`]; [`RequestError::UnknownPart`].
/// - [`RequestError::PartLength`] if the part has another length than its place.
/// - [`RequestError::UploadInUse`] while a circuit is imported from the upload.
pub async fn put_part(
    app: &App,
    tenant: &TenantId,
    id: &UploadId,
    (file, part): (u32, u32),
    bytes: Vec<u8>,
) -> Result<(), RequestError> {
    let upload = unused(app, tenant, id).await?;
    let declared = upload.files.get(file as usize);
    let expected = declared.and_then(|file| file.part_bytes(part)).ok_or(RequestError::UnknownPart)?;
    let found = bytes.len() as u64;
    if found != expected {
        return Err(RequestError::PartLength { expected, found });
    }
    app.store.put(&upload.part_key(file, part), Bytes::from(bytes), PutMode::Overwrite).await?;
    Ok(())
}

/// Whether parts can be sent to the store directly: only a bucket has signed URLs.
pub fn is_direct(app: &App) -> bool {
    let storage = &app.config.storage;
    storage.s3_upload_s > 0 && storage.s3_bucket.is_some()
}

/// Signed requests that send parts of a file to the store directly: each with the length of its place, and the given SHA-256.
///
/// A part that is stored in this way is checked when the import reads it.
///
/// # Errors
/// - [`RequestError::NotDirect`]: the settings or the store have none.
/// - [`RequestError::UnknownUpload`]; [`RequestError::UnknownPart`]; [`RequestError::UploadInUse`].
pub async fn signed_parts(
    app: &App,
    tenant: &TenantId,
    id: &UploadId,
    file: u32,
    parts: &[(u32, Digest)],
) -> Result<Vec<SignedPut>, RequestError> {
    let upload = unused(app, tenant, id).await?;
    if !is_direct(app) {
        return Err(RequestError::NotDirect);
    }
    let declared = upload.files.get(file as usize).ok_or(RequestError::UnknownPart)?;
    let left = upload.expires_at.since(app.now()).max(Duration::from_secs(1));
    let valid = Duration::from_secs(app.config.storage.s3_upload_s).min(left);
    let mut signed = Vec::with_capacity(parts.len());
    for (part, sha256) in parts {
        let size = declared.part_bytes(*part).ok_or(RequestError::UnknownPart)?;
        let request = app.store.upload_url(&upload.part_key(file, *part), size, sha256, valid).await?;
        signed.push(request.ok_or(RequestError::NotDirect)?);
    }
    Ok(signed)
}

/// Deletes an upload.
///
/// # Errors
/// [`RequestError::UnknownUpload`]; [`RequestError::UploadInUse`].
pub async fn delete(app: &App, tenant: &TenantId, id: &UploadId) -> Result<(), RequestError> {
    unused(app, tenant, id).await?;
    close(app, tenant, id).await
}

/// Ends an upload: removes its parts, then its session. With signed URLs, the session stays until the last one has ended, so that
/// the parts that they may add are counted, and found by the clean-up.
///
/// # Errors
/// The store fails.
pub(crate) async fn close(app: &App, tenant: &TenantId, id: &UploadId) -> Result<(), RequestError> {
    let found = if is_direct(app) { read(app, tenant, id).await? } else { None };
    let now = app.now();
    // No URL is valid beyond the expiry of the upload.
    let ends = |upload: &Upload| match upload.closed {
        true => upload.expires_at,
        false => (now + Duration::from_secs(app.config.storage.s3_upload_s)).min(upload.expires_at),
    };
    match found.map(|upload| (ends(&upload), upload)).filter(|(ends, _)| *ends > now) {
        None => Ok(remove(app, tenant, id).await?),
        Some((expires_at, upload)) => {
            remove_parts(app, id).await?;
            write(app, &Upload { expires_at, circuit: None, closed: true, ..upload }, PutMode::Overwrite)
                .await
        }
    }
}

async fn remove_parts(app: &App, id: &UploadId) -> Result<(), StoreError> {
    let parts: Vec<_> = app.store.list(&ArtifactPath::parts_of(id)).try_collect().await?;
    for key in parts {
        app.store.delete(&key).await?;
    }
    Ok(())
}

/// Removes the parts of an upload, then its session.
///
/// # Errors
/// The store fails.
pub(crate) async fn remove(app: &App, tenant: &TenantId, id: &UploadId) -> Result<(), StoreError> {
    remove_parts(app, id).await?;
    let session = ArtifactPath::Upload { tenant: tenant.clone(), upload: id.clone() };
    app.store.delete(&session.key()).await
}

/// Writes the session.
pub(super) async fn write(app: &App, upload: &Upload, mode: PutMode) -> Result<(), RequestError> {
    // Expect safety: texts and numbers.
    let body = serde_json::to_vec(upload).expect("texts and numbers serialise");
    app.store.put(&upload.key(), Bytes::from(body), mode).await?;
    Ok(())
}

/// Reads an upload, also an expired one: a pending import still needs it.
///
/// # Errors
/// The store fails.
pub(crate) async fn read(
    app: &App,
    tenant: &TenantId,
    id: &UploadId,
) -> Result<Option<Upload>, RequestError> {
    let key = ArtifactPath::Upload { tenant: tenant.clone(), upload: id.clone() }.key();
    let body = match app.store.get(&key).await {
        Ok(session) => session.body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| StoreError::Corrupt { key, detail: error.to_string() }.into())
}

async fn unused(app: &App, tenant: &TenantId, id: &UploadId) -> Result<Upload, RequestError> {
    let upload = get(app, tenant, id).await?;
    if is_in_use(app, &upload).await? { Err(RequestError::UploadInUse(id.clone())) } else { Ok(upload) }
}

/// Whether a pending circuit is imported from the upload.
async fn is_in_use(app: &App, upload: &Upload) -> Result<bool, RequestError> {
    let Some(id) = &upload.circuit else { return Ok(false) };
    Ok(app.catalog.circuits().get(id).await?.is_some_and(|circuit| needs(&circuit, &upload.id)))
}

/// Whether the circuit is imported from the upload, and is pending.
pub(crate) fn needs(circuit: &Circuit, upload: &UploadId) -> bool {
    use zkflow_core::service::catalog::Document as _;

    !circuit.is_final() && circuit.origin.import().is_some_and(|import| import.upload == *upload)
}

/// Checks the declared files, before anything is stored.
fn check(app: &App, files: &[UploadFile]) -> Result<(), RequestError> {
    let limits = &app.config.limits;
    let limits = DeclarationLimits {
        source: mebibytes(limits.compile_source_mib),
        parts: mebibytes(limits.upload_parts_mib),
        whole: mebibytes(limits.upload_mib),
    };
    check_declaration(files, &limits).map_err(|refusal| match refusal {
        DeclarationRefusal::Faults(faults) => {
            let fault = |DeclarationFault { path, message }| InputFault { path, message };
            RequestError::Upload(faults.into_iter().map(fault).collect())
        }
        DeclarationRefusal::TooLarge { what, bytes, most } => {
            RequestError::UploadTooLarge { what, bytes, most }
        }
    })
}

fn mebibytes(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}
