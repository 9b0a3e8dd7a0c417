//! [`ArtifactStore`]: named bytes with a digest.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::service::id::{DeploymentId, ProofId};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};

/// Keeps artifacts: keys, circuits, proofs, sealed inputs.
///
/// # Behaviour
/// - A put is atomic: a reader sees all of it or nothing, also after a crash.
/// - What was put before a call returned is durable, and so is what was deleted.
/// - Of several puts in [`PutMode::Create`] under one key exactly one succeeds.
/// - A key may be a prefix of another: `a` and `a/b` are two artifacts.
/// - A get returns bytes whose digest was checked against the one recorded at the put.
#[async_trait]
pub trait ArtifactStore: fmt::Debug + Send + Sync + 'static {
    /// Stores `body` under `key`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] in [`PutMode::Create`] when the key is taken.
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError>;

    /// Reads the whole artifact.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] when the bytes are not those that were put.
    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError>;

    /// Describes the artifact without reading it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError>;

    /// Removes the artifact. A missing key is success.
    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError>;

    /// The key of every artifact, readable or not, that [is under](ArtifactKey::is_under) `prefix`, in
    /// no particular order. `circuits/ab` lists `circuits/ab/x` and not `circuits/abc/x`; the empty
    /// prefix lists all; a prefix that is not made of segments lists nothing. An artifact that is
    /// put or deleted meanwhile may or may not be listed.
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>>;

    /// An address from which whoever holds it can download the artifact for the time `valid`, without
    /// this service in between; `None`, the default, when the store has no such addresses. The
    /// bytes are not checked on that way, and a missing artifact has an address too.
    ///
    /// # Errors
    /// The address cannot be signed.
    async fn download_url(&self, key: &ArtifactKey, valid: Duration) -> Result<Option<String>, StoreError> {
        let _ = (key, valid);
        Ok(None)
    }
}

/// Where an artifact lies: 1 to 8 segments joined by `/`, each 1 to 128 of `A-Z a-z 0-9 . _ -`,
/// none beginning with a dot; at most [512](Self::MAX_LENGTH) characters in all, so that it fits
/// below a prefix into a key of S3.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactKey(String);

impl ArtifactKey {
    /// The most characters of a key.
    pub const MAX_LENGTH: usize = 512;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sealed/<id>`: the sealed inputs of a proof request.
    pub fn sealed(id: &ProofId) -> Self {
        Self(format!("sealed/{id}"))
    }

    /// `sealed-deployments/<id>`: the secrets that came with a deployment.
    pub fn sealed_deployment(id: &DeploymentId) -> Self {
        Self(format!("sealed-deployments/{id}"))
    }

    /// Whether the key begins with the path segments of `prefix`, which is what
    /// [`ArtifactStore::list`] lists: `circuits/ab` is under `circuits` and under itself, and not
    /// under `circuits/a`. Every key is under the empty prefix.
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
    "{0:?} is not an artifact key: 1 to 8 segments of letters, digits, '.', '_', '-', none beginning with '.', \
     512 characters at most"
)]
pub struct InvalidKey(String);

/// What a put does when the key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutMode {
    /// Fail with [`StoreError::Exists`].
    Create,
    /// Replace what is there.
    Overwrite,
}

/// What is known of an artifact without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactMeta {
    /// Where it lies.
    pub key: ArtifactKey,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
}

/// An artifact with its bytes, checked against the digest.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// What it is.
    pub meta: ArtifactMeta,
    /// Its bytes.
    pub body: Bytes,
}

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No artifact under the key.
    #[error("no artifact {0}")]
    NotFound(ArtifactKey),
    /// The key is taken.
    #[error("artifact {0} exists already")]
    Exists(ArtifactKey),
    /// The bytes are not those that were put.
    #[error("artifact {key} is corrupt: {detail}")]
    Corrupt {
        /// Which artifact.
        key: ArtifactKey,
        /// What is wrong with it.
        detail: String,
    },
    /// The backend failed.
    #[error("artifact store: {action}")]
    Backend {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A failure of the backend while doing `action`.
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
