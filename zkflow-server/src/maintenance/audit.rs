//! The audit log: appends entries, and checks the whole of it.

use std::time::Duration;

use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{AuditAction, AuditEntry, AuditEvent, BrokenChain, CatalogError};
use zkflow_core::service::tenant::TenantId;
use zkflow_store::vault::DerivedKey;

use super::Data;

/// Seals entries under a key of the vault: a writer of the database cannot forge one.
pub struct Sealer(DerivedKey);

impl Sealer {
    /// The sealer of an installation.
    pub fn of(data: &Data) -> Self {
        Self(data.vault.derived_key("audit log"))
    }

    fn seal(&self, digest: &Digest) -> String {
        hex::encode(self.0.mac(digest.as_bytes()))
    }

    /// Whether the seal of an entry is one of this installation.
    pub fn verifies(&self, entry: &AuditEntry) -> bool {
        let mac = hex::decode(&entry.seal).ok().and_then(|mac| <[u8; 32]>::try_from(mac).ok());
        mac.is_some_and(|mac| self.0.verifies(entry.digest.as_bytes(), &mac))
    }

    /// Whether the seal of an entry was made with the current key.
    fn is_current(&self, entry: &AuditEntry) -> bool {
        let mac = hex::decode(&entry.seal).ok().and_then(|mac| <[u8; 32]>::try_from(mac).ok());
        mac.is_some_and(|mac| self.0.is_current(entry.digest.as_bytes(), &mac))
    }
}

/// One appending task of this process at a time: they do not compete for a number.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Longest pause between two attempts to get a number, which another process has taken.
const PAUSE: Duration = Duration::from_millis(20);

