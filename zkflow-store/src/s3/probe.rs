//! Whether a server refuses to replace an object. Some ignore the condition of a write, and the later of two
//! writers wins silently.

use bytes::Bytes;
use zkflow_core::error::Chain;
use zkflow_core::service::store::{PutMode, StoreError};

use super::{S3Store, Write, WriteError, upload};

/// Name of the object that is written. It is not a key, so lists omit it.
const OBJECT: &str = ".zkflow-probe";

const BODY: &[u8] =
    b"ZKFlow writes this object at its start, and checks that the server refuses to replace it.\n";

/// Writes the probe until a write must be refused. Returns whether an upload in parts is refused too.
///
/// The object stays, so that a later start needs one write less.
///
/// # Errors
/// [`StoreError::Backend`] if a write fails, or the server ignores the condition of a write in one request.
pub(super) async fn conditional_writes(store: &S3Store) -> Result<bool, StoreError> {
    let write = Write::new(format!("{}{OBJECT}", store.prefix), Bytes::from_static(BODY), PutMode::Create);
    if store.write(&write).await? && store.write(&write).await? {
        let why = "the server ignores If-None-Match, so the later of two writers would win silently: \
                   use a server with conditional writes";
        return Err(StoreError::backend(format!("opening the bucket {}: {why}", store.bucket), why));
    }
    let why = match upload::in_parts(store, &write).await {
        Err(WriteError::Taken) => return Ok(true),
        Ok(()) => "the server ignores If-None-Match at the end of an upload in parts".to_owned(),
        Err(WriteError::Conflict) => "the upload in parts conflicted with another write".to_owned(),
        Err(WriteError::Failed(error)) => Chain(&error).to_string(),
    };
    tracing::warn!(
        bucket = store.bucket,
        why,
        "artifacts that must not replace others are written in one request each"
    );
    Ok(false)
}
