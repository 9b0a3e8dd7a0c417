//! Tables of the catalog, by version. `PRAGMA user_version` is the version of a file.

use zkflow_core::service::catalog::CatalogError;

use super::{Database, Durability};

/// Step `i` upgrades version `i` to `i + 1`. A released step is never edited.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE circuits (
        id TEXT PRIMARY KEY,
        circuit_hash TEXT NOT NULL UNIQUE,
        template TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX circuits_by_age ON circuits (created_at, id);
    CREATE INDEX circuits_by_status ON circuits (status, created_at, id);
    CREATE INDEX circuits_by_template ON circuits (template, created_at, id);

    CREATE TABLE proofs (
        id TEXT PRIMARY KEY,
        circuit_id TEXT NOT NULL,
        user_id TEXT,
        status TEXT NOT NULL,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    -- A user id is never empty.
    CREATE UNIQUE INDEX proofs_by_idempotency ON proofs (ifnull(user_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    CREATE INDEX proofs_by_age ON proofs (created_at, id);
    CREATE INDEX proofs_by_status ON proofs (status, created_at, id);
    CREATE INDEX proofs_by_circuit ON proofs (circuit_id, created_at, id);
    CREATE INDEX proofs_by_user ON proofs (user_id, created_at, id);
    CREATE INDEX proofs_by_expiry ON proofs (expires_at, id);

    PRAGMA user_version = 1;
",
    "
    CREATE TABLE deployments (
        id TEXT PRIMARY KEY,
        circuit_id TEXT NOT NULL,
        status TEXT NOT NULL,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX deployments_by_idempotency ON deployments (circuit_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    CREATE INDEX deployments_by_circuit ON deployments (circuit_id, created_at, id);
    CREATE INDEX deployments_by_status ON deployments (status, created_at, id);

    PRAGMA user_version = 2;
",
    "
    CREATE TABLE installation (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        id TEXT NOT NULL
    ) STRICT;

    PRAGMA user_version = 3;
",
    "
    ALTER TABLE circuits ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
    ALTER TABLE proofs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
    ALTER TABLE deployments ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
    CREATE INDEX circuits_by_tenant ON circuits (tenant, created_at, id);
    CREATE INDEX proofs_by_tenant ON proofs (tenant, created_at, id);
    DROP INDEX proofs_by_idempotency;
    CREATE UNIQUE INDEX proofs_by_idempotency ON proofs (tenant, ifnull(user_id, ''), idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    DROP INDEX proofs_by_user;
    CREATE INDEX proofs_by_user ON proofs (tenant, user_id, created_at, id);

    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        tenant TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        last_used_at INTEGER
    ) STRICT;
    CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at, id);

    PRAGMA user_version = 4;
",
    "
    CREATE TABLE ceremonies (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        circuit_id TEXT NOT NULL,
        status TEXT NOT NULL,
        idempotency_key TEXT,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX ceremonies_by_idempotency ON ceremonies (tenant, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    CREATE INDEX ceremonies_by_tenant ON ceremonies (tenant, created_at, id);
    CREATE INDEX ceremonies_by_status ON ceremonies (status, created_at, id);

    PRAGMA user_version = 5;
",
    "
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        subject TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        status TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX deliveries_by_age ON deliveries (created_at, id);
    CREATE INDEX deliveries_by_status ON deliveries (status, created_at, id);
    CREATE INDEX deliveries_by_tenant ON deliveries (tenant, created_at, id);

    PRAGMA user_version = 6;
",
    "
    CREATE TABLE audit_log (
        number INTEGER PRIMARY KEY,
        entry TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
    BEGIN
        SELECT RAISE(ABORT, 'entries of the audit log are not changed');
    END;
    CREATE TRIGGER audit_log_is_not_shortened BEFORE DELETE ON audit_log
    BEGIN
        SELECT RAISE(ABORT, 'entries of the audit log are not removed');
    END;

    PRAGMA user_version = 7;
",
    "
    CREATE TABLE usage (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        proofs INTEGER NOT NULL,
        failed_proofs INTEGER NOT NULL,
        builds INTEGER NOT NULL,
        work_ms INTEGER NOT NULL,
        deployments INTEGER NOT NULL,
        gas INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX usage_by_tenant ON usage (tenant, id);

    PRAGMA user_version = 8;
",
    "
    CREATE TABLE history (
        slot TEXT PRIMARY KEY,
        counts TEXT NOT NULL
    ) STRICT;
    CREATE TABLE workers (
        id TEXT PRIMARY KEY,
        process TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX workers_by_last ON workers (last, id);

    ALTER TABLE proofs ADD COLUMN error_code TEXT;
    UPDATE proofs SET error_code = json_extract(document, '$.error.code')
        WHERE status = 'failed' AND json_valid(document);
    CREATE INDEX proofs_by_error ON proofs (tenant, error_code, created_at, id) WHERE error_code IS NOT NULL;
    -- With the columns of all filters: a list reads only the rows that it returns.
    DROP INDEX proofs_by_tenant;
    CREATE INDEX proofs_by_tenant ON proofs (tenant, created_at, id, status, circuit_id, user_id);
    DROP INDEX proofs_by_user;
    CREATE INDEX proofs_by_user ON proofs (tenant, user_id, created_at, id, status, circuit_id);

    ALTER TABLE api_keys ADD COLUMN first TEXT;

    PRAGMA user_version = 9;
",
    "
    ALTER TABLE circuits ADD COLUMN key_label TEXT;
    ALTER TABLE circuits ADD COLUMN name TEXT NOT NULL DEFAULT '';
    UPDATE circuits SET
        key_label = CASE
            WHEN json_type(document, '$.forgeable') = 'text' THEN 'forgeable'
            WHEN json_type(document, '$.claimed') IN ('text', 'object') THEN 'claimed'
            WHEN json_type(document, '$.provenance') = 'object' THEN 'ceremony'
            ELSE json_extract(document, '$.provenance')
        END,
        name = lower(coalesce(nullif(template, ''), json_extract(document, '$.import.node.template'),
            json_extract(document, '$.import.given.main'), ''))
        WHERE json_valid(document);
    -- With the columns of all filters: a list reads only the rows that it returns.
    DROP INDEX circuits_by_age;
    CREATE INDEX circuits_by_age
        ON circuits (created_at, id, tenant, status, template, key_label, circuit_hash, name);
    DROP INDEX circuits_by_tenant;
    CREATE INDEX circuits_by_tenant
        ON circuits (tenant, created_at, id, status, template, key_label, circuit_hash, name);
    DROP INDEX circuits_by_status;
    CREATE INDEX circuits_by_status
        ON circuits (status, created_at, id, tenant, template, key_label, circuit_hash, name);
    DROP INDEX circuits_by_template;
    CREATE INDEX circuits_by_template
        ON circuits (template, created_at, id, tenant, status, key_label, circuit_hash, name);
    -- A key ends with the id of the circuit.
    CREATE INDEX usage_by_circuit ON usage (substr(id, -32), id);

    PRAGMA user_version = 10;
",
    "
    CREATE TABLE spending (
        account TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        spent TEXT NOT NULL
    ) STRICT;

    PRAGMA user_version = 11;
",
    "
    -- As `proofs_by_tenant`: with the columns of the filters, so that a list does not read the rows of another status,
    -- circuit, user or tenant.
    DROP INDEX proofs_by_circuit;
    CREATE INDEX proofs_by_circuit ON proofs (circuit_id, created_at, id, tenant, status, user_id);
    DROP INDEX proofs_by_status;
    CREATE INDEX proofs_by_status ON proofs (status, created_at, id, tenant, circuit_id, user_id);

    PRAGMA user_version = 12;
",
    "
    ALTER TABLE usage ADD COLUMN witness_cpu_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE usage ADD COLUMN proving_cpu_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE usage ADD COLUMN build_cpu_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE usage ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;

    PRAGMA user_version = 13;
",
    "
    CREATE TABLE sessions (
        digest TEXT PRIMARY KEY,
        caller TEXT NOT NULL,
        key TEXT,
        tenant TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        last_used_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_caller ON sessions (caller, created_at, digest);

    PRAGMA user_version = 14;
",
];

/// Upgrades the tables to the latest version. Of several processes, one does it.
pub(super) async fn migrate(database: &Database) -> Result<(), CatalogError> {
    let action = "preparing the tables";
    let upgrade = |connection: &rusqlite::Connection| -> rusqlite::Result<Result<(), i64>> {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(owed) = STEPS.get(done..) else { return Ok(Err(version)) };
        owed.iter().try_for_each(|step| connection.execute_batch(step)).map(Ok)
    };
    let upgraded =
        database.write(Durability::Now, upgrade).await.map_err(|e| CatalogError::backend(action, e))?;
    upgraded.map_err(|e| CatalogError::backend(action, e))?.map_err(|version| {
        let known = STEPS.len();
        let detail = format!("schema version {version} is newer than the supported {known}: upgrade zkflow");
        CatalogError::Corrupt { id: "the database".to_owned(), detail }
    })
}
