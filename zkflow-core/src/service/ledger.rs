//! [`Ledger`]: documents written together with their jobs.

use std::fmt;

use async_trait::async_trait;

use crate::service::catalog::{
    CatalogError, Ceremony, Circuit, Delivery, Deployment, Document, ProofRequest, Stored,
};
use crate::service::queue::LeaseToken;

/// Writes documents of a [`Catalog`](crate::service::catalog::Catalog) together with their jobs in a
/// [`JobQueue`](crate::service::queue::JobQueue), in as few steps as the two allow.
#[async_trait]
pub trait Ledger: fmt::Debug + Send + Sync + 'static {
    /// Circuits and their jobs.
    fn circuits(&self) -> &dyn Entries<Circuit>;

    /// Proof requests and their jobs.
    fn proofs(&self) -> &dyn Entries<ProofRequest>;

    /// Deployments and their jobs.
    fn deployments(&self) -> &dyn Entries<Deployment>;

    /// Ceremonies and their jobs.
    fn ceremonies(&self) -> &dyn Entries<Ceremony>;

    /// Deliveries and their jobs.
    fn deliveries(&self) -> &dyn Entries<Delivery>;
}

/// Documents of one kind and their jobs.
///
/// # Behaviour
/// - A document is durable when the call returns. Its job is, if both are in one database; otherwise a lost job is
///   pushed again by the reconciler.
/// - No job is handed out before its document can be read.
/// - In one database, the document and its job change in one transaction. Otherwise the document changes first: a crash
///   between the two leaves a job missing, or a job of a final document, whose worker has nothing left to do.
#[async_trait]
pub trait Entries<D: Document>: Send + Sync {
    /// Adds documents, each as [`Collection::insert`](crate::service::catalog::Collection::insert) does, and pushes the
    /// [job](Document::job) of every document that was added, with this number of attempts. Returns one result per
    /// document, in order: a document that is not added affects no other.
    async fn submit(&self, documents: Vec<D>, max_attempts: u32) -> Vec<Result<(D, bool), CatalogError>>;

    /// Writes a document as [`Collection::replace`](crate::service::catalog::Collection::replace) does. Returns it, and
    /// whether its job was completed too; if not, complete the job with the queue.
    ///
    /// The epoch of the document decides: if it is unchanged, the document is written even if the lease is lost.
    ///
    /// # Errors
    /// Those of `replace`; the job is not changed then.
    async fn finish(&self, document: D, token: &LeaseToken) -> Result<(D, bool), CatalogError>;
}

/// A [`Document`] with entries in every [`Ledger`].
pub trait Entered: Stored {
    /// Entries of this kind.
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self>;
}

impl Entered for Circuit {
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self> {
        ledger.circuits()
    }
}

impl Entered for ProofRequest {
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self> {
        ledger.proofs()
    }
}

impl Entered for Deployment {
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self> {
        ledger.deployments()
    }
}

impl Entered for Ceremony {
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self> {
        ledger.ceremonies()
    }
}

impl Entered for Delivery {
    fn entries(ledger: &dyn Ledger) -> &dyn Entries<Self> {
        ledger.deliveries()
    }
}
