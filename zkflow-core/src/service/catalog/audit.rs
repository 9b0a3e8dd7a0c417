//! [`AuditLog`]: changes with their callers, as a chain of entries.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zkflow_groth16::digest::Digest;

use super::CatalogError;
use super::life::named;
use crate::service::clock::Timestamp;
use crate::service::tenant::TenantId;

named! {
    /// What was done.
    AuditAction {
        /// A circuit was requested from a template.
        CircuitBuild = "circuit.build",
        /// A circuit was requested from uploaded files.
        CircuitImport = "circuit.import",
        /// The visibility of a circuit was changed.
        CircuitShare = "circuit.share",
        /// A circuit was deleted with its keys.
        CircuitDelete = "circuit.delete",
        /// A contract was deployed.
        Deploy = "deployment.request",
        /// A contract that exists on a chain was bound to a circuit.
        Bind = "deployment.bind",
        /// A ceremony was announced.
        CeremonyAnnounce = "ceremony.announce",
        /// A ceremony was ended by the value of its beacon.
        CeremonyFinish = "ceremony.finish",
        /// A ceremony was deleted with its keys and its record.
        CeremonyDelete = "ceremony.delete",
        /// A key of the API was made.
        KeyCreate = "key.create",
        /// A key of the API was replaced.
        KeyRotate = "key.rotate",
        /// A key of the API was revoked.
        KeyRevoke = "key.revoke",
        /// The address of a tenant's webhooks was set.
        WebhooksSet = "webhooks.set",
        /// The secret of a tenant's webhooks was replaced.
        WebhooksRotate = "webhooks.rotate",
        /// The webhooks of a tenant were deleted.
        WebhooksDelete = "webhooks.delete",
        /// A queue was paused.
        QueuePause = "queue.pause",
        /// A queue was resumed.
        QueueResume = "queue.resume",
        /// A failed job was repeated.
        JobRetry = "job.retry",
        /// The document of a failed job was deleted.
        JobDelete = "job.delete",
        /// Dead letters were removed.
        JobsPurge = "jobs.purge",
        /// Everything was sealed again with the current key. The seal of this entry covers all entries before it.
        VaultRotate = "vault.rotate",
    }
}

/// What was done, by whom and to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When it was accepted.
    pub at: Timestamp,
    /// Tenant of the caller; of a command on the data of a server, that of the changed object.
    pub tenant: TenantId,
    /// Name of the caller, such as `key:01890a5d-…`.
    pub actor: String,
    /// What was done.
    pub action: AuditAction,
    /// Id of the changed object; of a rotated key, also the id of its successor.
    pub subject: String,
}

/// An entry of the log. It contains the digest of the entry before it, so no entry can be changed, removed or inserted
/// without changing all later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Place in the log, from 1.
    pub number: u64,
    /// What was done.
    #[serde(flatten)]
    pub event: AuditEvent,
    /// Digest of the entry before it; of the first one: of nothing.
    pub previous: Digest,
    /// SHA-256 of the canonical JSON (RFC 8785) of number, event and `previous`.
    pub digest: Digest,
    /// MAC of the digest in hex digits, under a key of the service.
    pub seal: String,
}

/// The chain is broken at an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// An entry is missing, or occurs twice.
    #[error("entry {expected} is missing: found entry {found}")]
    Number {
        /// Number that follows.
        expected: u64,
        /// Number of the entry.
        found: u64,
    },
    /// The entry does not continue the one before it.
    #[error("entry {0} does not contain the digest of the entry before it")]
    Previous(u64),
    /// The entry was changed.
    #[error("the digest of entry {0} is not that of its content")]
    Digest(u64),
}

impl AuditEntry {
    /// The entry after `last`, with the MAC of its digest by `seal`.
    pub fn after(last: Option<&Self>, event: AuditEvent, seal: impl Fn(&Digest) -> String) -> Self {
        let number = last.map_or(1, |last| last.number + 1);
        let previous = last.map_or_else(beginning, |last| last.digest);
        let digest = digest(number, &event, &previous);
        Self { number, event, previous, digest, seal: seal(&digest) }
    }

