//! [`SqliteCatalog`].

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};
use zkflow_core::service::catalog::{
    ApiKeys, Catalog, CatalogError, Circuit, Collection, Deployment, Document, Lookup, Page, ProofRequest,
    Term, Value,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;

use super::schema;

/// A [`Catalog`] in an SQLite file. Several processes may share it.
///
/// A document is stored as JSON text, with columns for its id, `created_at`, `epoch` and
/// [terms](Document::terms). Every write is one statement, so the file is locked only while SQLite runs it.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    pub(super) pool: SqlitePool,
}

impl SqliteCatalog {
    /// Creates or upgrades the tables. `pool` comes from [`open`](super::open).
    ///
    /// # Errors
    /// The tables cannot be created, or have a newer version than this program.
    pub async fn open(pool: SqlitePool) -> Result<Self, CatalogError> {
        schema::migrate(&pool).await?;
        Ok(Self { pool })
    }

    /// The document of a query by [`select`]; `None` if there is none.
    async fn one<D: Document>(
        &self,
        action: &str,
        query: &mut QueryBuilder<Sqlite>,
    ) -> Result<Option<D>, CatalogError> {
        let row = query.build().fetch_optional(&self.pool).await;
        row.map_err(|e| CatalogError::backend(action, e))?.map(|row| document(&row)).transpose()
    }

    /// The first `limit` readable documents of a query by [`select`].
    async fn all<D: Document>(
        &self,
        action: &str,
        query: &mut QueryBuilder<Sqlite>,
        limit: usize,
    ) -> Result<Vec<D>, CatalogError> {
        let mut rows = query.build().fetch(&self.pool);
        let mut documents = Vec::new();
        while documents.len() < limit {
            let Some(row) = rows.try_next().await.map_err(|e| CatalogError::backend(action, e))? else {
                break;
            };
            match document(&row) {
                Ok(document) => documents.push(document),
                Err(error @ CatalogError::Corrupt { .. }) => tracing::error!(%error, "omitted from a list"),
                Err(error) => return Err(error),
            }
        }
        Ok(documents)
    }

    /// Executes a statement; returns the number of changed rows.
    async fn execute(&self, action: &str, query: &mut QueryBuilder<Sqlite>) -> Result<u64, CatalogError> {
        let result = query.build().execute(&self.pool).await;
        Ok(result.map_err(|e| CatalogError::backend(action, e))?.rows_affected())
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    fn circuits(&self) -> &dyn Collection<Circuit> {
        self
    }

    fn proofs(&self) -> &dyn Collection<ProofRequest> {
        self
    }

    fn deployments(&self) -> &dyn Collection<Deployment> {
        self
    }

    fn keys(&self) -> &dyn ApiKeys {
        self
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        let mut query = select::<ProofRequest>();
        query.push("expires_at <= ").push_bind(now.as_millis()).push(" ORDER BY expires_at, id");
        self.all("listing expired proof requests", &mut query, limit).await
    }

    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        let failed = |e| CatalogError::backend("reading the id of the installation", e);
        let query = sqlx::query_scalar("SELECT id FROM installation").fetch_optional(&self.pool);
        query.await.map_err(failed)?.map(|id: String| installation(&id)).transpose()
    }

    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        let conflict = if replace { "DO UPDATE SET id = excluded.id" } else { "DO UPDATE SET id = id" };
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO installation (only_row, id) VALUES (1, ");
        query.push_bind(id.as_str()).push(") ON CONFLICT ").push(conflict).push(" RETURNING id");
        let failed = |e| CatalogError::backend("writing the id of the installation", e);
        let bound: String = query.build_query_scalar().fetch_one(&self.pool).await.map_err(failed)?;
        installation(&bound)
    }
}

