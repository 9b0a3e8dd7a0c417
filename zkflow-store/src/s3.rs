//! [`S3Store`]: artifacts in a bucket of S3 or of a compatible server.

mod client;
mod probe;
mod reader;
mod upload;

pub use client::S3Settings;
pub use reader::S3Reader;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::presigning::PresigningConfig;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zkflow_core::digest::{Digest, Hasher};
use zkflow_core::service::store::{
    Artifact, ArtifactKey, ArtifactMeta, ArtifactStore, Pieces, PutMode, SignedPut, StoreError, checked,
};

use crate::deadline;
use crate::local::{self, CopyError};

/// An [`ArtifactStore`] in a bucket. Any number of processes may share it.
///
/// # Layout
/// - The artifact `a/b` is the object `a/b`, or `prefix/a/b` below a prefix.
/// - The SHA-256 of its bytes is in the object's metadata (`x-amz-meta-sha256`). An object without it is
///   corrupt.
///
/// # Server requirements
/// - Conditional writes: `If-None-Match: *` under a taken key is refused. S3 does this since November 2024. A server
///   that ignores it is refused when the store is opened.
/// - The same at the end of a multipart upload. If the server does not do this, a large artifact with
///   [`PutMode::Create`] is written in one request, and has at most 5 GiB.
/// - Read after write: the next reader sees what was written. S3 does this since December 2020.
///
/// Disable versioning: a bucket with versions keeps deleted objects, sealed inputs included. Uploads
/// interrupted by a crash stay until a lifecycle rule removes them.
#[derive(Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Prefix of all objects; empty, or ends with `/`.
    prefix: String,
    /// Largest body in bytes that is sent in one request, if it may be sent in parts.
    part: usize,
    /// Whether an artifact with [`PutMode::Create`] may be sent in parts.
    creates_in_parts: bool,
}

impl S3Store {
    /// Opens the store. Checks that the bucket exists, and that the server honours conditional writes: the object
    /// `.zkflow-probe` below the prefix is for that.
    ///
    /// # Errors
    /// [`StoreError::Backend`] with the reason: no answer, credentials missing or refused, no such bucket, or a server
    /// that ignores `If-None-Match`.
    pub async fn open(settings: S3Settings) -> Result<Self, StoreError> {
        let client = client::connect(&settings).await;
        let S3Settings { bucket, prefix, part_bytes, .. } = settings;
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let mut store = Self { client, bucket, prefix, part: part_bytes, creates_in_parts: true };
        let action = format!("opening the bucket {}", store.bucket);
        if store.client.config().region().is_none() {
            return Err(StoreError::backend(action, "its region is not known: set AWS_REGION to it"));
        }
        let looked = store.client.head_bucket().bucket(&store.bucket).send();
        deadline::within(&action, 0, looked).await?.map_err(|error| unusable(&action, error))?;
        store.creates_in_parts = probe::conditional_writes(&store).await?;
        Ok(store)
    }

    fn object(&self, key: &ArtifactKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Writes an object. Repeats an attempt that conflicts with other writes. Returns whether the object was
    /// written: not if the mode is [`PutMode::Create`] and it exists.
    async fn write(&self, write: &Write) -> Result<bool, StoreError> {
        let mut pause = CONFLICT_PAUSE;
        for _ in 0..CONFLICTS {
            let may_have_parts = write.mode == PutMode::Overwrite || self.creates_in_parts;
            let written = if write.body.len() > self.part && may_have_parts {
                upload::in_parts(self, write).await
            } else {
                self.write_at_once(write).await
            };
            match written {
                Ok(()) => return Ok(true),
                Err(WriteError::Taken) => return Ok(false),
                Err(WriteError::Conflict) => tokio::time::sleep(pause).await,
                Err(WriteError::Failed(error)) => return Err(error),
            }
            pause *= 2;
        }
        Err(StoreError::backend(
            write.action(),
            "every attempt conflicted with another write of the same key",
        ))
    }

    async fn write_at_once(&self, write: &Write) -> Result<(), WriteError> {
        let (action, size) = (write.action(), write.body.len() as u64);
        if size > LARGEST_REQUEST {
            let why =
                "the server accepts 5 GiB in one request, and ignores If-None-Match on an upload in parts";
            return Err(StoreError::backend(action, why).into());
        }
        let call = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&write.object)
            .metadata(DIGEST, write.sha256.to_string())
            .set_if_none_match(write.condition())
            .body(write.body.clone().into());
        deadline::within(&action, size, call.send()).await?.map_err(|e| write_error(&action, e))?;
        Ok(())
    }

