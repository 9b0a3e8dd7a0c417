//! Documents in the tables of the catalog. All functions run within a [read or a write](super::Database).

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use zkflow_core::service::catalog::{CatalogError, Document, Lookup, Page, Term, Value};
use zkflow_core::service::clock::Timestamp;

/// [`Collection::insert`](zkflow_core::service::catalog::Collection::insert)
///
/// # Errors
/// See there.
pub fn insert<D: Document>(connection: &Connection, document: D) -> Result<(D, bool), CatalogError> {
    let action = format!("adding a {}", D::KIND);
    let terms = document.terms();
    let mut insert =
        Statement::new(format!("INSERT INTO {} (id, created_at, epoch, document", D::COLLECTION));
    for term in &terms {
        insert.push(", ").push(&column(term));
    }
    insert.push(") VALUES (").bind(document.id().to_string());
    insert.push(", ").bind(document.life().created_at.as_millis());
    insert.push(", ").bind(epoch(document.life().epoch)?);
    insert.push(", ").bind(json(&document)?);
    for term in &terms {
        insert.push(", ").bind(value(&term.value));
    }
    insert.push(") ON CONFLICT DO NOTHING");
    if insert.execute(connection, &action)? == 1 {
        return Ok((document, true));
    }
    let present = match document.key() {
        Some(key) => with_key(connection, &key)?.map(|present| (present, false)),
        None => get(connection, document.id())?.map(|present| (present, true)),
    };
    // Not deleted meanwhile: the transaction has the file's lock.
    present.ok_or_else(|| CatalogError::backend(action, "the id is taken by a document with another key"))
}

/// The document with this id.
///
/// # Errors
/// It cannot be read.
pub fn get<D: Document>(connection: &Connection, id: &D::Id) -> Result<Option<D>, CatalogError> {
    let mut query = select::<D>();
    query.push("id = ").bind(id.to_string());
    query.one(connection, &format!("reading a {}", D::KIND))
}

/// The document with this key.
///
/// # Errors
/// It cannot be read.
pub fn with_key<D: Document>(connection: &Connection, key: &D::Key) -> Result<Option<D>, CatalogError> {
    by_key::<D>(key).one(connection, &format!("looking up the key of a {}", D::KIND))
}

/// [`Collection::replace`](zkflow_core::service::catalog::Collection::replace)
///
/// # Errors
/// See there.
pub fn replace<D: Document>(connection: &Connection, mut document: D) -> Result<D, CatalogError> {
    let read = epoch(document.life().epoch)?;
    document.life_mut().epoch += 1;
    let mut update = Statement::new(format!("UPDATE {} SET epoch = epoch + 1, document = ", D::COLLECTION));
    update.bind(json(&document)?);
    for term in document.terms() {
        update.push(", ").push(&column(&term)).push(" = ").bind(value(&term.value));
    }
    update.push(" WHERE id = ").bind(document.id().to_string());
    update.push(" AND epoch = ").bind(read);
    match update.execute(connection, &format!("changing a {}", D::KIND))? {
        0 => Err(CatalogError::stale(&document)),
        _ => Ok(document),
    }
}

/// [`Collection::delete`](zkflow_core::service::catalog::Collection::delete)
///
/// # Errors
/// See there.
pub(super) fn delete<D: Document>(connection: &Connection, document: &D) -> Result<(), CatalogError> {
    let mut delete = Statement::new(format!("DELETE FROM {} WHERE id = ", D::COLLECTION));
    delete.bind(document.id().to_string());
    delete.push(" AND epoch = ").bind(epoch(document.life().epoch)?);
    delete.push(" AND created_at = ").bind(document.life().created_at.as_millis());
    if delete.execute(connection, &format!("deleting a {}", D::KIND))? == 1 {
        return Ok(());
    }
    let present: Option<D> = get(connection, document.id())?;
    present.map_or(Ok(()), |_| Err(CatalogError::stale(document)))
}

