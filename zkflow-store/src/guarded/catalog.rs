//! [`GuardedCatalog`].

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Circuit, CircuitFilter, Deployment, DeploymentFilter, Page, ProofFilter,
    ProofRequest,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{DeploymentId, ProofId, UserId};

use super::{Ended, Guard, Policy};

/// A [`Catalog`] on another machine, with deadlines, retries and a breaker; see the [module](super).
#[derive(Debug)]
pub struct GuardedCatalog {
    catalog: Arc<dyn Catalog>,
    guard: Guard,
}

impl GuardedCatalog {
    /// Guards `catalog`.
    pub fn new(catalog: Arc<dyn Catalog>, policy: Policy) -> Self {
        Self { catalog, guard: Guard::new("catalog", policy) }
    }

    async fn call<'a, T>(
        &self,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, CatalogError>> + Sync,
    ) -> Ended<T, CatalogError> {
        let unavailable = |reason| CatalogError::backend("it is not available", reason);
        self.guard.call(attempt, unavailable, Some(self.guard.policy.deadline)).await
    }

    /// Inserts; what an attempt added whose answer was lost counts as added by this call, which `same` tells from what
    /// somebody else added.
    async fn insert<'a, T: Clone + Sync>(
        &self,
        new: &T,
        same: impl FnOnce(&T, &T) -> bool,
        attempt: impl Fn(T) -> BoxFuture<'a, Result<(T, bool), CatalogError>> + Sync,
    ) -> Result<(T, bool), CatalogError> {
        let Ended { result, retried } = self.call(|| attempt(new.clone())).await;
        let (present, added) = result?;
        let ours = retried && same(&present, new);
        Ok((present, added || ours))
    }

    /// Replaces; when an attempt's answer was lost and the next one finds the document changed, looks whether
    /// the change is the one that was to be made.
    async fn replace<'a, T: PartialEq + Clone + Sync>(
        &self,
        changed: &T,
        attempt: impl Fn(T) -> BoxFuture<'a, Result<T, CatalogError>> + Sync,
        look: impl Fn() -> BoxFuture<'a, Result<Option<T>, CatalogError>> + Sync,
        written: impl FnOnce(T) -> T,
    ) -> Result<T, CatalogError> {
        let Ended { result, retried } = self.call(|| attempt(changed.clone())).await;
        match result {
            Err(stale @ CatalogError::Stale(_)) if retried => {
                let written = written(changed.clone());
                match self.call(look).await.result? {
                    Some(found) if found == written => Ok(written),
                    _ => Err(stale),
                }
            }
            result => result,
        }
    }
}

#[async_trait]
impl Catalog for GuardedCatalog {
    async fn insert_circuit(&self, circuit: Circuit) -> Result<(Circuit, bool), CatalogError> {
        self.insert(&circuit, Circuit::eq, |circuit| self.catalog.insert_circuit(circuit)).await
    }

    async fn circuit(&self, id: &CircuitId) -> Result<Option<Circuit>, CatalogError> {
        self.call(|| self.catalog.circuit(id)).await.result
    }

    async fn replace_circuit(&self, circuit: Circuit) -> Result<Circuit, CatalogError> {
        let attempt = |circuit| self.catalog.replace_circuit(circuit);
        let next = |circuit: Circuit| Circuit { epoch: circuit.epoch + 1, ..circuit };
        self.replace(&circuit, attempt, || self.catalog.circuit(&circuit.id), next).await
    }

    async fn delete_circuit(&self, id: &CircuitId) -> Result<(), CatalogError> {
        self.call(|| self.catalog.delete_circuit(id)).await.result
    }

    async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Vec<Circuit>, CatalogError> {
        self.call(|| self.catalog.circuits(filter, page)).await.result
    }

    async fn insert_proof(&self, proof: ProofRequest) -> Result<(ProofRequest, bool), CatalogError> {
        // Its id is of this call alone; work on it may have begun already.
        let same = |present: &ProofRequest, new: &ProofRequest| present.id == new.id;
        self.insert(&proof, same, |proof| self.catalog.insert_proof(proof)).await
    }

    async fn proof_by_key(
        &self,
        user: Option<&UserId>,
        key: &str,
    ) -> Result<Option<ProofRequest>, CatalogError> {
        self.call(|| self.catalog.proof_by_key(user, key)).await.result
    }

    async fn proof(&self, id: &ProofId) -> Result<Option<ProofRequest>, CatalogError> {
        self.call(|| self.catalog.proof(id)).await.result
    }

    async fn replace_proof(&self, proof: ProofRequest) -> Result<ProofRequest, CatalogError> {
        let attempt = |proof| self.catalog.replace_proof(proof);
        let next = |proof: ProofRequest| ProofRequest { epoch: proof.epoch + 1, ..proof };
        self.replace(&proof, attempt, || self.catalog.proof(&proof.id), next).await
    }

    async fn delete_proof(&self, id: &ProofId) -> Result<(), CatalogError> {
        self.call(|| self.catalog.delete_proof(id)).await.result
    }

    async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Vec<ProofRequest>, CatalogError> {
        self.call(|| self.catalog.proofs(filter, page)).await.result
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        self.call(|| self.catalog.expired_proofs(now, limit)).await.result
    }

    async fn insert_deployment(&self, deployment: Deployment) -> Result<(Deployment, bool), CatalogError> {
        let same = |present: &Deployment, new: &Deployment| present.id == new.id;
        self.insert(&deployment, same, |deployment| self.catalog.insert_deployment(deployment)).await
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CatalogError> {
        self.call(|| self.catalog.deployment(id)).await.result
    }

    async fn replace_deployment(&self, deployment: Deployment) -> Result<Deployment, CatalogError> {
        let attempt = |deployment| self.catalog.replace_deployment(deployment);
        let next = |deployment: Deployment| Deployment { epoch: deployment.epoch + 1, ..deployment };
        self.replace(&deployment, attempt, || self.catalog.deployment(&deployment.id), next).await
    }

    async fn delete_deployment(&self, id: &DeploymentId) -> Result<(), CatalogError> {
        self.call(|| self.catalog.delete_deployment(id)).await.result
    }

    async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Vec<Deployment>, CatalogError> {
        self.call(|| self.catalog.deployments(filter, page)).await.result
    }
}
