//! Checks of the logins of the dashboard.

use std::time::Duration;

use futures::future;

use super::{Subject, moment};
use crate::service::catalog::{MOST_SESSIONS, Named as _, Scope, Session};
use crate::service::id::KeyId;
use zkflow_groth16::digest::Digest;

fn session(created: i64, caller: &str) -> Session {
    Session {
        digest: Digest::of(format!("{caller} {created}")),
        caller: caller.to_owned(),
        key: Some(KeyId::generate(moment(created))),
        tenant: "one".parse().expect("a tenant"),
        scopes: Scope::ALL.to_vec(),
        created_at: moment(created),
        expires_at: Some(moment(created + 1_234)),
        last_used_at: moment(created),
    }
}

/// Every field is read back unchanged, and a session that has ended is gone.
pub(super) async fn a_session_survives_as_it_was_written_until_it_ends(catalog: Subject) {
    let sessions = catalog.sessions();
    let one = session(1_000, "It's \u{1F511}");
    let other = Session { key: None, expires_at: None, scopes: vec![], ..session(2_000, "other") };
    for session in [&one, &other, &one] {
        sessions.start(session).await.expect("start");
    }
    for session in [&one, &other] {
        assert_eq!(sessions.session(&session.digest).await.expect("session").as_ref(), Some(session));
    }
    let unknown = Digest::of("another");
    assert_eq!(sessions.session(&unknown).await.expect("session"), None);
    sessions.used(&unknown, moment(1)).await.expect("an unknown digest");
    sessions.end(&unknown).await.expect("an unknown digest");
    let uses = [3_000, 5_000, 4_000].map(|at| sessions.used(&one.digest, moment(at)));
    assert!(future::join_all(uses).await.iter().all(Result::is_ok));
    let used = Session { last_used_at: moment(5_000), ..one.clone() };
    assert_eq!(sessions.session(&one.digest).await.expect("session"), Some(used), "the last use stays");
    sessions.end(&one.digest).await.expect("end");
    assert_eq!(sessions.session(&one.digest).await.expect("session"), None);
    assert_eq!(sessions.session(&other.digest).await.expect("session"), Some(other));
}

/// Of too many sessions of a caller, the newest ones stay. Others have their own number.
pub(super) async fn the_oldest_sessions_of_a_caller_end(catalog: Subject) {
    let sessions = catalog.sessions();
    let other = session(0, "other");
    sessions.start(&other).await.expect("start");
    let all: Vec<_> = (0..).take(MOST_SESSIONS + 3).map(|i| session(i, "one")).collect();
    for session in &all {
        sessions.start(session).await.expect("start");
    }
    for (i, session) in all.iter().enumerate() {
        let found = sessions.session(&session.digest).await.expect("session");
        assert_eq!(found.is_some(), i >= 3, "session {i}");
    }
    assert!(sessions.session(&other.digest).await.expect("session").is_some(), "of another caller");
}

/// Sessions that have expired, or were not used for a while, are removed.
pub(super) async fn sessions_that_are_over_are_removed(catalog: Subject) {
    let sessions = catalog.sessions();
    let expired = session(0, "expired");
    let endless = Session { expires_at: None, ..session(1_000, "endless") };
    let idle = Session { expires_at: Some(moment(9_000)), ..session(2_000, "idle") };
    let in_use =
        Session { expires_at: Some(moment(9_000)), last_used_at: moment(3_001), ..session(0, "used") };
    for session in [&expired, &endless, &idle, &in_use] {
        sessions.start(session).await.expect("start");
    }
    let left = async || {
        let mut left = Vec::new();
        for session in [&expired, &endless, &idle, &in_use] {
            left.extend(sessions.session(&session.digest).await.expect("session").map(|found| found.caller));
        }
        left
    };
    assert_eq!(sessions.sweep(moment(1_233), None).await.expect("sweep"), 0, "none has expired");
    assert_eq!(sessions.sweep(moment(1_234), None).await.expect("sweep"), 1);
    assert_eq!(left().await, ["endless", "idle", "used"]);
    assert_eq!(sessions.sweep(moment(4_000), Some(Duration::from_secs(1))).await.expect("sweep"), 2);
    assert_eq!(left().await, ["used"]);
}