/// [`Collection::list`](zkflow_core::service::catalog::Collection::list)
pub(super) fn list<D: Document>(
    connection: &Connection,
    filter: &D::Filter,
    page: &Page,
) -> Result<Vec<D>, CatalogError> {
    listed::<D>(filter, page).all(connection, &format!("listing {}s", D::KIND), page.limit)
}

/// The query of a list, without its limit.
fn listed<D: Document>(filter: &D::Filter, page: &Page) -> Statement {
    let mut query = select::<D>();
    query.push("TRUE");
    for term in filter.terms() {
        query.push(" AND ").push(&column(&term)).push(" = ").bind(value(&term.value));
    }
    if let Some(prefix) = filter.prefix() {
        let (from, below) = prefix.bounds();
        query.push(" AND (FALSE");
        for field in prefix.fields {
            let column = field.replace('.', "_");
            query.push(&format!(" OR ({column} >= ")).bind(from.clone());
            query.push(&format!(" AND {column} < ")).bind(below.clone()).push(")");
        }
        query.push(")");
    }
    if let Some(since) = page.since {
        query.push(" AND created_at >= ").bind(since.as_millis());
    }
    if let Some(until) = page.until {
        query.push(" AND created_at < ").bind(until.as_millis());
    }
    if let Some(after) = &page.after {
        query.push(" AND (created_at, id) < (").bind(after.created_at.as_millis());
        query.push(", ").bind(after.id.clone()).push(")");
    }
    query.push(" ORDER BY created_at DESC, id DESC");
    query
}

/// [`Catalog::expired_proofs`](zkflow_core::service::catalog::Catalog::expired_proofs)
pub(super) fn expired<D: Document>(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<D>, CatalogError> {
    let mut query = select::<D>();
    query.push("expires_at <= ").bind(now.as_millis()).push(" ORDER BY expires_at, id");
    query.all(connection, &format!("listing expired {}s", D::KIND), limit)
}

/// An SQL statement and the values of its parameters.
pub(super) struct Statement {
    sql: String,
    values: Vec<Sql>,
}

impl Statement {
    fn new(sql: String) -> Self {
        Self { sql, values: Vec::new() }
    }

    fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    fn bind(&mut self, value: impl Into<Sql>) -> &mut Self {
        self.values.push(value.into());
        self.push("?")
    }

    /// Returns the number of changed rows.
    fn execute(self, connection: &Connection, action: &str) -> Result<usize, CatalogError> {
        let changed = connection
            .prepare_cached(&self.sql)
            .and_then(|mut statement| statement.execute(params_from_iter(self.values)));
        changed.map_err(|error| CatalogError::backend(action, error))
    }

    /// The document of a query by [`select`]; `None` if there is none.
    fn one<D: Document>(self, connection: &Connection, action: &str) -> Result<Option<D>, CatalogError> {
        let found = connection.prepare_cached(&self.sql).and_then(|mut statement| {
            statement.query_row(params_from_iter(self.values), |row| Ok(document(row))).optional()
        });
        found.map_err(|error| CatalogError::backend(action, error))?.transpose()
    }

    /// The first `limit` readable documents of a query by [`select`].
    fn all<D: Document>(
        self,
        connection: &Connection,
        action: &str,
        limit: usize,
    ) -> Result<Vec<D>, CatalogError> {
        let failed = |error| CatalogError::backend(action, error);
        let mut statement = connection.prepare_cached(&self.sql).map_err(failed)?;
        let mut rows = statement.query(params_from_iter(self.values)).map_err(failed)?;
        let mut documents = Vec::new();
        while documents.len() < limit {
            let Some(row) = rows.next().map_err(failed)? else { break };
            match document(row) {
                Ok(document) => documents.push(document),
                Err(error @ CatalogError::Corrupt { .. }) => tracing::error!(%error, "omitted from a list"),
                Err(error) => return Err(error),
            }
        }
        Ok(documents)
    }
}

/// A query of `id, document`, without its conditions.
fn select<D: Document>() -> Statement {
    Statement::new(format!("SELECT id, document FROM {} WHERE ", D::COLLECTION))
}

/// Conditions on the columns of the unique index. NULLs differ in an index, so it uses `ifnull(column, '')`
/// for a nullable column.
fn by_key<D: Document>(key: &D::Key) -> Statement {
    let mut query = select::<D>();
    query.push("TRUE");
    for term in key.terms() {
        let column = column(&term);
        match term.value {
            Value::Optional(text) => {
                query.push(&format!(" AND ifnull({column}, '') = ")).bind(text.unwrap_or_default())
            }
            present => query.push(" AND ").push(&column).push(" = ").bind(value(&present)),
        };
    }
    query
}

/// Column of a field: `idempotency_key` for `idempotency.key`.
fn column(term: &Term) -> String {
    term.field.replace('.', "_")
}

fn value(value: &Value) -> Sql {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Optional(text) => text.clone().into(),
        Value::Moment(moment) => moment.as_millis().into(),
    }
}

