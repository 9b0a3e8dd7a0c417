//! The counts of usage in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params, params_from_iter};
use zkflow_core::service::catalog::{CatalogError, Hour, Usage, UsageFilter, UsageKey, UsageLog};
use zkflow_core::service::tenant::TenantId;

use super::SqliteCatalog;

#[async_trait]
impl UsageLog for SqliteCatalog {
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError> {
        let (key, more) = (key.clone(), *more);
        self.write(move |connection| {
            let id = key.to_string();
            // The transaction has the file's lock: nothing changes between the two.
            let query = format!("SELECT {} FROM usage WHERE id = ?1", Usage::NAMES.join(", "));
            let present = connection.query_row(&query, [&id], |row| counts(row, 0)).optional();
            let mut sum = present.map_err(failed("reading usage"))?.unwrap_or_default();
            sum.add(&more);
            let [a, b, c, d, e, f] = sum.counts().map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            let write = format!(
                "INSERT OR REPLACE INTO usage (id, tenant, {}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                Usage::NAMES.join(", ")
            );
            let values = params![id, key.tenant.as_str(), a, b, c, d, e, f];
            connection.execute(&write, values).map(drop).map_err(failed("counting usage"))
        })
        .await
    }

    async fn usage(
        &self,
        filter: &UsageFilter,
        limit: usize,
    ) -> Result<Vec<(UsageKey, Usage)>, CatalogError> {
        let ((above, below), tenant) = (filter.bounds(), filter.tenant.clone());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |connection| {
            let of = if tenant.is_some() { "AND tenant = ?3" } else { "" };
            let query = format!(
                "SELECT id, {} FROM usage WHERE id > ?1 AND id < ?2 {of} ORDER BY id LIMIT {limit}",
                Usage::NAMES.join(", ")
            );
            let values = [above, below].into_iter().chain(tenant.map(|tenant| tenant.to_string()));
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

    async fn spend(&self, tenant: &TenantId, hour: Hour, ms: u64) -> Result<(), CatalogError> {
        let (own, kept, tenant) = (hour.text(tenant), hour.before().text(tenant), tenant.clone());
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        self.write(move |connection| {
            let add = "INSERT INTO usage VALUES (?1, ?2, 0, 0, 0, ?3, 0, 0)
                 ON CONFLICT (id) DO UPDATE SET work_ms = min(work_ms, 9223372036854775807 - ?3) + ?3";
            connection.execute(add, params![own, tenant.as_str(), ms]).map_err(failed("counting time"))?;
            let old = "DELETE FROM usage WHERE tenant = ?1 AND id > 'hours/' AND id < ?2";
            connection.execute(old, params![tenant.as_str(), kept]).map(drop).map_err(failed("counting time"))
        })
        .await
    }

    async fn spent(&self, tenant: &TenantId, hour: Hour) -> Result<u64, CatalogError> {
        let id = hour.text(tenant);
        self.read(move |connection| {
            let query = "SELECT work_ms FROM usage WHERE id = ?1";
            let found = connection.query_row(query, [id], |row| row.get::<_, i64>(0)).optional();
            let found = found.map_err(failed("reading time"))?.unwrap_or(0);
            Ok(u64::try_from(found).unwrap_or(0))
        })
        .await
    }
}

/// The counts of a row, from this column on.
fn counts(row: &Row<'_>, first: usize) -> rusqlite::Result<Usage> {
    let mut counts = [0; Usage::NAMES.len()];
    for (place, count) in counts.iter_mut().enumerate() {
        *count = u64::try_from(row.get::<_, i64>(first + place)?).unwrap_or(0);
    }
    Ok(Usage::of_counts(counts))
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: &'static str,
) -> impl FnOnce(E) -> CatalogError {
    move |error| CatalogError::backend(action, error)
}
