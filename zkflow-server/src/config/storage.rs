//! [`Storage`]: settings of documents, jobs and artifacts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use zkflow_store::vault::sealing::PublicSealingKey;

use super::error::ConfigError;
use super::secret::SecretSetting;
use super::setting::{TEBIBYTE_MIB, YEAR_S, bytes, settings};
use super::value::{lists, texts};
use crate::maintenance::clean::Grace;

settings! {
    /// Storage
    Storage at storage {
        /// Folder for local state: catalog, queue, artifacts, vault key and caches
        data_dir: PathBuf = PathBuf::from("./zkflow-data"), "data-dir", "ZKFLOW_DATA_DIR";
        /// Key that seals private inputs, 64 hex digits (default: generated and stored in the data folder). Earlier keys
        /// may follow, separated by commas: they only open. Prefer the environment variable: other users of the machine
        /// can read flags
        secret_key: Option<SecretSetting> = None, "secret-key", "ZKFLOW_SECRET_KEY";
        /// File of the private keys that open inputs, for processes that make proofs; made by `zkflow sealing-key create`
        /// (default: a key that follows from the one that seals)
        sealing_keys: Option<PathBuf> = None, "sealing-keys", "ZKFLOW_SEALING_KEYS";
        /// Public keys that inputs are sealed to, for processes that make no proofs: they cannot open inputs then. The first
        /// one seals, clients may use all; `zkflow sealing-key show` prints them
        sealing_public_keys: Vec<PublicSealingKey> = Vec::new(), "sealing-public-keys", "ZKFLOW_SEALING_PUBLIC_KEYS";
        /// Redis 7 or later that stores the jobs, so that workers can run on many machines (default: SQLite
        /// in the data folder). URLs start with redis://, or rediss:// for TLS; separate several nodes of a
        /// cluster by commas. Prefer the environment variable: other users of the machine can read flags
        redis_url: Option<SecretSetting> = None, "redis-url", "REDIS_URL";
        /// Prefix of all Redis keys, without braces
        redis_namespace: Namespace = Namespace::default(), "redis-namespace", "REDIS_NAMESPACE";
        /// MongoDB that stores the documents, so that processes can run on many machines (default: SQLite in
        /// the data folder): mongodb://user:password@host/database. Prefer the environment variable: other
        /// users of the machine can read flags
        mongodb_uri: Option<SecretSetting> = None, "mongodb-uri", "MONGODB_URI";
        /// S3 bucket that stores the artifacts (default: files in the data folder). Credentials come from
        /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role
        s3_bucket: Option<String> = None, "s3-bucket", "S3_BUCKET";
        /// Prefix of all object keys in the bucket
        s3_prefix: String = String::new(), "s3-prefix", "S3_PREFIX";
        /// Region of the bucket (default: from the AWS profile or the machine; us-east-1 with s3_endpoint)
        aws_region: Option<String> = None, "aws-region", "AWS_REGION";
        /// URL of an S3-compatible server (default: Amazon S3)
        s3_endpoint: Option<String> = None, "s3-endpoint", "S3_ENDPOINT";
        /// Put the bucket name in the URL path instead of the host name
        s3_force_path_style: bool = false, "s3-force-path-style", "S3_FORCE_PATH_STYLE";
        /// Validity of the signed bucket URLs that artifact downloads are redirected to. 0 sends downloads
        /// through this server
        s3_redirect_s: u64 = 0, "s3-redirect-s", "S3_REDIRECT_S", 0..=7 * 24 * 3600;
        /// Validity of the signed bucket URLs that parts of uploads are sent to, without passing through this server. 0: none
        s3_upload_s: u64 = 0, "s3-upload-s", "S3_UPLOAD_S", 0..=24 * 3600;
        /// Folder that caches artifacts from the bucket (default: artifact-cache in the data folder).
        /// Processes may share it
        artifact_cache: Option<PathBuf> = None, "artifact-cache", "ZKFLOW_ARTIFACT_CACHE";
        /// Size limit of the artifact cache
        artifact_cache_mib: u64 = 16 * 1024, "artifact-cache-mib", "ZKFLOW_ARTIFACT_CACHE_MIB",
            0..=TEBIBYTE_MIB;
        /// Time until an artifact that no document needs is moved to the trash
        unclaimed_grace_s: u64 = 7 * 24 * 3600, "unclaimed-grace-s", "ZKFLOW_UNCLAIMED_GRACE_S", 0..=10 * YEAR_S;
        /// Time until an artifact in the trash is deleted
        trash_s: u64 = 30 * 24 * 3600, "trash-s", "ZKFLOW_TRASH_S", 0..=10 * YEAR_S;
    }
}

impl Storage {
    /// The SQLite file. It exists if catalog or queue are in it.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("zkflow.db")
    }

    /// Checks the settings against each other.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match (&self.sealing_keys, self.sealing_public_keys.is_empty()) {
            (Some(_), false) => Err(ConfigError::Contradiction(
                "storage.sealing_keys and storage.sealing_public_keys are set: private keys have their public ones".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Times until an artifact that no document needs is gone.
    pub fn grace(&self) -> Grace {
        Grace {
            unclaimed: Duration::from_secs(self.unclaimed_grace_s),
            trash: Duration::from_secs(self.trash_s),
        }
    }

    /// Folder that caches artifacts from the bucket, with this data folder.
    pub(crate) fn artifact_cache_in(&self, data: &Path) -> PathBuf {
        self.artifact_cache.clone().unwrap_or_else(|| data.join("artifact-cache"))
    }

    /// Size limit of the artifact cache in bytes.
    pub fn artifact_cache_bytes(&self) -> u64 {
        bytes(self.artifact_cache_mib)
    }
}

/// Prefix of all Redis keys. It contains no braces, which would change the slot of a key in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("zkflow".to_owned())
    }
}

/// The text is empty or contains braces.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a text without braces that is not empty")]
pub struct InvalidNamespace;

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let valid = !text.is_empty() && !text.contains(['{', '}']);
        valid.then(|| Self(text.to_owned())).ok_or(InvalidNamespace)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

texts! {
    Namespace: "TEXT", "a text without braces that is not empty";
    PublicSealingKey: "KEY", "64 hex digits";
}

lists! {
    PublicSealingKey: "KEY[,KEY]", "a list of public keys, 64 hex digits each";
}