/// Parses a row of `id, document`.
fn document<D: Document>(row: &Row<'_>) -> Result<D, CatalogError> {
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?));
    let failed = |error| CatalogError::backend("reading a row", error);
    let (id, text) = (text(0).map_err(failed)?, text(1).map_err(failed)?);
    serde_json::from_str(text)
        .map_err(|error| CatalogError::Corrupt { id: id.to_owned(), detail: format!("{error}") })
}

fn json<D: Document>(document: &D) -> Result<String, CatalogError> {
    serde_json::to_string(document).map_err(|e| CatalogError::backend("writing a document as JSON", e))
}

fn epoch(epoch: u64) -> Result<i64, CatalogError> {
    i64::try_from(epoch).map_err(|e| CatalogError::backend("writing an epoch", e))
}

#[cfg(test)]
mod tests {
    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::catalog::{
        Ceremony, CeremonyKey, Circuit, CircuitFilter, CircuitKey, CircuitStatus, Cursor, Deployment,
        DeploymentKey, KeyLabel, ProofFilter, ProofKey, ProofRequest, ProofStatus,
    };
    use zkflow_core::service::tenant::TenantId;

    use super::super::SqliteCatalog;
    use super::*;

    /// Plan of a statement, as one text.
    fn plan(connection: &Connection, query: &Statement) -> String {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql)).unwrap();
        let rows = explain.query_map(params_from_iter(&query.values), |row| row.get::<_, String>("detail"));
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    /// The columns of the index that a plan uses, or none.
    fn columns(connection: &Connection, plan: &str) -> Vec<String> {
        let name = plan.split(' ').skip_while(|word| *word != "INDEX").nth(1).unwrap_or("");
        let columns = "SELECT group_concat(name) FROM pragma_index_info(?)";
        let columns: Option<String> = connection.query_row(columns, [name], |row| row.get(0)).unwrap();
        columns.unwrap_or_default().split(',').map(str::to_owned).collect()
    }

    /// The indexes have the columns of all conditions, but for the few requests with an error code: a search of many requests
    /// reads none of their documents in vain.
    #[tokio::test]
    async fn every_list_of_proofs_follows_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        SqliteCatalog::open(database.clone()).await.unwrap();
        let choices = |bits: u32| ProofFilter {
            tenant: (bits & 16 == 0).then(TenantId::default),
            circuit_id: (bits & 1 > 0).then(|| CircuitId::from_hash(&Digest::of("c"))),
            user_id: (bits & 2 > 0).then(|| "u".parse().unwrap()),
            status: (bits & 4 > 0).then_some(ProofStatus::Failed),
            error_code: (bits & 8 > 0).then(|| "c".to_owned()),
        };
        // Without a tenant: the pending requests of a circuit, and the jobs.
        for bits in (0..16).chain([1 | 16, 4 | 16, 1 | 4 | 16]) {
            for since in [None, Some(Timestamp::from_millis(7))] {
                let after = since.map(|created_at| Cursor { created_at, id: "i".to_owned() });
                let page = Page { after, since, until: since, limit: 9 };
                let query = listed::<ProofRequest>(&choices(bits), &page);
                let (plan, columns) = database
                    .look_up(|connection| {
                        let plan = plan(connection, &query);
                        let columns = columns(connection, &plan);
                        (plan, columns)
                    })
                    .unwrap();
                let searches = plan.starts_with("SEARCH proofs USING") && plan.contains("INDEX proofs_by_");
                assert!(searches && !plan.contains("B-TREE"), "{:?}: {plan}", choices(bits));
                let has = |column: &str| columns.iter().any(|one| one == column);
                let terms = choices(bits).terms();
                let mut conditions = terms.iter().map(column).filter(|column| column != "error_code");
                assert!(
                    has("error_code") || conditions.all(|column| has(&column)),
                    "{:?}: {plan}",
                    choices(bits)
                );
            }
        }
    }

    /// The indexes have the columns of all conditions, so that a search of many circuits reads none of their documents
    /// in vain.
    #[tokio::test]
    async fn every_list_of_circuits_follows_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        SqliteCatalog::open(database.clone()).await.unwrap();
        for bits in 0..32_u32 {
            let filter = CircuitFilter {
                tenant: (bits & 1 > 0).then(TenantId::default),
                template: (bits & 2 > 0).then(|| "rangeCheck".parse().unwrap()),
                status: (bits & 4 > 0).then_some(CircuitStatus::Ready),
                key_label: (bits & 8 > 0).then_some(KeyLabel::Ceremony),
                search: (bits & 16 > 0).then(|| "0a".to_owned()),
            };
            for moment in [None, Some(Timestamp::from_millis(7))] {
                let after = moment.map(|created_at| Cursor { created_at, id: "i".to_owned() });
                let query = listed::<Circuit>(&filter, &Page { after, ..Page::first(9) });
                let (plan, columns) = database
                    .look_up(|connection| {
                        let plan = plan(connection, &query);
                        let columns = columns(connection, &plan);
                        (plan, columns)
                    })
                    .unwrap();
                assert!(!plan.contains("B-TREE"), "{filter:?}: {plan}");
                assert!(bits & 7 == 0 || plan.starts_with("SEARCH circuits USING"), "{filter:?}: {plan}");
                for column in ["tenant", "template", "status", "key_label", "circuit_hash", "name"] {
                    assert!(columns.iter().any(|one| one == column), "{filter:?}: {plan} has no {column}");
                }
            }
        }
    }

    #[tokio::test]
    async fn every_key_is_looked_up_by_its_unique_index() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        SqliteCatalog::open(database.clone()).await.unwrap();
        let plan = |query: Statement| database.look_up(|connection| plan(connection, &query)).unwrap();
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        let key = || "k".to_owned();
        let of = |user_id| ProofKey { tenant: TenantId::default(), user_id, key: key() };
        let plans = [
            plan(by_key::<Circuit>(&CircuitKey { circuit_hash: Digest::of("c") })),
            plan(by_key::<ProofRequest>(&of(None))),
            plan(by_key::<ProofRequest>(&of(Some("u".parse().unwrap())))),
            plan(by_key::<Deployment>(&DeploymentKey { circuit_id: circuit, key: key() })),
            plan(by_key::<Ceremony>(&CeremonyKey { tenant: TenantId::default(), key: key() })),
        ];
        let indexes = [
            "sqlite_autoindex_circuits_2 (circuit_hash=?)",
            "proofs_by_idempotency (tenant=? AND <expr>=? AND idempotency_key=?)",
            "proofs_by_idempotency (tenant=? AND <expr>=? AND idempotency_key=?)",
            "deployments_by_idempotency (circuit_id=? AND idempotency_key=?)",
            "ceremonies_by_idempotency (tenant=? AND idempotency_key=?)",
        ];
        for (plan, index) in plans.iter().zip(indexes) {
            assert!(plan.contains(index), "{plan}");
        }
    }
}
