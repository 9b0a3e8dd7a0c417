//! The keys of the API in SQLite.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, ApiKeys, CatalogError, KeyChange, Page};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::SqliteCatalog;

#[async_trait]
impl ApiKeys for SqliteCatalog {
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError> {
        let scopes = serde_json::to_string(&key.scopes).map_err(failed("writing a key"))?;
        let mut insert = QueryBuilder::<Sqlite>::new(format!("INSERT INTO api_keys ({COLUMNS}) VALUES ("));
        insert.push_bind(key.id.as_str()).push(", ").push_bind(key.digest.to_string());
        insert.push(", ").push_bind(&key.name).push(", ").push_bind(key.tenant.as_str());
        insert.push(", ").push_bind(scopes).push(", ").push_bind(key.created_at.as_millis());
        for moment in [key.expires_at, key.revoked_at, key.last_used_at] {
            insert.push(", ").push_bind(moment.map(Timestamp::as_millis));
        }
        insert.push(") ON CONFLICT (id) DO NOTHING");
        insert.build().execute(&self.pool).await.map_err(failed("adding a key"))?;
        Ok(())
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError> {
        let mut query = select();
        query.push("digest = ").push_bind(digest.to_string());
        let row = query.build().fetch_optional(&self.pool).await.map_err(failed("looking up a key"))?;
        row.map(|row| read(&row)).transpose()
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError> {
        let mut query = select();
        query.push("id = ").push_bind(id.as_str());
        let row = query.build().fetch_optional(&self.pool).await.map_err(failed("reading a key"))?;
        row.map(|row| read(&row)).transpose()
    }

    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError> {
        let mut update = QueryBuilder::<Sqlite>::new("UPDATE api_keys SET ");
        match change {
            KeyChange::Used(at) => update.push("last_used_at = ").push_bind(at.as_millis()),
            KeyChange::Revoked(at) => {
                update.push("revoked_at = ifnull(revoked_at, ").push_bind(at.as_millis()).push(")")
            }
            KeyChange::Expires(at) => {
                let at = at.as_millis();
                update
                    .push("expires_at = min(ifnull(expires_at, ")
                    .push_bind(at)
                    .push("), ")
                    .push_bind(at)
                    .push(")")
            }
        };
        update.push(" WHERE id = ").push_bind(id.as_str());
        update.build().execute(&self.pool).await.map_err(failed("changing a key"))?;
        Ok(())
    }

    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError> {
        let mut query = select();
        query.push("TRUE");
        if let Some(tenant) = tenant {
            query.push(" AND tenant = ").push_bind(tenant.as_str());
        }
        if let Some(after) = &page.after {
            query.push(" AND (created_at, id) < (").push_bind(after.created_at.as_millis());
            query.push(", ").push_bind(after.id.clone()).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ");
        query.push_bind(i64::try_from(page.limit).unwrap_or(i64::MAX));
        let rows = query.build().fetch_all(&self.pool).await.map_err(failed("listing keys"))?;
        rows.iter().map(read).collect()
    }
}

const COLUMNS: &str = "id, digest, name, tenant, scopes, created_at, expires_at, revoked_at, last_used_at";

fn select() -> QueryBuilder<Sqlite> {
    QueryBuilder::new(format!("SELECT {COLUMNS} FROM api_keys WHERE "))
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: &'static str,
) -> impl FnOnce(E) -> CatalogError {
    move |error| CatalogError::backend(action, error)
}

fn read(row: &SqliteRow) -> Result<ApiKey, CatalogError> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(failed("reading a key"));
    let moment = |column: &str| {
        let millis = row.try_get::<Option<i64>, _>(column).map_err(failed("reading a key"))?;
        Ok::<_, CatalogError>(millis.map(Timestamp::from_millis))
    };
    let id = text("id")?;
    let corrupt = |detail: String| CatalogError::Corrupt { id: format!("key {id}"), detail };
    Ok(ApiKey {
        id: id.parse().map_err(|error| corrupt(format!("{error}")))?,
        digest: text("digest")?.parse().map_err(|error| corrupt(format!("{error}")))?,
        name: text("name")?,
        tenant: text("tenant")?.parse().map_err(|error| corrupt(format!("{error}")))?,
        scopes: serde_json::from_str(&text("scopes")?).map_err(|error| corrupt(error.to_string()))?,
        created_at: moment("created_at")?.ok_or_else(|| corrupt("it has no created_at".to_owned()))?,
        expires_at: moment("expires_at")?,
        revoked_at: moment("revoked_at")?,
        last_used_at: moment("last_used_at")?,
    })
}
