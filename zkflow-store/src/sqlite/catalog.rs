//! [`SqliteCatalog`].

use async_trait::async_trait;
use futures::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    Catalog, CatalogError, Circuit, CircuitFilter, Deployment, DeploymentFilter, Page, ProofFilter,
    ProofRequest,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{DeploymentId, ProofId, UserId};

use super::schema;

/// A [`Catalog`] in an SQLite file. Several processes may share it.
///
/// A document is JSON text, beside columns for what is looked up. Every write is one statement, so
/// it holds the file's lock only while SQLite runs it.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    pool: SqlitePool,
}

impl SqliteCatalog {
    /// Makes or updates the tables. `pool` comes from [`open`](super::open).
    ///
    /// # Errors
    /// The tables cannot be made, or are of a newer version of this program.
    pub async fn open(pool: SqlitePool) -> Result<Self, CatalogError> {
        schema::migrate(&pool).await?;
        Ok(Self { pool })
    }

    /// The document that a query selects as `id, document`, if there is one.
    async fn one<T: DeserializeOwned>(
        &self,
        action: &str,
        query: &mut QueryBuilder<Sqlite>,
    ) -> Result<Option<T>, CatalogError> {
        let row = query.build().fetch_optional(&self.pool).await;
        row.map_err(|e| CatalogError::backend(action, e))?.map(|row| document(&row)).transpose()
    }

    /// The first `limit` readable documents that a query selects as `id, document`.
    async fn all<T: DeserializeOwned>(
        &self,
        action: &str,
        query: &mut QueryBuilder<Sqlite>,
        limit: usize,
    ) -> Result<Vec<T>, CatalogError> {
        let mut rows = query.build().fetch(&self.pool);
        let mut documents = Vec::new();
        while documents.len() < limit {
            let Some(row) = rows.try_next().await.map_err(|e| CatalogError::backend(action, e))? else {
                break;
            };
            match document(&row) {
                Ok(document) => documents.push(document),
                Err(error @ CatalogError::Corrupt { .. }) => tracing::error!(%error, "left out of a list"),
                Err(error) => return Err(error),
            }
        }
        Ok(documents)
    }

    /// Runs a statement; returns how many rows it changed.
    async fn execute(&self, action: &str, query: &mut QueryBuilder<Sqlite>) -> Result<u64, CatalogError> {
        let result = query.build().execute(&self.pool).await;
        Ok(result.map_err(|e| CatalogError::backend(action, e))?.rows_affected())
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn insert_circuit(&self, circuit: Circuit) -> Result<(Circuit, bool), CatalogError> {
        let action = "adding a circuit";
        let text = json(&circuit)?;
        let hash = circuit.circuit_hash.to_string();
        loop {
            let mut insert = QueryBuilder::new(
                "INSERT INTO circuits (id, circuit_hash, template, status, created_at, epoch, document) VALUES (",
            );
            let mut values = insert.separated(", ");
            values.push_bind(circuit.id.as_str()).push_bind(&hash).push_bind(circuit.template.as_str());
            values.push_bind(name(&circuit.status)?).push_bind(circuit.created_at.as_millis());
            values.push_bind(epoch(circuit.epoch)?).push_bind(&text);
            insert.push(") ON CONFLICT (circuit_hash) DO NOTHING");
            if self.execute(action, &mut insert).await? == 1 {
                return Ok((circuit, true));
            }
            let mut select = QueryBuilder::new("SELECT id, document FROM circuits WHERE circuit_hash = ");
            select.push_bind(&hash);
            // It may have been deleted in between: then once more.
            if let Some(present) = self.one(action, &mut select).await? {
                return Ok((present, false));
            }
        }
    }

    async fn circuit(&self, id: &CircuitId) -> Result<Option<Circuit>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM circuits WHERE id = ");
        query.push_bind(id.as_str());
        self.one("reading a circuit", &mut query).await
    }

