//! [`ArtifactStore`]: bytes with a key and a digest.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use zkflow_groth16::digest::{Digest, Hasher};
use zkflow_groth16::error::{Classified, ErrorKind};

mod path;

pub use path::{ArtifactPath, Generation, Unit, UnknownPath};

/// Stores artifacts: keys, circuits, proofs, sealed inputs.
///
/// # Behaviour
/// - A put is atomic: a reader sees all of it or nothing, even after a crash.
/// - A put or delete is durable when the call returns.
/// - Of several puts with [`PutMode::Create`] under one key, exactly one succeeds.
/// - A key may be a prefix of another: `a` and `a/b` are two artifacts.
/// - A get checks the bytes against the digest recorded at the put.
#[async_trait]
pub trait ArtifactStore: fmt::Debug + Send + Sync + 'static {
    /// Stores `body` under `key`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if `mode` is [`PutMode::Create`] and the key is taken.
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError>;

    /// Reads the whole artifact. A store with files on this machine maps a large one instead of copying it into memory.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] if the bytes do not match the recorded digest.
    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError>;

    /// Reads a part of the artifact in pieces: `range` counts bytes, and ends at the end of the artifact at the latest.
    ///
    /// The pieces of a whole artifact end with [`StoreError::Corrupt`], before the last piece, if they do not match the
    /// recorded digest. A part is not checked. The default reads the whole artifact first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        let body = self.get(key).await?.body;
        let end = range.end.min(body.len() as u64);
        // Expect safety: at most the length of a body in memory.
        let place = |at: u64| usize::try_from(at.min(end)).expect("within the body");
        Ok(stream::once(future::ready(Ok(body.slice(place(range.start)..place(end))))).boxed())
    }

    /// Returns size and digest without reading the bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError>;

    /// Removes the artifact. Succeeds if the key is missing.
    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError>;

    /// Moves the artifact `from` to the key `to`, and replaces an artifact there. Succeeds if `from` is missing and `to`
    /// is not: an earlier attempt has moved it, and its answer was lost.
    ///
    /// After a crash, the artifact is under one of the keys, or under both. The default reads the whole artifact; a store
    /// that can move it without that should do so.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] of `to` if neither exists.
    async fn rename(&self, from: &ArtifactKey, to: &ArtifactKey) -> Result<(), StoreError> {
        let artifact = match self.get(from).await {
            Err(StoreError::NotFound(_)) => return self.head(to).await.map(drop),
            found => found?,
        };
        self.put(to, artifact.body, PutMode::Overwrite).await?;
        self.delete(from).await
    }

    /// Lists the keys that are [under](ArtifactKey::is_under) `prefix`, in no particular order.
    ///
    /// # Behaviour
    /// - `circuits/ab` lists `circuits/ab/x` but not `circuits/abc/x`. The empty prefix lists every key.
    ///   A prefix that is not made of segments lists nothing.
    /// - Unreadable artifacts are listed too.
    /// - An artifact that is put or deleted during the listing may or may not be listed.
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>>;

    /// A URL that downloads the artifact directly from the store, for the time `valid` and without further
    /// authentication. `None`, the default, if the store has no such URLs.
    ///
    /// The digest is not checked on this path. A missing artifact has a URL too.
    ///
    /// # Errors
    /// The URL cannot be signed.
    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        let _ = (key, valid);
        Ok(None)
    }

    /// A request that stores exactly `size` bytes directly in the store, for the time `valid`, and replaces an artifact
    /// there. `None`, the default, if the store has no such requests.
    ///
    /// The store refuses another length. It may take other bytes than those of `sha256`: a [`get`](Self::get) then finds the
    /// artifact [corrupt](StoreError::Corrupt).
    ///
    /// # Errors
    /// The request cannot be signed.
    async fn upload_url(
        &self,
        key: &ArtifactKey,
        size: u64,
        sha256: &Digest,
        valid: Duration,
    ) -> Result<Option<SignedPut>, StoreError> {
        let _ = (key, size, sha256, valid);
        Ok(None)
    }
}

/// A request that stores an artifact without further authentication: a `PUT` to the URL with these headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// URL, which contains the signature. Secret until it ends.
    pub url: String,
    /// Names and values of headers that are signed; the request is refused without them.
    pub headers: Vec<(String, String)>,
}

/// Pieces of an artifact, in order.
pub type Pieces = BoxStream<'static, Result<Bytes, StoreError>>;

