//! Opens the catalog in MongoDB.

use std::sync::Arc;

use zkflow_core::service::catalog::Catalog;
use zkflow_store::guarded::Policy;
use zkflow_store::{GuardedCatalog, MongoCatalog};

use super::{OpenError, failed};
use crate::config::SecretSetting;

/// Opens the catalog at `uri` behind a guard: deadlines, retries and a circuit breaker.
pub(super) async fn catalog(uri: &SecretSetting) -> Result<Arc<dyn Catalog>, OpenError> {
    let catalog = MongoCatalog::open(uri.expose()).await.map_err(failed("open the catalog"))?;
    tracing::info!("documents are stored in MongoDB");
    Ok(Arc::new(GuardedCatalog::new(Arc::new(catalog), Policy::default())))
}
