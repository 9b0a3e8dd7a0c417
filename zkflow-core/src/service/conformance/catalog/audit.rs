//! Checks of the audit log.

use futures::future;

use super::{Subject, moment};
use crate::service::catalog::{AuditAction, AuditEntry, AuditEvent, Named as _};

fn entry(last: Option<&AuditEntry>, subject: &str) -> AuditEntry {
    let event = AuditEvent {
        at: moment(1),
        tenant: "one".parse().expect("a tenant"),
        actor: "key:\u{1F511} \"it's\"".to_owned(),
        action: AuditAction::ALL[last.map_or(0, |last| last.number as usize) % AuditAction::ALL.len()],
        subject: subject.to_owned(),
    };
    AuditEntry::after(last, event, |digest| format!("seal {digest}"))
}

/// Every entry is read back unchanged, in order, in pages.
pub(super) async fn entries_are_read_back_in_order(catalog: Subject) {
    let log = catalog.audit_log();
    assert_eq!(log.last().await.expect("last"), None, "a new log has an entry");
    let mut all: Vec<AuditEntry> = Vec::new();
    // More than ten: numbers are not ordered as texts.
    for i in 0..12 {
        let next = entry(all.last(), &i.to_string());
        assert!(log.append(&next).await.expect("append"), "an entry was not added");
        assert_eq!(log.last().await.expect("last").as_ref(), Some(&next));
        all.push(next);
    }
    assert_eq!(log.entries(0, 99).await.expect("entries"), all);
    assert_eq!(log.entries(3, 5).await.expect("entries"), all[3..8]);
    assert!(log.entries(12, 5).await.expect("entries").is_empty());
    let mut last = None;
    for entry in &all {
        entry.continues(last).expect("a chain");
        last = Some(entry);
    }
}

/// Of several entries with one number, one is added, and repeating it has no effect.
pub(super) async fn one_of_many_entries_gets_a_number(catalog: Subject) {
    let log = catalog.audit_log();
    let rivals: Vec<_> = (0..16).map(|i| entry(None, &i.to_string())).collect();
    let added = future::join_all(rivals.iter().map(|rival| log.append(rival))).await;
    let added: Vec<_> = added.into_iter().map(|added| added.expect("append")).collect();
    assert_eq!(added.iter().filter(|added| **added).count(), 1, "{added:?}");
    let winner = &rivals[added.iter().position(|added| *added).expect("one was added")];
    assert_eq!(log.entries(0, 9).await.expect("entries"), std::slice::from_ref(winner));
    assert!(log.append(winner).await.expect("append"), "a repeated call is refused");
    assert_eq!(log.entries(0, 9).await.expect("entries").len(), 1, "a repeated call added an entry");
}