/// Appends an entry: `actor` of `tenant` does something to `subject`. Call it before the change, so that no change is
/// without an entry; an entry whose change then fails remains.
///
/// # Errors
/// The catalog fails.
pub async fn record(
    data: &Data,
    tenant: &TenantId,
    actor: &str,
    action: AuditAction,
    subject: &str,
) -> Result<(), CatalogError> {
    let (log, sealer) = (data.catalog.audit_log(), Sealer::of(data));
    let (tenant, actor, subject) = (tenant.clone(), actor.to_owned(), subject.to_owned());
    let event = AuditEvent { at: data.now(), tenant, actor, action, subject };
    let _turn = TURN.lock().await;
    loop {
        let last = log.last().await?;
        let entry = AuditEntry::after(last.as_ref(), event.clone(), |digest| sealer.seal(digest));
        if log.append(&entry).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A fault of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The chain is broken.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// An entry has no seal of this installation.
    #[error("entry {0} was not sealed by this installation")]
    Seal(u64),
}

/// Checks entries one after the other.
///
/// Each entry must be sealed by a key of the vault, or be covered: a later [`AuditAction::VaultRotate`] is sealed by one. The
/// chain of digests binds that entry to all before it, which were checked when it was made.
#[derive(Default)]
pub struct Check {
    last: Option<AuditEntry>,
    sealer: Option<Sealer>,
    /// The first entry without a seal of the vault that is not covered.
    unsealed: Option<u64>,
}

impl Check {
    /// Also checks the seals.
    pub fn sealed_by(sealer: Sealer) -> Self {
        Self { sealer: Some(sealer), ..Self::default() }
    }

    /// Checks the next entry; its seal only in [`finish`](Self::finish).
    ///
    /// # Errors
    /// It does not continue the one before it.
    pub fn next(&mut self, entry: AuditEntry) -> Result<(), Fault> {
        entry.continues(self.last.as_ref())?;
        if let Some(sealer) = &self.sealer {
            match (sealer.verifies(&entry), entry.event.action) {
                (false, _) => self.unsealed = self.unsealed.or(Some(entry.number)),
                (true, AuditAction::VaultRotate) => self.unsealed = None,
                (true, _) => {}
            }
        }
        self.last = Some(entry);
        Ok(())
    }

    /// Ends the check.
    ///
    /// # Errors
    /// An entry is not sealed, and not covered.
    pub fn finish(&self) -> Result<(), Fault> {
        self.unsealed.map_or(Ok(()), |number| Err(Fault::Seal(number)))
    }

    /// The last entry that was checked.
    pub fn last(&self) -> Option<&AuditEntry> {
        self.last.as_ref()
    }
}

/// Entries read at once.
const PAGE: usize = 1000;

/// Checks the whole log, and covers the entries that an earlier key sealed by a new entry. Returns whether it was needed.
///
/// The new entry follows the last one that was checked: one that is added meanwhile is checked too.
///
/// # Errors
/// The log has a fault, so it is not covered; the catalog fails.
pub async fn cover(data: &Data, tenant: &TenantId, actor: &str) -> Result<bool, NotCovered> {
    let mut cover = Cover::new(data);
    loop {
        cover.read(data).await?;
        if !cover.is_needed {
            return Ok(false);
        }
        if cover.append(data, tenant, actor).await? {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A check of the log that ends with a covering entry.
struct Cover {
    check: Check,
    /// Whether an entry is sealed by an earlier key, and not covered.
    is_needed: bool,
}

impl Cover {
    fn new(data: &Data) -> Self {
        Self { check: Check::sealed_by(Sealer::of(data)), is_needed: false }
    }

    /// Checks the entries behind those that were checked.
    async fn read(&mut self, data: &Data) -> Result<(), NotCovered> {
        let sealer = Sealer::of(data);
        loop {
            let after = self.check.last().map_or(0, |last| last.number);
            let entries = data.catalog.audit_log().entries(after, PAGE).await?;
            if entries.is_empty() {
                return Ok(self.check.finish()?);
            }
            for entry in entries {
                match (sealer.is_current(&entry), entry.event.action) {
                    (false, _) => self.is_needed = true,
                    (true, AuditAction::VaultRotate) => self.is_needed = false,
                    (true, _) => {}
                }
                self.check.next(entry)?;
            }
        }
    }

    /// Adds the covering entry behind the last one that was checked. Returns `false` if another entry is there.
    async fn append(&self, data: &Data, tenant: &TenantId, actor: &str) -> Result<bool, CatalogError> {
        let event = AuditEvent {
            at: data.now(),
            tenant: tenant.clone(),
            actor: actor.to_owned(),
            action: AuditAction::VaultRotate,
            subject: data.vault.key_id().to_string(),
        };
        let sealer = Sealer::of(data);
        let entry = AuditEntry::after(self.check.last(), event, |digest| sealer.seal(digest));
        data.catalog.audit_log().append(&entry).await
    }
}

/// The entries of an earlier key could not be covered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotCovered {
    /// The log has a fault.
    #[error("the audit log: {0}")]
    Fault(#[from] Fault),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zkflow_core::service::clock::SystemClock;
    use zkflow_core::service::store::ArtifactStore;
    use zkflow_store::{KeyRing, MemoryCatalog, MemoryStore, Vault};

    use super::*;

    #[tokio::test]
    async fn an_entry_that_was_added_after_the_check_is_not_covered() {
        let catalog = Arc::new(MemoryCatalog::default());
        let store: Arc<dyn ArtifactStore> = Arc::new(MemoryStore::new());
        let opened = |keys: &[&str]| {
            let text: Vec<_> = keys.iter().map(|name| Digest::of(name).to_string()).collect();
            let vault = Vault::new(KeyRing::parse(&text.join(",")).unwrap(), store.clone());
            Data { catalog: catalog.clone(), store: store.clone(), clock: Arc::new(SystemClock), vault }
        };
        let (old, data, stranger) = (opened(&["old"]), opened(&["new", "old"]), opened(&["stranger"]));
        let tenant = TenantId::default();
        record(&old, &tenant, "key:x", AuditAction::KeyCreate, "x").await.unwrap();

        let mut covering = Cover::new(&data);
        covering.read(&data).await.unwrap();
        assert!(covering.is_needed);
        record(&stranger, &tenant, "key:x", AuditAction::KeyCreate, "forged").await.unwrap();
        assert!(!covering.append(&data, &tenant, "x").await.unwrap(), "the forged entry is covered");
        let fault = covering.read(&data).await.unwrap_err();
        assert!(matches!(fault, NotCovered::Fault(Fault::Seal(2))), "{fault}");
        assert!(cover(&data, &tenant, "x").await.is_err());
    }
}
