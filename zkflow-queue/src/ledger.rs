//! [`Apart`]: a [`Ledger`] over any catalog and any queue.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Ceremony, Circuit, Delivery, Deployment, ProofRequest, Stored,
};
use zkflow_core::service::ledger::{Entries, Ledger};
use zkflow_core::service::queue::{JobQueue, LeaseToken};

/// Writes to a catalog and a queue that share no transaction: the document first, then its job.
///
/// If the queue fails, the document is submitted all the same, and the [`Reconciler`](crate::Reconciler) pushes the job.
#[derive(Debug, Clone)]
pub struct Apart {
    catalog: Arc<dyn Catalog>,
    queue: Arc<dyn JobQueue>,
}

/// Documents of one submission that are written at the same time.
const AT_ONCE: usize = 16;

impl Apart {
    /// A ledger over `catalog` and `queue`.
    pub fn new(catalog: Arc<dyn Catalog>, queue: Arc<dyn JobQueue>) -> Self {
        Self { catalog, queue }
    }

    async fn submit_one<D: Stored>(&self, document: D, max_attempts: u32) -> Result<(D, bool), CatalogError> {
        let (document, added) = D::collection(&*self.catalog).insert(document).await?;
        if added {
            let job = document.job().with_attempts(max_attempts);
            if let Err(error) = self.queue.push(job).await {
                tracing::warn!(%error, "job not pushed; the reconciler pushes it later");
            }
        }
        Ok((document, added))
    }
}

#[async_trait]
impl Ledger for Apart {
    fn circuits(&self) -> &dyn Entries<Circuit> {
        self
    }

    fn proofs(&self) -> &dyn Entries<ProofRequest> {
        self
    }

    fn deployments(&self) -> &dyn Entries<Deployment> {
        self
    }

    fn ceremonies(&self) -> &dyn Entries<Ceremony> {
        self
    }

    fn deliveries(&self) -> &dyn Entries<Delivery> {
        self
    }
}

#[async_trait]
impl<D: Stored> Entries<D> for Apart {
    /// Writes 16 documents at a time. Of several with one key, any may be the one that is added.
    async fn submit(&self, documents: Vec<D>, max_attempts: u32) -> Vec<Result<(D, bool), CatalogError>> {
        let writes: Vec<_> =
            documents.into_iter().map(|document| self.submit_one(document, max_attempts)).collect();
        futures::stream::iter(writes).buffered(AT_ONCE).collect().await
    }

    /// Writes the document; the worker completes the job.
    async fn finish(&self, document: D, _: &LeaseToken) -> Result<(D, bool), CatalogError> {
        Ok((D::collection(&*self.catalog).replace(document).await?, false))
    }
}
