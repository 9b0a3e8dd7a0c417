//! Checks of the keys of the API.

use futures::future;

use super::{Subject, moment};
use crate::service::catalog::{ApiKey, KeyChange, Named as _, Page, Scope};
use crate::service::id::KeyId;
use zkflow_groth16::digest::Digest;

fn key(created: i64, tenant: &str) -> ApiKey {
    let id = KeyId::generate(moment(created));
    ApiKey {
        digest: Digest::of(id.as_str()),
        id,
        name: "It's \"CI\" \u{1F511}".to_owned(),
        tenant: tenant.parse().expect("a tenant"),
        scopes: Scope::ALL.to_vec(),
        created_at: moment(created),
        expires_at: Some(moment(created + 1_234)),
        revoked_at: None,
        last_used_at: None,
        first: None,
    }
}

/// Every field is read back unchanged. A repeated call adds nothing.
pub(super) async fn a_key_is_found_by_its_digest_and_id(catalog: Subject) {
    let keys = catalog.keys();
    let (one, other) = (
        key(1_000, "one"),
        ApiKey {
            expires_at: None,
            scopes: vec![],
            first: Some(KeyId::generate(moment(1))),
            ..key(2_000, "other")
        },
    );
    for key in [&one, &other, &one] {
        keys.add(key).await.expect("add");
    }
    for key in [&one, &other] {
        assert_eq!(keys.by_digest(&key.digest).await.expect("by_digest").as_ref(), Some(key));
        assert_eq!(keys.key(&key.id).await.expect("key").as_ref(), Some(key));
    }
    assert_eq!(keys.by_digest(&Digest::of("another")).await.expect("by_digest"), None);
    assert_eq!(keys.key(&KeyId::generate(moment(0))).await.expect("key"), None);
    assert_eq!(keys.keys(None, &Page::first(9)).await.expect("keys").len(), 2);
}

/// Uses, revocations and expiries at the same time are all kept.
pub(super) async fn changes_of_a_key_do_not_undo_each_other(catalog: Subject) {
    let keys = catalog.keys();
    let key = key(0, "one");
    keys.add(&key).await.expect("add");
    let uses = (0..8).map(|i| KeyChange::Used(moment(10 + i)));
    let others = [KeyChange::Revoked(moment(50)), KeyChange::Expires(moment(60))];
    let changes: Vec<_> = uses.chain(others).collect();
    let made = future::join_all(changes.iter().map(|change| keys.change(&key.id, *change))).await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    keys.change(&key.id, KeyChange::Revoked(moment(70))).await.expect("change");
    keys.change(&key.id, KeyChange::Expires(moment(80))).await.expect("change");
    keys.change(&KeyId::generate(moment(0)), KeyChange::Revoked(moment(1))).await.expect("an unknown id");
    let found = keys.key(&key.id).await.expect("key").expect("the key");
    assert_eq!(found.revoked_at, Some(moment(50)), "the first time of a revocation stays");
    assert_eq!(found.expires_at, Some(moment(60)), "an expiry was put off");
    assert!(found.last_used_at.is_some(), "a use was lost");
    let unlimited = ApiKey { expires_at: None, ..self::key(1, "one") };
    keys.add(&unlimited).await.expect("add");
    keys.change(&unlimited.id, KeyChange::Expires(moment(5))).await.expect("change");
    assert_eq!(keys.key(&unlimited.id).await.expect("key").expect("the key").expires_at, Some(moment(5)));
}

/// Lists are by tenant, newest first, in pages.
pub(super) async fn keys_are_listed_by_tenant(catalog: Subject) {
    let keys = catalog.keys();
    let mut all: Vec<_> = (0..6).map(|i| key(i / 2, if i % 3 == 0 { "one" } else { "other" })).collect();
    for key in &all {
        keys.add(key).await.expect("add");
    }
    all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    assert_eq!(keys.keys(None, &Page::first(9)).await.expect("keys"), all);
    let mut page = Page::first(4);
    let first = keys.keys(None, &page).await.expect("keys");
    page.after = first.last().map(ApiKey::cursor);
    let rest = keys.keys(None, &page).await.expect("keys");
    assert_eq!([first, rest].concat(), all, "pages have a gap or a repeat");
    all.retain(|key| key.tenant.as_str() == "one");
    let one = "one".parse().expect("a tenant");
    assert_eq!(keys.keys(Some(&one), &Page::first(9)).await.expect("keys"), all);
}
