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
/// # Errors
/// The log has a fault, so it is not covered; the catalog fails.
pub async fn cover(data: &Data, tenant: &TenantId, actor: &str) -> Result<bool, NotCovered> {
    let mut check = Check::sealed_by(Sealer::of(data));
    let sealer = Sealer::of(data);
    let (mut after, mut needed) = (0, false);
    loop {
        let entries = data.catalog.audit_log().entries(after, PAGE).await?;
        let Some(last) = entries.last() else { break };
        after = last.number;
        for entry in entries {
            match (sealer.is_current(&entry), entry.event.action) {
                (false, _) => needed = true,
                (true, AuditAction::VaultRotate) => needed = false,
                (true, _) => {}
            }
            check.next(entry)?;
        }
    }
    check.finish()?;
    if needed {
        record(data, tenant, actor, AuditAction::VaultRotate, data.vault.key_id().as_str()).await?;
    }
    Ok(needed)
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
