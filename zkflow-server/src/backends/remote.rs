//! Catalog and artifacts on other machines, each behind its guard.

use std::path::Path;
use std::sync::Arc;

use zkflow_core::service::catalog::Catalog;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, ArtifactStore};
use zkflow_store::guarded::Policy;
use zkflow_store::{CachedStore, GuardedCatalog, GuardedStore, MongoCatalog, S3Settings, S3Store};

use super::{OpenError, failed};
use crate::config::Config;

/// The documents in MongoDB, if the settings name one.
pub(super) async fn catalog(config: &Config) -> Result<Option<Arc<dyn Catalog>>, OpenError> {
    let Some(uri) = &config.mongodb_uri else { return Ok(None) };
    let catalog = MongoCatalog::open(uri.expose()).await.map_err(failed("open the catalog"))?;
    tracing::info!("documents are kept in MongoDB");
    Ok(Some(Arc::new(GuardedCatalog::new(Arc::new(catalog), Policy::default()))))
}

/// The artifacts in a bucket, if the settings name one, with a cache of those of circuits.
pub(super) async fn store(config: &Config, data: &Path) -> Result<Option<Arc<dyn ArtifactStore>>, OpenError> {
    let Some(bucket) = &config.s3_bucket else { return Ok(None) };
    let settings = S3Settings {
        prefix: config.s3_prefix.clone(),
        region: config.aws_region.clone(),
        endpoint: config.s3_endpoint.clone(),
        force_path_style: config.s3_force_path_style,
        ..S3Settings::new(bucket)
    };
    let store = S3Store::open(settings).await.map_err(failed("open the artifact store"))?;
    tracing::info!(%bucket, "artifacts are kept in S3");
    let guarded: Arc<dyn ArtifactStore> = Arc::new(GuardedStore::new(Arc::new(store), Policy::default()));
    let cache = config.artifact_cache.clone().unwrap_or_else(|| data.join("artifact-cache"));
    let cached = CachedStore::open(guarded, cache, config.artifact_cache_bytes(), is_of_a_circuit);
    Ok(Some(Arc::new(cached.map_err(failed("open the cache of artifacts"))?)))
}

/// Files of circuits may be cached: every client that may request proofs may read them.
fn is_of_a_circuit(key: &ArtifactKey) -> bool {
    matches!(key.as_str().parse(), Ok(ArtifactPath::CircuitFile { .. }))
}