    /// Copies an object of `size` bytes within the bucket; `false` if the server cannot do that.
    async fn copy(&self, from: &ArtifactKey, to: &ArtifactKey, size: u64) -> Result<bool, StoreError> {
        let action = format!("copying {from}");
        let source = format!("{}/{}", self.bucket, self.object(from));
        let source = utf8_percent_encode(&source, &RESERVED).to_string();
        let call = self.client.copy_object().bucket(&self.bucket).copy_source(source).key(self.object(to));
        match deadline::within(&action, size, call.send()).await? {
            Err(error) if status(&error) == Some(501) => Ok(false),
            copied => copied.map(|_| true).map_err(|e| read_error(from, &action, e)),
        }
    }

    /// Copies an object to a file of this machine, and maps it.
    async fn copied(&self, key: &ArtifactKey) -> Result<Bytes, CopyError> {
        let file = tempfile::tempfile()?;
        let pieces = self.stream(key, 0..u64::MAX).await?;
        let (size, _) = local::copy(pieces, file.try_clone()?).await?;
        Ok(local::bytes(&file, size)?)
    }

    async fn read_body(&self, key: &ArtifactKey, output: GetObjectOutput) -> Result<Artifact, StoreError> {
        let corrupt = |detail: &str| StoreError::Corrupt { key: key.clone(), detail: detail.to_owned() };
        let meta = meta(key, output.content_length, output.metadata)?;
        let size = usize::try_from(meta.size).map_err(|_| corrupt("it does not fit into memory"))?;
        let mut body = BytesMut::with_capacity(size.min(LARGEST_RESERVATION));
        let (mut hasher, mut chunks) = (Hasher::default(), output.body);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|e| StoreError::backend(format!("reading {key}"), e))?;
            if chunk.len() > size - body.len() {
                return Err(corrupt("it is longer than its declared length"));
            }
            hasher.update(&chunk);
            body.extend_from_slice(&chunk);
        }
        if body.len() != size {
            return Err(StoreError::backend(
                format!("reading {key}"),
                "the answer ended before the declared length",
            ));
        }
        if hasher.finish() != meta.sha256 {
            return Err(corrupt("its SHA-256 differs from the recorded one"));
        }
        Ok(Artifact { meta, body: body.freeze() })
    }
}