#[async_trait]
impl<D: Document> Collection<D> for SqliteCatalog {
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
        let action = format!("adding a {}", D::KIND);
        let (text, terms, key) = (json(&document)?, document.terms(), document.key());
        for _ in 0..ATTEMPTS {
            let mut insert = QueryBuilder::new("INSERT INTO ");
            insert.push(D::COLLECTION).push(" (id, created_at, epoch, document");
            for term in &terms {
                insert.push(", ").push(column(term));
            }
            insert.push(") VALUES (").push_bind(document.id().to_string());
            insert.push(", ").push_bind(document.life().created_at.as_millis());
            insert.push(", ").push_bind(epoch(document.life().epoch)?).push(", ").push_bind(&text);
            for term in &terms {
                push_value(insert.push(", "), term);
            }
            insert.push(") ON CONFLICT DO NOTHING");
            if self.execute(&action, &mut insert).await? == 1 {
                return Ok((document, true));
            }
            let present = match &key {
                Some(key) => self.by_key(key).await?.map(|present| (present, false)),
                None => self.get(document.id()).await?.map(|present| (present, true)),
            };
            // The document may have been deleted meanwhile: try again.
            if let Some(present) = present {
                return Ok(present);
            }
        }
        Err(CatalogError::backend(action, "the id or key is taken, but its document is not found"))
    }

    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        let mut query = select::<D>();
        query.push("id = ").push_bind(id.to_string());
        self.one(&format!("reading a {}", D::KIND), &mut query).await
    }

    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        let mut query = by_key::<D>(key);
        self.one(&format!("looking up the key of a {}", D::KIND), &mut query).await
    }

    async fn replace(&self, mut document: D) -> Result<D, CatalogError> {
        let read = epoch(document.life().epoch)?;
        document.life_mut().epoch += 1;
        let mut query = QueryBuilder::new("UPDATE ");
        query.push(D::COLLECTION).push(" SET epoch = epoch + 1, document = ").push_bind(json(&document)?);
        for term in document.terms() {
            query.push(", ").push(column(&term)).push(" = ");
            push_value(&mut query, &term);
        }
        query.push(" WHERE id = ").push_bind(document.id().to_string());
        query.push(" AND epoch = ").push_bind(read);
        match self.execute(&format!("changing a {}", D::KIND), &mut query).await? {
            0 => Err(CatalogError::stale(&document)),
            _ => Ok(document),
        }
    }

    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        let mut query = QueryBuilder::new("DELETE FROM ");
        query.push(D::COLLECTION).push(" WHERE id = ").push_bind(document.id().to_string());
        query.push(" AND epoch = ").push_bind(epoch(document.life().epoch)?);
        query.push(" AND created_at = ").push_bind(document.life().created_at.as_millis());
        let deleted = self.execute(&format!("deleting a {}", D::KIND), &mut query).await?;
        let present: Option<D> = if deleted == 0 { self.get(document.id()).await? } else { None };
        present.map_or(Ok(()), |_| Err(CatalogError::stale(document)))
    }

    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        let mut query = select::<D>();
        query.push("TRUE");
        for term in filter.terms() {
            query.push(" AND ").push(column(&term)).push(" = ");
            push_value(&mut query, &term);
        }
        if let Some(after) = &page.after {
            query.push(" AND (created_at, id) < (").push_bind(after.created_at.as_millis());
            query.push(", ").push_bind(after.id.clone()).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC");
        self.all(&format!("listing {}s", D::KIND), &mut query, page.limit).await
    }
}

/// Maximum attempts of an insert that competes with deletions.
const ATTEMPTS: usize = 16;

/// A query of `id, document`, without its conditions.
fn select<D: Document>() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(format!("SELECT id, document FROM {} WHERE ", D::COLLECTION))
}

/// Conditions on the columns of the unique index. NULLs differ in an index, so it uses `ifnull(column, '')`
/// for a nullable column.
fn by_key<D: Document>(key: &D::Key) -> QueryBuilder<Sqlite> {
    let mut query = select::<D>();
    query.push("TRUE");
    for term in key.terms() {
        let column = column(&term);
        match term.value {
            Value::Optional(value) => {
                query.push(format!(" AND ifnull({column}, '') = ")).push_bind(value.unwrap_or_default())
            }
            Value::Text(_) | Value::Moment(_) => {
                push_value(query.push(" AND ").push(column).push(" = "), &term)
            }
        };
    }
    query
}

/// Column of a field: `idempotency_key` for `idempotency.key`.
fn column(term: &Term) -> String {
    term.field.replace('.', "_")
}

fn push_value<'q>(query: &'q mut QueryBuilder<Sqlite>, term: &Term) -> &'q mut QueryBuilder<Sqlite> {
    match &term.value {
        Value::Text(text) => query.push_bind(text.clone()),
        Value::Optional(text) => query.push_bind(text.clone()),
        Value::Moment(moment) => query.push_bind(moment.as_millis()),
    }
}

/// Parses a row of `id, document`.
fn document<D: Document>(row: &SqliteRow) -> Result<D, CatalogError> {
    let failed = |e| CatalogError::backend("reading a row", e);
    let (id, text) = (row.try_get("id").map_err(failed)?, row.try_get("document").map_err(failed)?);
    serde_json::from_str(text).map_err(|e| CatalogError::Corrupt { id, detail: format!("{e}") })
}

fn json<D: Document>(document: &D) -> Result<String, CatalogError> {
    serde_json::to_string(document).map_err(|e| CatalogError::backend("writing a document as JSON", e))
}

fn installation(text: &str) -> Result<InstallationId, CatalogError> {
    let id = "the id of the installation".to_owned();
    text.parse().map_err(|e| CatalogError::Corrupt { id, detail: format!("{e}") })
}

fn epoch(epoch: u64) -> Result<i64, CatalogError> {
    i64::try_from(epoch).map_err(|e| CatalogError::backend("writing an epoch", e))
}

#[cfg(test)]
mod tests {
    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::catalog::{
        CircuitFilter, CircuitKey, CircuitStatus, DeploymentKey, ProofFilter, ProofKey, ProofStatus,
    };
    use zkflow_core::service::tenant::TenantId;

    use super::*;

