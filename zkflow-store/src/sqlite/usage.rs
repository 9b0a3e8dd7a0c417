//! The counts of usage in SQLite.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{CatalogError, Period, Usage, UsageFilter, UsageKey, UsageLog};
use zkflow_core::service::tenant::TenantId;

use super::{Durability, SqliteCatalog, failed};

#[async_trait]
impl UsageLog for SqliteCatalog {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        let (key, more) = (key.clone(), *more);
        let add = move |connection: &Connection| add(connection, key.to_string(), &key.tenant, &more);
        self.write_until(Durability::Soon, add).await
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        let (query, values) = listed(filter, limit);
        self.read(move |connection| {
            let mut statement = connection.prepare(&query).map_err(failed("listing usage"))?;
            let rows =
                statement.query_map(params_from_iter(values), |row| Ok((row.get(0)?, counts(row, 1)?)));
            rows.map_err(failed("listing usage"))?
                .map(|row| {
                    let (id, usage): (String, Usage) = row.map_err(failed("listing usage"))?;
                    let key = id.parse().map_err(|error| CatalogError::Corrupt {
                        id: format!("usage {id}"),
                        detail: format!("{error}"),
                    })?;
                    Ok((key, usage))
                })
                .collect()
        })
        .await
    }

    async fn spend(&self, account: &Account, period: &Period, more: &Usage) -> Result<(), CatalogError> {
        let (id, tenant, more) = (period.text(account), account.tenant().clone(), *more);
        let (above, below) = period.past(account);
        self.write_until(Durability::Soon, move |connection| {
            add(connection, id, &tenant, &more)?;
            let old = "DELETE FROM usage WHERE id > ?1 AND id < ?2";
            connection.execute(old, [above, below]).map(drop).map_err(failed("removing old sums"))
        })
        .await
    }

    async fn spent(&self, account: &Account, period: &Period) -> Result<Usage, CatalogError> {
        let id = period.text(account);
        self.read(move |connection| Ok(present(connection, &id)?.unwrap_or_default())).await
    }
}

/// The counts of a row.
fn present(connection: &Connection, id: &str) -> Result<Option<Usage>, CatalogError> {
    let query = format!("SELECT {} FROM usage WHERE id = ?1", Usage::NAMES.join(", "));
    let found =
        connection.prepare_cached(&query).and_then(|mut query| query.query_row([id], |row| counts(row, 0)));
    found.optional().map_err(failed("reading usage"))
}

/// Adds to the counts of a row, which is added if it is missing. The transaction has the file's lock: nothing changes between the
/// two.
fn add(connection: &Connection, id: String, tenant: &TenantId, more: &Usage) -> Result<(), CatalogError> {
    let mut sum = present(connection, &id)?.unwrap_or_default();
    sum.add(more);
    let (columns, places) = (Usage::NAMES.join(", "), ", ?".repeat(Usage::NAMES.len()));
    let write = format!("INSERT OR REPLACE INTO usage (id, tenant, {columns}) VALUES (?, ?{places})");
    let counts = sum.counts().map(|count| Value::from(i64::try_from(count).unwrap_or(i64::MAX)));
    let values = [Value::from(id), Value::from(tenant.to_string())].into_iter().chain(counts);
    let written =
        connection.prepare_cached(&write).and_then(|mut write| write.execute(params_from_iter(values)));
    written.map(drop).map_err(failed("counting usage"))
}

/// The query of a list, and the values of its parameters.
fn listed(filter: &UsageFilter, limit: usize) -> (String, Vec<String>) {
    let (above, below) = filter.bounds();
    let mut query = format!("SELECT id, {} FROM usage WHERE id > ? AND id < ?", Usage::NAMES.join(", "));
    let mut values = vec![above, below];
    if let Some(circuit) = &filter.circuit {
        query += " AND substr(id, -32) = ?";
        values.push(circuit.to_string());
    }
    if let Some(tenant) = &filter.tenant {
        // `+`: the index of the circuit has fewer rows than that of the tenant.
        query += if filter.circuit.is_some() { " AND +tenant = ?" } else { " AND tenant = ?" };
        values.push(tenant.to_string());
    }
    query += &format!(" ORDER BY id LIMIT {}", i64::try_from(limit).unwrap_or(i64::MAX));
    (query, values)
}

/// The counts of a row, from this column on.
fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let mut counts = [0; Usage::NAMES.len()];
    for (place, count) in counts.iter_mut().enumerate() {
        *count = u64::try_from(row.get::<_, i64>(first + place)?).unwrap_or(0);
    }
    Ok(Usage::of_counts(counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    #[tokio::test]
    async fn every_list_follows_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        SqliteCatalog::open(database.clone()).await.unwrap();
        let (day, circuit) = ("2026-01-31", "0123456789abcdef0123456789abcdef");
        let plan = |connection: &Connection, (query, values): (String, Vec<String>)| {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let rows = explain.query_map(params_from_iter(values), |row| row.get::<_, String>("detail"));
            rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        for (of_tenant, of_circuit, index) in [
            (false, false, "usage USING INDEX sqlite_autoindex_usage_1 (id>? AND id<?)"),
            (true, false, "usage USING INDEX usage_by_tenant (tenant=? AND id>? AND id<?)"),
            (false, true, "usage USING INDEX usage_by_circuit (<expr>=? AND id>? AND id<?)"),
            (true, true, "usage USING INDEX usage_by_circuit (<expr>=? AND id>? AND id<?)"),
        ] {
            let filter = UsageFilter {
                tenant: of_tenant.then(TenantId::default),
                circuit: of_circuit.then(|| circuit.parse().unwrap()),
                from: day.parse().unwrap(),
                to: day.parse().unwrap(),
                after: None,
            };
            let plan = database.look_up(|connection| plan(connection, listed(&filter, 9))).unwrap();
            assert_eq!(plan, format!("SEARCH {index}"));
        }
    }

    #[tokio::test]
    async fn rows_of_earlier_versions_have_no_processor_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sqlite::open(folder.path().join("db")).await.unwrap();
        let id = "2026-01-31/default/0123456789abcdef0123456789abcdef";
        let old = move |connection: &Connection| {
            schema::STEPS[..12].iter().try_for_each(|step| connection.execute_batch(step))?;
            connection.execute("INSERT INTO usage VALUES (?1, 'default', 1, 2, 3, 4, 5, 6)", [id])
        };
        database.write(Durability::Now, old).await.unwrap().unwrap();
        let catalog = SqliteCatalog::open(database).await.unwrap();
        let key: UsageKey = id.parse().unwrap();
        catalog.count(&key, &Usage { proofs: 1, witness_cpu_ms: 9, ..Usage::default() }).await.unwrap();
        let (from, to) = (key.day.clone(), key.day.clone());
        let filter = UsageFilter { tenant: None, circuit: None, from, to, after: None };
        let sum = Usage::of_counts([2, 2, 3, 4, 5, 6, 9, 0, 0, 0]);
        assert_eq!(catalog.usage(&filter, 9).await.unwrap(), [(key, sum)]);
    }
}