#[async_trait]
impl ArtifactStore for S3Store {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        let write = Write::new(self.object(key), body, mode);
        match self.write(&write).await? {
            true => {
                Ok(ArtifactMeta { key: key.clone(), size: write.body.len() as u64, sha256: write.sha256 })
            }
            false => Err(StoreError::Exists(key.clone())),
        }
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        let action = format!("reading {key}");
        let call = self.client.get_object().bucket(&self.bucket).key(self.object(key)).send();
        let output = deadline::within(&action, 0, call).await?.map_err(|e| read_error(key, &action, e))?;
        let size = output.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        deadline::within(&action, size, self.read_body(key, output)).await?
    }

    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        let meta = self.head(key).await?;
        let end = range.end.min(meta.size);
        if range.start >= end {
            return Ok(if meta.size == 0 {
                checked(meta, stream::empty().boxed())
            } else {
                stream::empty().boxed()
            });
        }
        let action = format!("reading {key}");
        let whole = range.start == 0 && end == meta.size;
        let call = self.client.get_object().bucket(&self.bucket).key(self.object(key));
        let call = if whole { call } else { call.range(format!("bytes={}-{}", range.start, end - 1)) };
        let output =
            deadline::within(&action, 0, call.send()).await?.map_err(|e| read_error(key, &action, e))?;
        let pieces = stream::try_unfold((output.body, action), |(mut body, action)| async move {
            let next = deadline::within(&action, 0, body.next()).await?;
            let next = next.transpose().map_err(|e| StoreError::backend(&*action, e))?;
            Ok(next.map(|piece| (piece, (body, action))))
        });
        Ok(if whole { checked(meta, pieces.boxed()) } else { pieces.boxed() })
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        let action = format!("reading the metadata of {key}");
        let call = self.client.head_object().bucket(&self.bucket).key(self.object(key)).send();
        let output = deadline::within(&action, 0, call).await?.map_err(|e| read_error(key, &action, e))?;
        meta(key, output.content_length, output.metadata)
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        let action = format!("deleting {key}");
        let call = self.client.delete_object().bucket(&self.bucket).key(self.object(key)).send();
        deadline::within(&action, 0, call).await?.map(drop).map_err(|e| StoreError::backend(action, e))
    }

    /// Copies the object within the bucket. If the server cannot, or the object is above 5 GiB, which S3 does not copy in
    /// one request, it is copied to a file of this machine, and written again.
    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        let found = self.client.head_object().bucket(&self.bucket).key(self.object(from)).send();
        let action = format!("moving {from}");
        let size = match deadline::within(&action, 0, found).await?.map_err(|e| read_error(from, &action, e))
        {
            Err(StoreError::NotFound(_)) => return self.head(to).await.map(drop),
            found => found?.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        };
        let copied = if size > LARGEST_REQUEST { false } else { self.copy(from, to, size).await? };
        if !copied {
            let body = self.copied(from).await.map_err(|error| match error {
                CopyError::Store(error) => error,
                CopyError::File(error) => StoreError::backend(action, error),
            })?;
            self.put(to, body, PutMode::Overwrite).await?;
        }
        self.delete(from).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        if !prefix.is_empty() && prefix.parse::<ArtifactKey>().is_err() {
            return stream::empty().boxed();
        }
        let under = prefix.to_owned();
        let pages = stream::try_unfold(Some(None), move |from: Option<Option<String>>| {
            let object_prefix = format!("{}{under}", self.prefix);
            async move {
                let Some(token) = from else { return Ok::<_, StoreError>(None) };
                let action = format!("listing {object_prefix:?}");
                let call = self.client.list_objects_v2().bucket(&self.bucket).prefix(object_prefix);
                let call = call.set_continuation_token(token).send();
                let page =
                    deadline::within(&action, 0, call).await?.map_err(|e| StoreError::backend(action, e))?;
                let next = page.next_continuation_token.map(Some);
                Ok(Some((page.contents.unwrap_or_default(), next)))
            }
        });
        let under = prefix.to_owned();
        let objects = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
        objects
            .try_filter_map(move |object| {
                let name = object.key.as_deref().and_then(|name| name.strip_prefix(&self.prefix));
                // An object whose name is not a key was not written by a store.
                let key =
                    name.and_then(|name| name.parse::<ArtifactKey>().ok()).filter(|key| key.is_under(&under));
                async move { Ok(key) }
            })
            .boxed()
    }

    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        let action = format!("signing a URL of {key}");
        let terms = PresigningConfig::expires_in(valid).map_err(|e| StoreError::backend(&*action, e))?;
        let call = self.client.get_object().bucket(&self.bucket).key(self.object(key)).presigned(terms);
        let signed = deadline::within(&action, 0, call).await?.map_err(|e| StoreError::backend(action, e))?;
        Ok(Some(signed.uri().to_owned()))
    }

    async fn upload_url(
        &self,
        key: &ArtifactKey,
        size: u64,
        sha256: &Digest,
        valid: Duration,
    ) -> Result<Option<SignedPut>, StoreError> {
        let action = format!("signing an upload of {key}");
        let terms = PresigningConfig::expires_in(valid).map_err(|e| StoreError::backend(&*action, e))?;
        let length = i64::try_from(size).map_err(|e| StoreError::backend(&*action, e))?;
        let call = self.client.put_object().bucket(&self.bucket).key(self.object(key));
        let call = call.content_length(length).metadata(DIGEST, sha256.to_string()).presigned(terms);
        let signed = deadline::within(&action, 0, call).await?.map_err(|e| StoreError::backend(action, e))?;
        let headers = signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Some(SignedPut { headers: headers.collect(), url: signed.uri().to_owned() }))
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({}/{})", self.bucket, self.prefix)
    }
}

