//! Catalog and artifacts on other machines, each behind its guard.

use std::path::Path;
use std::sync::Arc;

use zkflow_core::service::catalog::Catalog;
use zkflow_core::service::store::ArtifactStore;
use zkflow_store::guarded::Policy;
use zkflow_store::{CachedStore, GuardedCatalog, GuardedStore, MongoCatalog, S3Settings, S3Store};

use super::{OpenError, failed};
use crate::config::Config;

/// The documents in MongoDB, if the settings name one.
pub(super) async fn catalog(config: &Config) -> Result<Option<Arc<dyn Catalog>>, OpenError> {
    let Some(uri) = &config.storage.mongodb_uri else { return Ok(None) };
    let catalog = MongoCatalog::open(uri.expose()).await.map_err(failed("open the catalog"))?;
    tracing::info!("documents are kept in MongoDB");
    Ok(Some(Arc::new(GuardedCatalog::new(Arc::new(catalog), Policy::default()))))
}

/// The artifacts in a bucket, if the settings name one, with a cache of those of circuits.
pub(super) async fn store(config: &Config, data: &Path) -> Result<Option<Arc<dyn ArtifactStore>>, OpenError> {
    let Some(bucket) = &config.storage.s3_bucket else { return Ok(None) };
    let settings = S3Settings {
        prefix: config.storage.s3_prefix.clone(),
        region: config.storage.aws_region.clone(),
        endpoint: config.storage.s3_endpoint.clone(),
        force_path_style: config.storage.s3_force_path_style,
        ..S3Settings::new(bucket)
    };
    let store = S3Store::open(settings).await.map_err(failed("open the artifact store"))?;
    tracing::info!(%bucket, "artifacts are kept in S3");
    let guarded: Arc<dyn ArtifactStore> = Arc::new(GuardedStore::new(Arc::new(store), Policy::default()));
    let cache = config.storage.artifact_cache.clone().unwrap_or_else(|| data.join("artifact-cache"));
    let cached = CachedStore::open(guarded, cache, config.storage.artifact_cache_bytes());
    Ok(Some(Arc::new(cached.map_err(failed("open the cache of artifacts"))?)))
}
