//! Multipart uploads of large bodies.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use zkflow_core::service::store::StoreError;

use super::{DIGEST, S3Store, Write, WriteError, write_error};
use crate::deadline;

/// Number of parts that are uploaded at the same time.
const AT_ONCE: usize = 4;

/// Writes an object in parts. It is visible only after the last step. A failed or dropped upload removes its
/// parts.
pub(super) async fn in_parts(store: &S3Store, write: &Write) -> Result<(), WriteError> {
    let (action, Write { object, body, .. }) = (write.action(), write);
    let begin = store
        .client
        .create_multipart_upload()
        .bucket(&store.bucket)
        .key(object)
        .metadata(DIGEST, write.sha256.to_string());
    let begun = deadline::within(&action, 0, begin.send()).await?.map_err(|e| write_error(&action, e))?;
    let Some(id) = begun.upload_id else {
        return Err(StoreError::backend(action, "the answer contains no upload id").into());
    };
    let mut upload = Upload { store, object, id, done: false };
    let count = body.len().div_ceil(store.part);
    let parts: Vec<CompletedPart> = stream::iter(0..count)
        .map(|index| {
            let part = body.slice(index * store.part..body.len().min((index + 1) * store.part));
            upload.part(index, part)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let complete = store
        .client
        .complete_multipart_upload()
        .bucket(&store.bucket)
        .key(object)
        .upload_id(&upload.id)
        .set_if_none_match(write.condition())
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
    // S3 joins the parts before it answers, so the limit depends on the size.
    let completed = deadline::within(&action, body.len() as u64, complete.send()).await?;
    completed.map_err(|e| write_error(&action, e))?;
    upload.done = true;
    Ok(())
}

/// A running upload; aborted if it is dropped before it is `done`.
struct Upload<'a> {
    store: &'a S3Store,
    object: &'a str,
    id: String,
    done: bool,
}

impl Upload<'_> {
    async fn part(&self, index: usize, part: Bytes) -> Result<CompletedPart, WriteError> {
        let action = format!("writing part {} of {}", index + 1, self.object);
        // S3 has at most 10 000 parts.
        let number = i32::try_from(index + 1).map_err(|e| StoreError::backend(&*action, e))?;
        let size = part.len() as u64;
        let call = self
            .store
            .client
            .upload_part()
            .bucket(&self.store.bucket)
            .key(self.object)
            .upload_id(&self.id)
            .part_number(number)
            .body(part.into());
        let sent =
            deadline::within(&action, size, call.send()).await?.map_err(|e| write_error(&action, e))?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.done, tokio::runtime::Handle::try_current()) else { return };
        let Self { store, object, id, .. } = self;
        let abort = store.client.abort_multipart_upload().bucket(&store.bucket).key(*object).upload_id(&*id);
        // If this fails, a lifecycle rule of the bucket must remove the parts.
        runtime.spawn(async move { drop(deadline::within("aborting an upload", 0, abort.send()).await) });
    }
}