    async fn replace_circuit(&self, mut circuit: Circuit) -> Result<Circuit, CatalogError> {
        let read = epoch(circuit.epoch)?;
        circuit.epoch += 1;
        let mut query = QueryBuilder::new("UPDATE circuits SET status = ");
        query.push_bind(name(&circuit.status)?);
        query.push(", epoch = epoch + 1, document = ").push_bind(json(&circuit)?);
        query.push(" WHERE id = ").push_bind(circuit.id.as_str()).push(" AND epoch = ").push_bind(read);
        match self.execute("changing a circuit", &mut query).await? {
            0 => Err(CatalogError::Stale(format!("circuit {}", circuit.id))),
            _ => Ok(circuit),
        }
    }

    async fn delete_circuit(&self, id: &CircuitId) -> Result<(), CatalogError> {
        let mut query = QueryBuilder::new("DELETE FROM circuits WHERE id = ");
        query.push_bind(id.as_str());
        self.execute("deleting a circuit", &mut query).await.map(drop)
    }

    async fn circuits(&self, filter: &CircuitFilter, page: &Page) -> Result<Vec<Circuit>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM circuits WHERE TRUE");
        if let Some(template) = &filter.template {
            query.push(" AND template = ").push_bind(template.as_str());
        }
        if let Some(status) = &filter.status {
            query.push(" AND status = ").push_bind(name(status)?);
        }
        push_page(&mut query, page);
        self.all("listing circuits", &mut query, page.limit).await
    }

    async fn insert_proof(&self, proof: ProofRequest) -> Result<(ProofRequest, bool), CatalogError> {
        let action = "adding a proof request";
        let text = json(&proof)?;
        let user = proof.user_id.as_ref().map(UserId::as_str);
        let key = proof.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
        loop {
            let mut insert = QueryBuilder::new(
                "INSERT INTO proofs (id, circuit_id, user_id, status, idempotency_key, created_at, expires_at, \
                 epoch, document) VALUES (",
            );
            let mut values = insert.separated(", ");
            values.push_bind(proof.id.as_str()).push_bind(proof.circuit_id.as_str()).push_bind(user);
            values.push_bind(name(&proof.status)?).push_bind(key).push_bind(proof.created_at.as_millis());
            values.push_bind(proof.expires_at.as_millis()).push_bind(epoch(proof.epoch)?).push_bind(&text);
            insert.push(
                ") ON CONFLICT (ifnull(user_id, ''), idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
            );
            if self.execute(action, &mut insert).await? == 1 {
                return Ok((proof, true));
            }
            // It may have been deleted in between: then once more.
            if let Some(key) = key
                && let Some(present) = self.proof_by_key(proof.user_id.as_ref(), key).await?
            {
                return Ok((present, false));
            }
        }
    }

    async fn proof_by_key(
        &self,
        user: Option<&UserId>,
        key: &str,
    ) -> Result<Option<ProofRequest>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM proofs WHERE ifnull(user_id, '') = ");
        query.push_bind(user.map_or("", UserId::as_str)).push(" AND idempotency_key = ").push_bind(key);
        self.one("looking up an idempotency key", &mut query).await
    }

    async fn proof(&self, id: &ProofId) -> Result<Option<ProofRequest>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM proofs WHERE id = ");
        query.push_bind(id.as_str());
        self.one("reading a proof request", &mut query).await
    }

    async fn replace_proof(&self, mut proof: ProofRequest) -> Result<ProofRequest, CatalogError> {
        let read = epoch(proof.epoch)?;
        proof.epoch += 1;
        let mut query = QueryBuilder::new("UPDATE proofs SET status = ");
        query.push_bind(name(&proof.status)?);
        query.push(", expires_at = ").push_bind(proof.expires_at.as_millis());
        query.push(", epoch = epoch + 1, document = ").push_bind(json(&proof)?);
        query.push(" WHERE id = ").push_bind(proof.id.as_str()).push(" AND epoch = ").push_bind(read);
        match self.execute("changing a proof request", &mut query).await? {
            0 => Err(CatalogError::Stale(format!("proof request {}", proof.id))),
            _ => Ok(proof),
        }
    }

    async fn delete_proof(&self, id: &ProofId) -> Result<(), CatalogError> {
        let mut query = QueryBuilder::new("DELETE FROM proofs WHERE id = ");
        query.push_bind(id.as_str());
        self.execute("deleting a proof request", &mut query).await.map(drop)
    }

    async fn proofs(&self, filter: &ProofFilter, page: &Page) -> Result<Vec<ProofRequest>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM proofs WHERE TRUE");
        if let Some(circuit) = &filter.circuit_id {
            query.push(" AND circuit_id = ").push_bind(circuit.as_str());
        }
        if let Some(user) = &filter.user_id {
            query.push(" AND user_id = ").push_bind(user.as_str());
        }
        if let Some(status) = &filter.status {
            query.push(" AND status = ").push_bind(name(status)?);
        }
        push_page(&mut query, page);
        self.all("listing proof requests", &mut query, page.limit).await
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM proofs WHERE expires_at <= ");
        query.push_bind(now.as_millis()).push(" ORDER BY expires_at, id");
        self.all("listing expired proof requests", &mut query, limit).await
    }

    async fn insert_deployment(&self, deployment: Deployment) -> Result<(Deployment, bool), CatalogError> {
        let action = "adding a deployment";
        let text = json(&deployment)?;
        let circuit = deployment.circuit_id.as_str();
        let key = deployment.idempotency.as_ref().map(|idempotency| idempotency.key.as_str());
        loop {
            let mut insert = QueryBuilder::new(
                "INSERT INTO deployments (id, circuit_id, status, idempotency_key, created_at, epoch, document) \
                 VALUES (",
            );
            let mut values = insert.separated(", ");
            values.push_bind(deployment.id.as_str()).push_bind(circuit).push_bind(name(&deployment.status)?);
            values.push_bind(key).push_bind(deployment.created_at.as_millis());
            values.push_bind(epoch(deployment.epoch)?).push_bind(&text);
            insert.push(
                ") ON CONFLICT (circuit_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
            );
            if self.execute(action, &mut insert).await? == 1 {
                return Ok((deployment, true));
            }
            let mut select = QueryBuilder::new("SELECT id, document FROM deployments WHERE circuit_id = ");
            select.push_bind(circuit).push(" AND idempotency_key = ").push_bind(key);
            // It may have been deleted in between: then once more.
            if let Some(present) = self.one(action, &mut select).await? {
                return Ok((present, false));
            }
        }
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM deployments WHERE id = ");
        query.push_bind(id.as_str());
        self.one("reading a deployment", &mut query).await
    }

    async fn replace_deployment(&self, mut deployment: Deployment) -> Result<Deployment, CatalogError> {
        let read = epoch(deployment.epoch)?;
        deployment.epoch += 1;
        let mut query = QueryBuilder::new("UPDATE deployments SET status = ");
        query.push_bind(name(&deployment.status)?);
        query.push(", epoch = epoch + 1, document = ").push_bind(json(&deployment)?);
        query.push(" WHERE id = ").push_bind(deployment.id.as_str()).push(" AND epoch = ").push_bind(read);
        match self.execute("changing a deployment", &mut query).await? {
            0 => Err(CatalogError::Stale(format!("deployment {}", deployment.id))),
            _ => Ok(deployment),
        }
    }

    async fn delete_deployment(&self, id: &DeploymentId) -> Result<(), CatalogError> {
        let mut query = QueryBuilder::new("DELETE FROM deployments WHERE id = ");
        query.push_bind(id.as_str());
        self.execute("deleting a deployment", &mut query).await.map(drop)
    }

    async fn deployments(
        &self,
        filter: &DeploymentFilter,
        page: &Page,
    ) -> Result<Vec<Deployment>, CatalogError> {
        let mut query = QueryBuilder::new("SELECT id, document FROM deployments WHERE TRUE");
        if let Some(circuit) = &filter.circuit_id {
            query.push(" AND circuit_id = ").push_bind(circuit.as_str());
        }
        if let Some(status) = &filter.status {
            query.push(" AND status = ").push_bind(name(status)?);
        }
        push_page(&mut query, page);
        self.all("listing deployments", &mut query, page.limit).await
    }
}