    #[tokio::test]
    async fn documents_survive_reopening_and_a_second_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let catalog = SqliteCatalog::open(crate::sqlite::open(&path).await.unwrap()).await.unwrap();
        let circuit = sample();
        catalog.circuits().insert(circuit.clone()).await.unwrap();
        let other = SqliteCatalog::open(crate::sqlite::open(&path).await.unwrap()).await.unwrap();
        assert_eq!(other.circuits().get(&circuit.id).await.unwrap(), Some(circuit.clone()));
        other.circuits().replace(circuit.clone()).await.unwrap();
        assert!(matches!(catalog.circuits().replace(circuit).await, Err(CatalogError::Stale(_))));
    }

    #[tokio::test]
    async fn an_unreadable_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(pool.clone()).await.unwrap();
        let circuit = sample();
        catalog.circuits().insert(circuit.clone()).await.unwrap();
        sqlx::query("UPDATE circuits SET document = '{}'").execute(&pool).await.unwrap();
        let error = catalog.circuits().get(&circuit.id).await.unwrap_err();
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
            catalog.circuits().insert(circuit).await.unwrap();
        }
        let spoil = sqlx::query("UPDATE circuits SET document = '{' WHERE id = ?").bind(ids[2].as_str());
        spoil.execute(&pool).await.unwrap();
        // The newest document is omitted, but the page is full.
        let listed = catalog.circuits().list(&CircuitFilter::default(), &Page::first(2)).await.unwrap();
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

    #[tokio::test]
    async fn every_key_is_looked_up_by_its_unique_index() {
        let folder = tempfile::tempdir().unwrap();
        let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        SqliteCatalog::open(pool.clone()).await.unwrap();
        let plan = async |query: QueryBuilder<Sqlite>| {
            let mut explain = QueryBuilder::<Sqlite>::new("EXPLAIN QUERY PLAN ");
            // The plan does not depend on the values.
            explain.push(query.sql().as_str().replace('?', "'x'"));
            explain.build().fetch_one(&pool).await.unwrap().get::<String, _>("detail")
        };
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        let key = || "k".to_owned();
        let plans = [
            plan(by_key::<Circuit>(&CircuitKey { circuit_hash: Digest::of("c") })).await,
            plan(by_key::<ProofRequest>(&ProofKey {
                tenant: TenantId::default(),
                user_id: None,
                key: key(),
            }))
            .await,
            plan(by_key::<ProofRequest>(&ProofKey {
                tenant: TenantId::default(),
                user_id: Some("u".parse().unwrap()),
                key: key(),
            }))
            .await,
            plan(by_key::<Deployment>(&DeploymentKey { circuit_id: circuit, key: key() })).await,
        ];
        let indexes = [
            "sqlite_autoindex_circuits_2 (circuit_hash=?)",
            "proofs_by_idempotency (tenant=? AND <expr>=? AND idempotency_key=?)",
            "proofs_by_idempotency (tenant=? AND <expr>=? AND idempotency_key=?)",
            "deployments_by_idempotency (circuit_id=? AND idempotency_key=?)",
        ];
        for (plan, index) in plans.iter().zip(indexes) {
            assert!(plan.contains(index), "{plan}");
        }
    }

    /// Rows written by the version before [`Life`](zkflow_core::service::catalog::Life).
    #[tokio::test]
    async fn documents_of_older_files_are_read_found_and_changed() {
        for version in 1..=2 {
            let folder = tempfile::tempdir().unwrap();
            let pool = crate::sqlite::open(folder.path().join("db")).await.unwrap();
            for step in &schema::STEPS[..version] {
                sqlx::raw_sql(*step).execute(&pool).await.unwrap();
            }
            sqlx::raw_sql(include_str!("old_rows.sql")).execute(&pool).await.unwrap();
            let catalog = SqliteCatalog::open(pool.clone()).await.unwrap();

            let circuits = catalog.circuits().list(&CircuitFilter::default(), &Page::first(9)).await.unwrap();
            let [circuit] = circuits.try_into().unwrap();
            assert_eq!((circuit.life.status, circuit.life.epoch), (CircuitStatus::Ready, 4));
            let key = ProofKey {
                tenant: TenantId::default(),
                user_id: Some("ann".parse().unwrap()),
                key: "k".to_owned(),
            };
            let mut proof = catalog.proofs().by_key(&key).await.unwrap().unwrap();
            assert_eq!((proof.life.attempt, proof.life.epoch), (2, 3));
            proof.cancel(Timestamp::from_millis(9)).unwrap();
            let proof = catalog.proofs().replace(proof).await.unwrap();
            let cancelled = ProofFilter { status: Some(ProofStatus::Cancelled), ..ProofFilter::default() };
            assert_eq!(catalog.proofs().list(&cancelled, &Page::first(9)).await.unwrap(), [proof]);
        }
    }

    fn sample() -> Circuit {
        let template = "rangeCheck".parse().unwrap();
        Circuit::new(Digest::of("c"), template, serde_json::Map::new(), Timestamp::from_millis(0))
    }
}
