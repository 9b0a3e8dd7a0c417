//! Opens the artifact store in S3.

use std::path::Path;
use std::sync::Arc;

use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore};
use zkflow_store::guarded::Policy;
use zkflow_store::{CachedStore, GuardedStore, S3Settings, S3Store};

use super::{OpenError, failed};
use crate::config::Storage;

/// Opens the store in `bucket` behind a guard and a cache on disk.
pub(super) async fn store(
    bucket: &str,
    config: &Storage,
    data: &Path,
) -> Result<Arc<dyn ArtifactStore>, OpenError> {
    let settings = S3Settings { prefix: config.s3_prefix.clone(), ..settings(bucket, config) };
    let store = S3Store::open(settings).await.map_err(failed("open the artifact store"))?;
    tracing::info!(%bucket, "artifacts are stored in S3");
    let guarded: Arc<dyn ArtifactStore> = Arc::new(GuardedStore::new(Arc::new(store), Policy::default()));
    let cache = config.artifact_cache_in(data);
    let cached = CachedStore::open(guarded, cache, config.artifact_cache_bytes(), is_of_a_circuit);
    Ok(Arc::new(cached.map_err(failed("open the cache of artifacts"))?))
}

/// A bucket at the configured server, without a prefix.
pub(super) fn settings(bucket: &str, config: &Storage) -> S3Settings {
    S3Settings {
        region: config.aws_region.clone(),
        endpoint: config.s3_endpoint.clone(),
        force_path_style: config.s3_force_path_style,
        ..S3Settings::new(bucket)
    }
}

/// Whether the artifact may be cached: clients may read all files of circuits.
fn is_of_a_circuit(key: &ArtifactKey) -> bool {
    matches!(key.as_str().parse(), Ok(ArtifactPath::CircuitFile { .. } | ArtifactPath::ResealedFile { .. }))
}
