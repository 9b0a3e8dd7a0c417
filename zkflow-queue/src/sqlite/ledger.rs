//! [`SqliteLedger`].

use std::sync::Arc;

use async_trait::async_trait;
use zkflow_core::service::catalog::{
    CatalogError, Ceremony, Circuit, Delivery, Deployment, Document, ProofRequest,
};
use zkflow_core::service::ledger::{Entries, Ledger};
use zkflow_core::service::queue::LeaseToken;
use zkflow_store::sqlite::rusqlite::Connection;
use zkflow_store::sqlite::{Database, DatabaseError, Durability, documents};

use super::{SqliteQueue, jobs};

/// A [`Ledger`] over an SQLite file that contains the documents and the jobs: one transaction for both.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    queue: Arc<SqliteQueue>,
    database: Database,
}

impl SqliteLedger {
    /// A ledger over the file of `queue`, in which a [`SqliteCatalog`](zkflow_store::SqliteCatalog) has its tables.
    pub fn new(queue: Arc<SqliteQueue>) -> Self {
        let database = queue.database().clone();
        Self { queue, database }
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
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
impl<D: Document> Entries<D> for SqliteLedger {
    /// All documents are written in one transaction, in order.
    async fn submit(&self, documents: Vec<D>, max_attempts: u32) -> Vec<Result<(D, bool), CatalogError>> {
        let (now, number) = (self.queue.now(), documents.len());
        let submit = move |connection: &Connection| {
            let results = documents.into_iter().map(|document| -> Result<(D, bool), Failed> {
                let (document, added) = documents::insert(connection, document).map_err(Failed::Document)?;
                if added {
                    let job = document.job().with_attempts(max_attempts);
                    jobs::push(connection, now, &job).map_err(|e| Failed::Write(e.into()))?;
                }
                Ok((document, added))
            });
            // A document that cannot be written fails alone; without its job, the whole submission fails.
            let mut all = Vec::with_capacity(number);
            for result in results {
                match result {
                    Ok(one) => all.push(Ok(one)),
                    Err(Failed::Document(error)) => all.push(Err(error)),
                    Err(Failed::Write(error)) => return Err(error),
                }
            }
            Ok(all)
        };
        let written = self.database.write(Durability::Now, submit).await;
        match written.and_then(|written| written) {
            Ok(results) => {
                self.queue.wake(D::QUEUE);
                results
            }
            Err(error) => (0..number).map(|_| Err(failed(error.clone()))).collect(),
        }
    }

    async fn finish(&self, document: D, token: &LeaseToken) -> Result<(D, bool), CatalogError> {
        let (now, token) = (self.queue.now(), token.clone());
        let finish = move |connection: &Connection| {
            let document = documents::replace(connection, document)?;
            let completed = jobs::complete(connection, now, &token).map_err(|e| failed(e.into()))?;
            Ok((document, completed))
        };
        self.database.write(Durability::Now, finish).await.map_err(failed)?
    }
}

enum Failed {
    Document(CatalogError),
    Write(DatabaseError),
}

fn failed(error: DatabaseError) -> CatalogError {
    CatalogError::backend("writing documents and jobs", error)
}
