//! [`MemoryCatalog`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;

use async_trait::async_trait;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Circuit, CircuitFilter, Cursor, Deployment, DeploymentFilter, Idempotency, Page,
    ProofFilter, ProofRequest,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{DeploymentId, ProofId, UserId};

use super::lock;

/// A [`Catalog`] in memory.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    circuits: Mutex<BTreeMap<CircuitId, Circuit>>,
    proofs: Mutex<BTreeMap<ProofId, ProofRequest>>,
    deployments: Mutex<BTreeMap<DeploymentId, Deployment>>,
}

impl MemoryCatalog {
    /// An empty catalog.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn insert_circuit(&self, circuit: Circuit) -> Result<(Circuit, bool), CatalogError> {
        let mut circuits = lock(&self.circuits);
        if let Some(present) = circuits.values().find(|c| c.circuit_hash == circuit.circuit_hash) {
            return Ok((present.clone(), false));
        }
        circuits.insert(circuit.id.clone(), circuit.clone());
        Ok((circuit, true))
    }

    async fn circuit(&self, id: &CircuitId) -> Result<Option<Circuit>, CatalogError> {
        Ok(lock(&self.circuits).get(id).cloned())
    }

    async fn replace_circuit(&self, mut circuit: Circuit) -> Result<Circuit, CatalogError> {
        match lock(&self.circuits).get_mut(&circuit.id) {
            Some(present) if present.epoch == circuit.epoch => {
                circuit.epoch += 1;
                present.clone_from(&circuit);
                Ok(circuit)
            }
            _ => Err(CatalogError::Stale(format!("circuit {}", circuit.id))),
        }
    }

    async fn delete_circuit(&self, id: &CircuitId) -> Result<(), CatalogError> {
        lock(&self.circuits).remove(id);
        Ok(())
    }

    async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Vec<Circuit>, CatalogError> {
        let circuits = lock(&self.circuits);
        let wanted = circuits.values().filter(|circuit| {
            filter.template.as_ref().is_none_or(|template| *template == circuit.template)
                && filter.status.is_none_or(|status| status == circuit.status)
        });
        Ok(newest_first(wanted, page, |circuit| cursor(circuit.created_at, &circuit.id)))
    }

    async fn insert_proof(&self, proof: ProofRequest) -> Result<(ProofRequest, bool), CatalogError> {
        let mut proofs = lock(&self.proofs);
        if let Some(Idempotency { key, .. }) = &proof.idempotency
            && let Some(present) = with_key(&proofs, proof.user_id.as_ref(), key)
        {
            return Ok((present, false));
        }
        proofs.insert(proof.id.clone(), proof.clone());
        Ok((proof, true))
    }

    async fn proof_by_key(
        &self,
        user: Option<&UserId>,
        key: &str,
    ) -> Result<Option<ProofRequest>, CatalogError> {
        Ok(with_key(&lock(&self.proofs), user, key))
    }

    async fn proof(&self, id: &ProofId) -> Result<Option<ProofRequest>, CatalogError> {
        Ok(lock(&self.proofs).get(id).cloned())
    }

    async fn replace_proof(&self, mut proof: ProofRequest) -> Result<ProofRequest, CatalogError> {
        match lock(&self.proofs).get_mut(&proof.id) {
            Some(present) if present.epoch == proof.epoch => {
                proof.epoch += 1;
                present.clone_from(&proof);
                Ok(proof)
            }
            _ => Err(CatalogError::Stale(format!("proof request {}", proof.id))),
        }
    }

    async fn delete_proof(&self, id: &ProofId) -> Result<(), CatalogError> {
        lock(&self.proofs).remove(id);
        Ok(())
    }

    async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Vec<ProofRequest>, CatalogError> {
        let proofs = lock(&self.proofs);
        let wanted = proofs.values().filter(|proof| {
            filter.circuit_id.as_ref().is_none_or(|circuit| *circuit == proof.circuit_id)
                && (filter.user_id.is_none() || filter.user_id == proof.user_id)
                && filter.status.is_none_or(|status| status == proof.status)
        });
        Ok(newest_first(wanted, page, |proof| cursor(proof.created_at, &proof.id)))
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        let proofs = lock(&self.proofs);
        let mut expired: Vec<_> = proofs.values().filter(|proof| proof.expires_at <= now).collect();
        expired.sort_by_key(|proof| (proof.expires_at, &proof.id));
        Ok(expired.into_iter().take(limit).cloned().collect())
    }

    async fn insert_deployment(&self, deployment: Deployment) -> Result<(Deployment, bool), CatalogError> {
        let mut deployments = lock(&self.deployments);
        let key = |one: &Deployment| one.idempotency.as_ref().map(|idempotency| idempotency.key.clone());
        if let Some(wanted) = key(&deployment) {
            let carries = |one: &&Deployment| {
                one.circuit_id == deployment.circuit_id && key(one).as_ref() == Some(&wanted)
            };
            if let Some(present) = deployments.values().find(carries) {
                return Ok((present.clone(), false));
            }
        }
        deployments.insert(deployment.id.clone(), deployment.clone());
        Ok((deployment, true))
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CatalogError> {
        Ok(lock(&self.deployments).get(id).cloned())
    }

    async fn replace_deployment(&self, mut deployment: Deployment) -> Result<Deployment, CatalogError> {
        match lock(&self.deployments).get_mut(&deployment.id) {
            Some(present) if present.epoch == deployment.epoch => {
                deployment.epoch += 1;
                present.clone_from(&deployment);
                Ok(deployment)
            }
            _ => Err(CatalogError::Stale(format!("deployment {}", deployment.id))),
        }
    }

    async fn delete_deployment(&self, id: &DeploymentId) -> Result<(), CatalogError> {
        lock(&self.deployments).remove(id);
        Ok(())
    }

    async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Vec<Deployment>, CatalogError> {
        let deployments = lock(&self.deployments);
        let wanted = deployments.values().filter(|deployment| {
            filter.circuit_id.as_ref().is_none_or(|circuit| *circuit == deployment.circuit_id)
                && filter.status.is_none_or(|status| status == deployment.status)
        });
        Ok(newest_first(wanted, page, |deployment| cursor(deployment.created_at, &deployment.id)))
    }
}

fn with_key(
    proofs: &BTreeMap<ProofId, ProofRequest>,
    user: Option<&UserId>,
    key: &str,
) -> Option<ProofRequest> {
    let carries = |proof: &&ProofRequest| {
        proof.user_id.as_ref() == user && proof.idempotency.as_ref().is_some_and(|own| own.key == key)
    };
    proofs.values().find(carries).cloned()
}

fn cursor(created_at: Timestamp, id: &impl Display) -> Cursor {
    Cursor { created_at, id: id.to_string() }
}

/// The entries behind `page.after`, by their cursor descending.
fn newest_first<'a, T: Clone + 'a>(
    entries: impl Iterator<Item = &'a T>,
    page: &Page,
    cursor: impl Fn(&T) -> Cursor,
) -> Vec<T> {
    let behind = entries.map(|entry| (cursor(entry), entry));
    let mut behind: Vec<_> =
        behind.filter(|(place, _)| page.after.as_ref().is_none_or(|after| place < after)).collect();
    behind.sort_by(|(a, _), (b, _)| Reverse(a).cmp(&Reverse(b)));
    behind.into_iter().take(page.limit).map(|(_, entry)| entry.clone()).collect()
}