/// An object to write.
struct Write {
    object: String,
    body: Bytes,
    sha256: Digest,
    mode: PutMode,
}

impl Write {
    fn new(object: String, body: Bytes, mode: PutMode) -> Self {
        Self { sha256: Digest::of(&body), object, body, mode }
    }

    fn action(&self) -> String {
        format!("writing {}", self.object)
    }

    /// Value of `If-None-Match`.
    fn condition(&self) -> Option<String> {
        (self.mode == PutMode::Create).then(|| "*".to_owned())
    }
}

/// Failure of a write.
enum WriteError {
    /// The condition of [`PutMode::Create`] does not hold.
    Taken,
    /// Conflict with a concurrent write of the same key: a retry may help.
    Conflict,
    Failed(StoreError),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Why a bucket cannot be opened.
fn unusable<E: std::error::Error + Send + Sync + 'static>(action: &str, error: SdkError<E>) -> StoreError {
    let why = match status(&error) {
        Some(404) => "there is no such bucket",
        Some(401 | 403) => "the credentials are refused",
        Some(301 | 307) => "the bucket is in another region: set AWS_REGION to it",
        _ => return StoreError::backend(action, error),
    };
    StoreError::backend(format!("{action}: {why}"), error)
}

fn write_error<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    action: &str,
    error: SdkError<E>,
) -> WriteError {
    match status(&error) {
        Some(412) => WriteError::Taken,
        Some(409) => WriteError::Conflict,
        _ => WriteError::Failed(StoreError::backend(action, error)),
    }
}

fn read_error<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    key: &ArtifactKey,
    action: &str,
    error: SdkError<E>,
) -> StoreError {
    match (status(&error), error.code()) {
        // A missing bucket is not a missing artifact. The answer to a HEAD request has no code.
        (Some(404), code) if code != Some("NoSuchBucket") => StoreError::NotFound(key.clone()),
        _ => StoreError::backend(action, error),
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Reads length and digest from the headers of an object.
fn meta(
    key: &ArtifactKey,
    length: Option<i64>,
    metadata: Option<std::collections::HashMap<String, String>>,
) -> Result<ArtifactMeta, StoreError> {
    let corrupt = |detail: &str| StoreError::Corrupt { key: key.clone(), detail: detail.to_owned() };
    let size = length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| corrupt("its length is missing"))?;
    let digest = metadata.as_ref().and_then(|metadata| metadata.get(DIGEST)?.parse().ok());
    Ok(ArtifactMeta {
        key: key.clone(),
        size,
        sha256: digest.ok_or_else(|| corrupt("its SHA-256 is missing or malformed"))?,
    })
}

/// Size limit of an object that S3 writes or copies in one request.
const LARGEST_REQUEST: u64 = 5 << 30;

/// Characters that the source of a copy contains only encoded.
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Name of the metadata with the digest; on the wire `x-amz-meta-sha256`.
const DIGEST: &str = "sha256";

/// Limit in bytes of the memory that is reserved before the body arrives. The buffer then grows as needed.
const LARGEST_RESERVATION: usize = 64 * 1024 * 1024;

/// Maximum number of attempts of a write that conflicts with other writes.
const CONFLICTS: u32 = 6;
const CONFLICT_PAUSE: Duration = Duration::from_millis(20);