/// Checks the pieces of a whole artifact against its digest: the last piece is passed on only if all match.
pub fn checked(meta: ArtifactMeta, pieces: Pieces) -> Pieces {
    struct Check {
        meta: ArtifactMeta,
        pieces: Pieces,
        hasher: Hasher,
        /// A piece that may be the last one.
        held: Option<Bytes>,
        done: bool,
    }
    let state = Check { meta, pieces, hasher: Hasher::default(), held: None, done: false };
    stream::try_unfold(state, |mut state| async move {
        while !state.done {
            match state.pieces.try_next().await? {
                Some(piece) => {
                    state.hasher.update(&piece);
                    if let Some(before) = state.held.replace(piece) {
                        return Ok(Some((before, state)));
                    }
                }
                None => {
                    state.done = true;
                    if std::mem::take(&mut state.hasher).finish() != state.meta.sha256 {
                        let detail = "its SHA-256 differs from the recorded one".to_owned();
                        return Err(StoreError::Corrupt { key: state.meta.key, detail });
                    }
                    if let Some(last) = state.held.take() {
                        return Ok(Some((last, state)));
                    }
                }
            }
        }
        Ok(None)
    })
    .boxed()
}

/// Key of an artifact, such as `circuits/00/proving_key.zkey`: 1 to 8 segments joined by `/`.
///
/// A segment is 1 to 128 characters of `A-Z a-z 0-9 . _ -` and does not begin with a dot. A key has at most
/// [512](Self::MAX_LENGTH) characters, so that a prefix and the key fit into a key of S3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactKey(String);

impl ArtifactKey {
    /// Maximum length of a key in characters.
    pub const MAX_LENGTH: usize = 512;

    /// The whole key, with `/` between segments.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key begins with all path segments of `prefix`.
    ///
    /// `circuits/ab` is under `circuits` and under itself, but not under `circuits/a`. Every key is under
    /// the empty prefix. [`ArtifactStore::list`] uses this rule.
    pub fn is_under(&self, prefix: &str) -> bool {
        prefix.is_empty()
            || self.0.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for ArtifactKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let segment = |part: &str| {
            (1..=128).contains(&part.len())
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if text.len() <= Self::MAX_LENGTH && text.split('/').count() <= 8 && text.split('/').all(segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKey(text.chars().take(128).collect()))
        }
    }
}

impl TryFrom<String> for ArtifactKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<ArtifactKey> for String {
    fn from(key: ArtifactKey) -> Self {
        key.0
    }
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an artifact key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an artifact key: expected 1 to 8 segments of 1 to 128 letters, digits, '.', '_' or '-', \
     none beginning with '.', at most 512 characters"
)]
pub struct InvalidKey(String);

/// What a put does if the key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Fails with [`StoreError::Exists`].
    Create,
    /// Replaces the artifact.
    Overwrite,
}

/// Key, size and digest of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactMeta {
    /// Key that the artifact is stored under.
    pub key: ArtifactKey,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
}

/// An artifact whose bytes match its digest.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Key, size and digest.
    pub meta: ArtifactMeta,
    /// The whole content.
    pub body: Bytes,
}

/// Failure of a store operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no artifact under this key.
    #[error("artifact {0} not found")]
    NotFound(ArtifactKey),
    /// There already is an artifact under this key.
    #[error("artifact {0} already exists")]
    Exists(ArtifactKey),
    /// The stored bytes are not the bytes that were put.
    #[error("artifact {key} is corrupt: {detail}")]
    Corrupt {
        /// Key of the artifact.
        key: ArtifactKey,
        /// What is wrong, such as `its length is not recorded`.
        detail: String,
    },
    /// The backend failed.
    #[error("artifact store: {action}")]
    Backend {
        /// The operation, such as `writing circuits/00/key`.
        action: String,
        /// Cause of the failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A failure of the backend during `action`.
    pub fn backend(
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { action: action.into(), source: source.into() }
    }
}

impl Classified for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Exists(_) => ErrorKind::Conflict,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Backend { .. } => ErrorKind::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "artifact_not_found",
            Self::Exists(_) => "artifact_exists",
            Self::Corrupt { .. } => "artifact_corrupt",
            Self::Backend { .. } => "artifact_store_unavailable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_store() {
        for text in ["", "/", "a//b", "../a", "a/..", "a/.b", "a b", "a\\b", "/a", "a/"] {
            assert!(text.parse::<ArtifactKey>().is_err(), "{text:?}");
        }
        assert!("circuits/00/proving_key.zkey".parse::<ArtifactKey>().is_ok());
    }

    #[test]
    fn a_key_has_a_greatest_length() {
        let longest = ["k".repeat(128), "k".repeat(128), "k".repeat(128), "k".repeat(125)].join("/");
        assert_eq!(longest.len(), ArtifactKey::MAX_LENGTH);
        assert!(longest.parse::<ArtifactKey>().is_ok());
        assert!(format!("{longest}k").parse::<ArtifactKey>().is_err());
    }
}
