//! Opens the artifact store in S3.

use std::path::Path;
use std::sync::Arc;

use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore};
use zkflow_store::guarded::Policy;
use zkflow_store::{CachedStore, GuardedStore, S3Settings, S3Store};

use super::{OpenError, failed};
use crate::config::{Config, Storage};

/// Opens the store in `bucket` behind a guard and a cache on disk.
pub(super) async fn store(
    bucket: &str,
    config: &Config,
    data: &Path,
) -> Result<Arc<dyn ArtifactStore>, OpenError> {
    let settings = S3Settings { prefix: config.storage.s3_prefix.clone(), ..settings(bucket, config) };
    let store = S3Store::open(settings).await.map_err(failed("open the artifact store"))?;
    tracing::info!(%bucket, "artifacts are stored in S3");
    let guarded: Arc<dyn ArtifactStore> = Arc::new(GuardedStore::new(Arc::new(store), Policy::default()));
    let (cache, bytes) = (config.storage.artifact_cache_in(data), config.storage.artifact_cache_bytes());
    let cached = CachedStore::open(guarded, cache, bytes, is_of_a_circuit);
    Ok(Arc::new(cached.map_err(failed("open the cache of artifacts"))?))
}

/// A bucket at the configured server, without a prefix.
pub(super) fn settings(bucket: &str, config: &Config) -> S3Settings {
    let Storage { aws_region, s3_endpoint, s3_force_path_style, .. } = &config.storage;
    let settings = S3Settings {
        region: aws_region.clone(),
        endpoint: s3_endpoint.clone(),
        force_path_style: *s3_force_path_style,
        ..S3Settings::new(bucket)
    };
    match config.variables.aws_credentials() {
        Some((id, secret, token)) => settings.with_credentials(id, secret, token),
        None => settings,
    }
}

/// Whether the artifact may be cached: clients may read all files of circuits.
fn is_of_a_circuit(key: &ArtifactKey) -> bool {
    matches!(key.as_str().parse(), Ok(ArtifactPath::CircuitFile { .. } | ArtifactPath::ResealedFile { .. }))
}