/// Order and place of a page.
fn push_page(query: &mut QueryBuilder<Sqlite>, page: &Page) {
    if let Some(after) = &page.after {
        query.push(" AND (created_at, id) < (").push_bind(after.created_at.as_millis());
        query.push(", ").push_bind(after.id.clone()).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC");
}

/// Reads a row of `id, document`.
fn document<T: DeserializeOwned>(row: &SqliteRow) -> Result<T, CatalogError> {
    let failed = |e| CatalogError::backend("reading a row", e);
    let (id, text) = (row.try_get("id").map_err(failed)?, row.try_get("document").map_err(failed)?);
    serde_json::from_str::<T>(text).map_err(|e| CatalogError::Corrupt { id, detail: format!("{e}") })
}

fn json(document: &impl Serialize) -> Result<String, CatalogError> {
    serde_json::to_string(document).map_err(|e| CatalogError::backend("writing a document as JSON", e))
}

/// The name of a status, as it stands in the document.
fn name(status: &impl Serialize) -> Result<String, CatalogError> {
    Ok(json(status)?.trim_matches('"').to_owned())
}

fn epoch(epoch: u64) -> Result<i64, CatalogError> {
    i64::try_from(epoch).map_err(|e| CatalogError::backend("writing an epoch", e))
}

#[cfg(test)]
mod tests {
    use zkflow_core::digest::Digest;

    use super::*;

    #[tokio::test]
    async fn documents_survive_reopening_and_a_second_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let catalog = SqliteCatalog::open(crate::sqlite::open(&path).await.unwrap()).await.unwrap();
        let circuit = sample();
        catalog.insert_circuit(circuit.clone()).await.unwrap();
        let other = SqliteCatalog::open(crate::sqlite::open(&path).await.unwrap()).await.unwrap();
        assert_eq!(other.circuit(&circuit.id).await.unwrap(), Some(circuit.clone()));
        other.replace_circuit(circuit.clone()).await.unwrap();
        assert!(matches!(catalog.replace_circuit(circuit).await, Err(CatalogError::Stale(_))));
    }

    #[tokio::test]
    async fn an_unreadable_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(pool.clone()).await.unwrap();
        let circuit = sample();
        catalog.insert_circuit(circuit.clone()).await.unwrap();
        sqlx::query("UPDATE circuits SET document = '{}'").execute(&pool).await.unwrap();
        let error = catalog.circuit(&circuit.id).await.unwrap_err();
        assert!(matches!(&error, CatalogError::Corrupt { id, .. } if id == circuit.id.as_str()), "{error}");
    }

    #[tokio::test]
    async fn an_unreadable_document_hides_no_other_from_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(pool.clone()).await.unwrap();
        let mut ids = Vec::new();
        for created in 0..3 {
            let hash = Digest::of(created.to_string());
            let now = Timestamp::from_millis(created);
            let circuit = Circuit::new(hash, "rangeCheck".parse().unwrap(), serde_json::Map::new(), now);
            ids.push(circuit.id.clone());
            catalog.insert_circuit(circuit).await.unwrap();
        }
        let spoil = sqlx::query("UPDATE circuits SET document = '{' WHERE id = ?").bind(ids[2].as_str());
        spoil.execute(&pool).await.unwrap();
        // The newest comes first and is left out; the page is full all the same.
        let listed = catalog.circuits(&CircuitFilter::default(), &Page::first(2)).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|circuit| circuit.id).collect();
        assert_eq!(listed, [ids[1].clone(), ids[0].clone()]);
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&pool).await.unwrap();
        let error = SqliteCatalog::open(pool).await.unwrap_err();
        assert!(error.to_string().contains("99"), "{error}");
    }

    fn sample() -> Circuit {
        let template = "rangeCheck".parse().unwrap();
        Circuit::new(Digest::of("c"), template, serde_json::Map::new(), Timestamp::from_millis(0))
    }
}
