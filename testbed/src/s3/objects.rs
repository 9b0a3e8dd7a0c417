//! [`Objects`]: s3s-fs with guarantees of S3 that it lacks.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use futures::TryStreamExt;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::Conditions;

/// Objects in a folder.
///
/// Differences between s3s-fs and S3 that are corrected here:
/// - s3s-fs accepts a `PUT` into a missing bucket. S3 refuses it.
/// - s3s-fs writes an object, its metadata and its ETag as separate files, and checks `If-None-Match` before
///   the write. In S3 all this is atomic. Here, a write starts after its whole body has arrived, and neither
///   another write nor a read runs at the same time.
/// - In s3s-fs, keys are paths: `a` and `a/b` cannot both exist, and a long key exceeds the length of a file
///   name. Here, an object is stored under the SHA-256 of its key, and its metadata contains the key.
pub(super) struct Objects {
    files: FileSystem,
    conditions: Conditions,
    turn: Mutex<()>,
}

/// Name of the metadata with the key of an object.
const KEY: &str = "testbed-key";

impl Objects {
    /// The buckets in `folder`.
    pub(super) fn open(folder: &Path, conditions: Conditions) -> Self {
        let files = FileSystem::new(folder).expect("a new folder can be opened");
        Self { files, conditions, turn: Mutex::new(()) }
    }

    async fn bucket(&self, bucket: &str) -> S3Result<()> {
        let input = HeadBucketInput { bucket: bucket.to_owned(), ..Default::default() };
        self.files.head_bucket(request(input)).await.map(drop)
    }

    /// The object with its original key; `None` if its metadata has no key.
    async fn described(&self, bucket: &str, object: Object) -> S3Result<Option<Object>> {
        let Some(name) = object.key.clone() else { return Ok(None) };
        let input = HeadObjectInput { bucket: bucket.to_owned(), key: name, ..Default::default() };
        let head = self.files.head_object(request(input)).await?.output;
        let key = head.metadata.and_then(|mut metadata| metadata.remove(KEY));
        Ok(key.map(|key| Object { key: Some(key), ..object }))
    }
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn create_bucket(
        &self,
        call: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(call).await
    }

    async fn delete_bucket(
        &self,
        call: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.files.delete_bucket(call).await
    }

    async fn head_bucket(&self, call: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(call).await
    }

    async fn put_object(&self, mut call: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.bucket(&call.input.bucket).await?;
        call.input.metadata = Some(with_key(call.input.metadata.take(), &call.input.key));
        call.input.key = name(&call.input.key);
        if self.conditions == Conditions::Ignored {
            call.input.if_none_match = None;
        }
        call.input.body = Some(whole(call.input.body.take()).await?);
        let _turn = self.turn.lock().await;
        self.files.put_object(call).await
    }

    async fn get_object(&self, mut call: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.bucket(&call.input.bucket).await?;
        call.input.key = name(&call.input.key);
        let _turn = self.turn.lock().await;
        self.files.get_object(call).await
    }

    async fn head_object(
        &self,
        mut call: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        call.input.key = name(&call.input.key);
        let _turn = self.turn.lock().await;
        self.files.head_object(call).await
    }

    async fn delete_object(
        &self,
        mut call: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        call.input.key = name(&call.input.key);
        let _turn = self.turn.lock().await;
        self.files.delete_object(call).await
    }

    async fn list_objects_v2(
        &self,
        call: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let ListObjectsV2Input { bucket, prefix, max_keys, continuation_token, start_after, .. } = call.input;
        let all =
            ListObjectsV2Input { bucket: bucket.clone(), max_keys: Some(i32::MAX), ..Default::default() };
        let _turn = self.turn.lock().await;
        let mut found = Vec::new();
        for object in self.files.list_objects_v2(request(all)).await?.output.contents.unwrap_or_default() {
            found.extend(self.described(&bucket, object).await?);
        }
        let after = continuation_token.as_ref().max(start_after.as_ref());
        found.retain(|object| {
            let key = object.key.as_ref();
            key.is_some_and(|key| key.starts_with(prefix.as_deref().unwrap_or("")))
                && (after.is_none() || key > after)
        });
        found.sort_by(|a, b| a.key.cmp(&b.key));
        let limit = usize::try_from(max_keys.unwrap_or(PAGE)).unwrap_or(0).min(PAGE as usize);
        let is_truncated = found.len() > limit;
        found.truncate(limit);
        let next_continuation_token =
            found.last().filter(|_| is_truncated).and_then(|object| object.key.clone());
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(bucket),
            prefix,
            key_count: i32::try_from(found.len()).ok(),
            contents: Some(found),
            is_truncated: Some(is_truncated),
            next_continuation_token,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        mut call: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.bucket(&call.input.bucket).await?;
        call.input.metadata = Some(with_key(call.input.metadata.take(), &call.input.key));
        call.input.key = name(&call.input.key);
        self.files.create_multipart_upload(call).await
    }

    async fn upload_part(
        &self,
        mut call: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        call.input.key = name(&call.input.key);
        self.files.upload_part(call).await
    }

    async fn complete_multipart_upload(
        &self,
        mut call: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        call.input.key = name(&call.input.key);
        if self.conditions != Conditions::Honoured {
            call.input.if_none_match = None;
        }
        let _turn = self.turn.lock().await;
        self.files.complete_multipart_upload(call).await
    }

    async fn abort_multipart_upload(
        &self,
        mut call: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        call.input.key = name(&call.input.key);
        self.files.abort_multipart_upload(call).await
    }
}

/// Maximum number of keys on a page of a list, as in S3.
const PAGE: i32 = 1000;

fn name(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

fn with_key(metadata: Option<HashMap<String, String>>, key: &str) -> HashMap<String, String> {
    let mut metadata = metadata.unwrap_or_default();
    metadata.insert(KEY.to_owned(), key.to_owned());
    metadata
}

/// Reads the whole body into memory.
async fn whole(body: Option<StreamingBlob>) -> S3Result<StreamingBlob> {
    let Some(body) = body else { return Err(s3_error!(IncompleteBody)) };
    let parts: Vec<Bytes> = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
    let parts = parts.into_iter().map(Ok::<_, std::io::Error>);
    Ok(StreamingBlob::wrap(futures::stream::iter(parts)))
}

/// A request to s3s-fs, which reads only `input`.
fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Default::default(),
        uri: Default::default(),
        headers: Default::default(),
        extensions: Default::default(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
