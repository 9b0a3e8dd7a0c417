//! The keys of the API in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{ApiKey, ApiKeys, CatalogError, KeyChange, Page};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::KeyId;
use zkflow_core::service::tenant::TenantId;

use super::{SqliteCatalog, failed};

#[async_trait]
impl ApiKeys for SqliteCatalog {
    async fn add(&self, key: &ApiKey) -> Result<(), CatalogError> {
        let key = key.clone();
        let scopes = serde_json::to_string(&key.scopes).map_err(failed("writing a key"))?;
        let moment = |moment: Option<Timestamp>| moment.map(Timestamp::as_millis);
        self.write(move |connection| {
            let values = params![
                key.id.as_str(),
                key.digest.to_string(),
                key.name,
                key.tenant.as_str(),
                scopes,
                key.created_at.as_millis(),
                moment(key.expires_at),
                moment(key.revoked_at),
                moment(key.last_used_at),
                key.first.as_ref().map(KeyId::as_str),
            ];
            let insert = format!(
                "INSERT INTO api_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (id) DO NOTHING"
            );
            connection.execute(&insert, values).map(drop).map_err(failed("adding a key"))
        })
        .await
    }

    async fn by_digest(&self, digest: &Digest) -> Result<Option<ApiKey>, CatalogError> {
        let digest = digest.to_string();
        self.look_up(|connection| one(connection, "digest", &digest))
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.look_up(|connection| one(connection, "id", id.as_str()))
    }

    async fn change(&self, id: &KeyId, change: KeyChange) -> Result<(), CatalogError> {
        let (id, at, update) = match change {
            KeyChange::Used(at) => (id.clone(), at, "last_used_at = ?2"),
            KeyChange::Revoked(at) => (id.clone(), at, "revoked_at = ifnull(revoked_at, ?2)"),
            KeyChange::Expires(at) => (id.clone(), at, "expires_at = min(ifnull(expires_at, ?2), ?2)"),
        };
        self.write(move |connection| {
            let update = format!("UPDATE api_keys SET {update} WHERE id = ?1");
            let changed = connection.execute(&update, params![id.as_str(), at.as_millis()]);
            changed.map(drop).map_err(failed("changing a key"))
        })
        .await
    }

    async fn keys(&self, tenant: Option<&TenantId>, page: &Page) -> Result<Vec<ApiKey>, CatalogError> {
        let (tenant, page) = (tenant.cloned(), page.clone());
        self.read(move |connection| list(connection, tenant.as_ref(), &page)).await
    }
}

const COLUMNS: &str =
    "id, digest, name, tenant, scopes, created_at, expires_at, revoked_at, last_used_at, first";

fn one(connection: &Connection, column: &str, value: &str) -> Result<Option<ApiKey>, CatalogError> {
    let query = format!("SELECT {COLUMNS} FROM api_keys WHERE {column} = ?1");
    let found = connection.query_row(&query, [value], |row| Ok(read(row))).optional();
    found.map_err(failed("reading a key"))?.transpose()
}

fn list(
    connection: &Connection,
    tenant: Option<&TenantId>,
    page: &Page,
) -> Result<Vec<ApiKey>, CatalogError> {
    let mut query = format!("SELECT {COLUMNS} FROM api_keys WHERE TRUE");
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some(tenant) = tenant {
        query.push_str(" AND tenant = ?");
        values.push(Box::new(tenant.to_string()));
    }
    if let Some(after) = &page.after {
        query.push_str(" AND (created_at, id) < (?, ?)");
        values.push(Box::new(after.created_at.as_millis()));
        values.push(Box::new(after.id.clone()));
    }
    query.push_str(" ORDER BY created_at DESC, id DESC LIMIT ?");
    values.push(Box::new(i64::try_from(page.limit).unwrap_or(i64::MAX)));
    let mut statement = connection.prepare_cached(&query).map_err(failed("listing keys"))?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| Ok(read(row)));
    rows.map_err(failed("listing keys"))?.map(|row| row.map_err(failed("listing keys"))?).collect()
}

fn read(row: &Row<'_>) -> Result<ApiKey, CatalogError> {
    let text = |column: &str| row.get::<_, String>(column).map_err(failed("reading a key"));
    let moment = |column: &str| {
        let millis = row.get::<_, Option<i64>>(column).map_err(failed("reading a key"))?;
        Ok::<_, CatalogError>(millis.map(Timestamp::from_millis))
    };
    let id = text("id")?;
    let first = row.get::<_, Option<String>>("first").map_err(failed("reading a key"))?;
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
        first: first.map(|id| id.parse()).transpose().map_err(|error| corrupt(format!("{error}")))?,
    })
}