    /// Checks that the entry continues `last`, without its seal.
    ///
    /// # Errors
    /// It does not.
    pub fn continues(&self, last: Option<&Self>) -> Result<(), BrokenChain> {
        let expected = last.map_or(1, |last| last.number + 1);
        if self.number != expected {
            return Err(BrokenChain::Number { expected, found: self.number });
        }
        if self.previous != last.map_or_else(beginning, |last| last.digest) {
            return Err(BrokenChain::Previous(self.number));
        }
        match digest(self.number, &self.event, &self.previous) == self.digest {
            true => Ok(()),
            false => Err(BrokenChain::Digest(self.number)),
        }
    }
}

fn beginning() -> Digest {
    Digest::of("")
}

fn digest(number: u64, event: &AuditEvent, previous: &Digest) -> Digest {
    // Expect safety: the value contains only texts and a number.
    let canonical =
        serde_json_canonicalizer::to_vec(&("zkflow audit log", number.to_string(), event, previous))
            .expect("plain JSON has a canonical form");
    Digest::of(canonical)
}

/// Stores the entries of the log.
///
/// # Behaviour
/// - A write is durable when the call returns.
/// - Nothing changes or removes an entry.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Returns the entry with the highest number.
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError>;

    /// Adds an entry unless its number is taken. Returns whether the log contains it then: of several entries with one
    /// number, one is added. Repeating the call has no effect.
    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError>;

    /// Returns the entries with a number above `after`, in order, at most `limit`.
    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<AuditEntry> {
        let mut chain: Vec<AuditEntry> = Vec::new();
        for i in 0..4 {
            let event = AuditEvent {
                at: Timestamp::from_millis(i),
                tenant: TenantId::default(),
                actor: "key:\u{1F511} \"x\"".to_owned(),
                action: AuditAction::KeyCreate,
                subject: i.to_string(),
            };
            chain.push(AuditEntry::after(chain.last(), event, |digest| format!("seal of {digest}")));
        }
        chain
    }

    fn check(chain: &[AuditEntry]) -> Result<(), BrokenChain> {
        let mut last = None;
        for entry in chain {
            entry.continues(last)?;
            last = Some(entry);
        }
        Ok(())
    }

    #[test]
    fn every_change_of_the_chain_is_found_at_its_place() {
        let whole = chain();
        assert_eq!(check(&whole), Ok(()));
        let changed = |change: &dyn Fn(&mut Vec<AuditEntry>)| {
            let mut chain = whole.clone();
            change(&mut chain);
            check(&chain)
        };
        assert_eq!(changed(&|chain| chain[2].event.subject.push('x')), Err(BrokenChain::Digest(3)));
        assert_eq!(
            changed(&|chain| chain[1].event.at = Timestamp::from_millis(9)),
            Err(BrokenChain::Digest(2))
        );
        assert_eq!(changed(&|chain| chain[1].event.actor.clear()), Err(BrokenChain::Digest(2)));
        assert_eq!(
            changed(&|chain| drop(chain.remove(1))),
            Err(BrokenChain::Number { expected: 2, found: 3 })
        );
        assert_eq!(changed(&|chain| chain.swap(1, 2)), Err(BrokenChain::Number { expected: 2, found: 3 }));
        assert_eq!(
            changed(&|chain| drop(chain.remove(0))),
            Err(BrokenChain::Number { expected: 1, found: 2 })
        );
        // An entry that is made again, without the later ones.
        let forged = |chain: &mut Vec<AuditEntry>| {
            let event = AuditEvent { subject: "forged".to_owned(), ..chain[1].event.clone() };
            chain[1] = AuditEntry::after(Some(&chain[0].clone()), event, |_| String::new());
        };
        assert_eq!(changed(&forged), Err(BrokenChain::Previous(3)));
    }

    #[test]
    fn an_entry_survives_its_text() {
        for entry in chain() {
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<AuditEntry>(&text).unwrap(), entry);
        }
    }
}
