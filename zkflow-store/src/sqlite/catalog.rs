//! [`SqliteCatalog`].

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};
use zkflow_core::service::catalog::{
    ApiKeys, AuditLog, Catalog, CatalogError, Ceremony, Circuit, Collection, Delivery, Deployment, Document,
    History, Page, ProofRequest, Sessions, Spending, UsageLog, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;

use super::{Database, Durability, documents, schema};

/// A [`Catalog`] in an SQLite file. Several processes may share it.
///
/// A document is stored as JSON text, with columns for its id, `created_at`, `epoch` and
/// [terms](Document::terms).
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    database: Database,
}

impl SqliteCatalog {
    /// Creates or upgrades the tables. `database` comes from [`open`](super::open).
    ///
    /// # Errors
    /// The tables cannot be created, or have a newer version than this program.
    pub async fn open(database: Database) -> Result<Self, CatalogError> {
        schema::migrate(&database).await?;
        Ok(Self { database })
    }

    pub(super) fn look_up<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.database.look_up(work).map_err(|e| CatalogError::backend("reading the database", e))?
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.database.read(work).await.map_err(|e| CatalogError::backend("reading the database", e))?
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.write_until(Durability::Now, work).await
    }

    pub(super) async fn write_until<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let written = self.database.write(durability, work).await;
        written.map_err(|e| CatalogError::backend("writing the database", e))?
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

    fn ceremonies(&self) -> &dyn Collection<Ceremony> {
        self
    }

    fn deliveries(&self) -> &dyn Collection<Delivery> {
        self
    }

    fn keys(&self) -> &dyn ApiKeys {
        self
    }

    fn sessions(&self) -> &dyn Sessions {
        self
    }

    fn audit_log(&self) -> &dyn AuditLog {
        self
    }

    fn usage_log(&self) -> &dyn UsageLog {
        self
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn workers(&self) -> &dyn Workers {
        self
    }

    fn spending(&self) -> &dyn Spending {
        self
    }

    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        self.read(move |connection| documents::expired(connection, now, limit)).await
    }

    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        let failed = |e| CatalogError::backend("reading the id of the installation", e);
        let id = self.look_up(|connection| {
            connection
                .query_row("SELECT id FROM installation", [], |row| row.get(0))
                .optional()
                .map_err(failed)
        });
        id?.map(|id: String| installation(&id)).transpose()
    }

    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        let failed = |e| CatalogError::backend("writing the id of the installation", e);
        let id = id.to_string();
        let bound: String = self
            .write(move |connection| {
                connection
                    .query_row(
                        "INSERT INTO installation (only_row, id) VALUES (1, ?1)
                         ON CONFLICT DO UPDATE SET id = iif(?2, excluded.id, id) RETURNING id",
                        (&id, replace),
                        |row| row.get(0),
                    )
                    .map_err(failed)
            })
            .await?;
        installation(&bound)
    }
}

#[async_trait]
impl<D: Document> Collection<D> for SqliteCatalog {
    async fn insert(&self, document: D) -> Result<(D, bool), CatalogError> {
        self.write(move |connection| documents::insert(connection, document)).await
    }

    async fn get(&self, id: &D::Id) -> Result<Option<D>, CatalogError> {
        self.look_up(|connection| documents::get(connection, id))
    }

    async fn by_key(&self, key: &D::Key) -> Result<Option<D>, CatalogError> {
        self.look_up(|connection| documents::with_key(connection, key))
    }

    async fn replace(&self, document: D) -> Result<D, CatalogError> {
        self.write(move |connection| documents::replace(connection, document)).await
    }

    async fn delete(&self, document: &D) -> Result<(), CatalogError> {
        let document = document.clone();
        self.write(move |connection| documents::delete(connection, &document)).await
    }

    async fn list(&self, filter: &D::Filter, page: &Page) -> Result<Vec<D>, CatalogError> {
        let (filter, page) = (filter.clone(), page.clone());
        self.read(move |connection| documents::list(connection, &filter, &page)).await
    }
}

fn installation(text: &str) -> Result<InstallationId, CatalogError> {
    let id = "the id of the installation".to_owned();
    text.parse().map_err(|e| CatalogError::Corrupt { id, detail: format!("{e}") })
}

#[cfg(test)]
mod tests {
    use zkflow_core::digest::Digest;
    use zkflow_core::service::catalog::{
        CircuitFilter, CircuitStatus, KeyLabel, ProofFilter, ProofKey, ProofStatus,
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
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(database.clone()).await.unwrap();
        let circuit = sample();
        catalog.circuits().insert(circuit.clone()).await.unwrap();
        execute(&database, "UPDATE circuits SET document = '{}'").await;
        let error = catalog.circuits().get(&circuit.id).await.unwrap_err();
        assert!(matches!(&error, CatalogError::Corrupt { id, .. } if id == circuit.id.as_str()), "{error}");
    }

    #[tokio::test]
    async fn an_unreadable_document_hides_no_other_from_a_list() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let catalog = SqliteCatalog::open(database.clone()).await.unwrap();
        let mut ids = Vec::new();
        for created in 0..3 {
            let hash = Digest::of(created.to_string());
            let now = Timestamp::from_millis(created);
            let circuit = Circuit::new(hash, "rangeCheck".parse().unwrap(), serde_json::Map::new(), now);
            ids.push(circuit.id.clone());
            catalog.circuits().insert(circuit).await.unwrap();
        }
        execute(&database, "UPDATE circuits SET document = '{' WHERE created_at = 2").await;
        // The newest document is omitted, but the page is full.
        let listed = catalog.circuits().list(&CircuitFilter::default(), &Page::first(2)).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|circuit| circuit.id).collect();
        assert_eq!(listed, [ids[1].clone(), ids[0].clone()]);
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        execute(&database, "PRAGMA user_version = 99").await;
        let error = SqliteCatalog::open(database).await.unwrap_err();
        assert!(error.to_string().contains("99"), "{error}");
    }

    #[test]
    fn the_page_of_the_data_model_names_the_version() {
        let sentence = format!("is the version of the catalog's tables ({})", schema::STEPS.len());
        assert!(include_str!("../../../docs/data-model.md").contains(&sentence), "{sentence}");
    }

    /// Rows written by the version before [`Life`](zkflow_core::service::catalog::Life).
    #[tokio::test]
    async fn documents_of_older_files_are_read_found_and_changed() {
        for version in 1..=2 {
            let folder = tempfile::tempdir().unwrap();
            let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
            for step in &schema::STEPS[..version] {
                execute(&database, step).await;
            }
            execute(&database, include_str!("old_rows.sql")).await;
            let catalog = SqliteCatalog::open(database.clone()).await.unwrap();

            let circuits = catalog.circuits().list(&CircuitFilter::default(), &Page::first(9)).await.unwrap();
            let [circuit] = circuits.try_into().unwrap();
            assert_eq!((circuit.life.status, circuit.life.epoch), (CircuitStatus::Ready, 4));
            let (key_label, search) = (Some(KeyLabel::Development), Some("rangeC".to_owned()));
            let wanted = CircuitFilter { key_label, search, ..CircuitFilter::default() };
            assert_eq!(catalog.circuits().list(&wanted, &Page::first(9)).await.unwrap(), [circuit]);
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

    async fn execute(database: &Database, sql: &'static str) {
        let done = database.write(Durability::Now, move |connection| connection.execute_batch(sql)).await;
        done.unwrap().unwrap();
    }

    fn sample() -> Circuit {
        let template = "rangeCheck".parse().unwrap();
        Circuit::new(Digest::of("c"), template, serde_json::Map::new(), Timestamp::from_millis(0))
    }
}
