//! [`Life`]: the fields shared by all documents, and their transitions.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::attempt::{self, Attempt};
use super::sealed::Sealed;
use crate::service::account::Account;
use crate::service::clock::Timestamp;
use crate::service::id::KeyId;
use crate::service::tenant::TenantId;

/// A closed set of names, identical in Rust, in stored documents and in the API.
pub trait Named:
    Copy + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + Sized + 'static
{
    /// All values, in order.
    const ALL: &'static [Self];

    /// Name in snake_case.
    fn as_str(self) -> &'static str;
}

/// State of a document.
pub trait Status: Named {
    /// The work is not finished.
    const PENDING: Self;
    /// The work failed.
    const FAILED: Self;

    /// Whether the work is finished, successfully or not.
    fn is_final(self) -> bool {
        self != Self::PENDING
    }
}

/// A stage of the work on a document. The first of [`ALL`](Named::ALL) is the wait for a worker, the last is
/// the end of the work.
pub trait Stage: Named {
    /// Waits for a worker.
    const QUEUED: Self = Self::ALL[0];
    /// First stage with a worker.
    const FIRST: Self = Self::ALL[1];
    /// The work is finished.
    const DONE: Self = Self::ALL[Self::ALL.len() - 1];
}

/// Declares enums that are [`Named`].
macro_rules! named {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$about])* #[serde(rename = $text)] $variant,)+
        }

        impl $crate::service::catalog::Named for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    )+ };
}

pub(super) use named;

/// Fields shared by all documents. They are stored at the top level of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life<T, G> {
    /// Whether the work is pending, and its result.
    pub status: T,
    /// Present stage; of a failed document, the stage that failed.
    pub stage: G,
    /// Number of hand-outs of its job.
    pub attempt: u32,
    /// Milliseconds spent in each finished stage of the latest attempt.
    pub timings: BTreeMap<String, u64>,
    /// The latest attempts, oldest first: at most [`KEPT_ATTEMPTS`](super::KEPT_ATTEMPTS). Documents of earlier versions have
    /// none.
    // Not `default`, which would require that a stage has a default.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt<G>>,
    /// Reason of a failure; `None` unless the document has failed.
    pub error: Option<Failure>,
    /// Reason why the last attempt has no result; the work is tried again. `None` unless the document is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delayed_by: Option<Failure>,
    /// Time of the request.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Number of changes, for optimistic concurrency.
    pub epoch: u64,
    /// Number of times that the document became pending again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// Owner of the document.
    #[serde(default)]
    pub tenant: TenantId,
    /// The request that the document comes from, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RequestOrigin>,
    /// Address that the end of the document is sent to, until then; `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Sealed>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Ids of the request that a document comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOrigin {
    /// `x-request-id` of the request.
    pub request_id: String,
    /// Name of the caller, such as `key:01890a5d-…`, or [`ANYONE`](Self::ANYONE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Key that the work counts for, if limits hold for it alone: the caller's, or the one that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<KeyId>,
    /// `traceparent` of the request, as in W3C Trace Context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl RequestOrigin {
    /// Name of all callers of a server without authentication.
    pub const ANYONE: &str = "anyone";
}

/// Reason of a failure, without private inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code in snake_case; see `docs/errors.md`.
    pub code: String,
    /// Text for people.
    pub message: String,
}

impl<T: Status, G: Stage> Life<T, G> {
    /// Fields of a document of the default tenant that is pending from `now` on.
    pub(in crate::service) fn new(now: Timestamp) -> Self {
        Self {
            status: T::PENDING,
            stage: G::QUEUED,
            attempt: 0,
            timings: BTreeMap::new(),
            attempts: Vec::new(),
            error: None,
            delayed_by: None,
            created_at: now,
            updated_at: now,
            epoch: 0,
            restarts: 0,
            tenant: TenantId::default(),
            origin: None,
            callback: None,
        }
    }

    /// Whether the caller of the request was authenticated.
    pub fn is_authenticated(&self) -> bool {
        let caller = self.origin.as_ref().and_then(|origin| origin.caller.as_deref());
        caller.is_some_and(|caller| caller != RequestOrigin::ANYONE)
    }

    /// Whether the work counts for an account. That of a key counts for it also if it had no limits when it asked.
    pub fn counts_for(&self, account: &Account) -> bool {
        let Some(key) = account.key() else { return self.tenant == *account.tenant() };
        let Some(origin) = &self.origin else { return false };
        self.tenant == *account.tenant()
            && (origin.account.as_ref() == Some(key) || origin.caller == Some(key.caller()))
    }

    /// Fraction of the stages that are finished, from 0 (queued) to 1 (done).
    pub fn progress(&self) -> f32 {
        self.progress_within(0.0)
    }

    /// As [`progress`](Self::progress), with the fraction of the present stage that is finished.
    pub(super) fn progress_within(&self, share: f32) -> f32 {
        let over = G::ALL.iter().take_while(|stage| **stage != self.stage).count();
        (over as f32 + share) / (G::ALL.len() - 1) as f32
    }

    /// Records that a worker starts the work, possibly again.
    pub(in crate::service) fn begin(&mut self, attempt: u32, now: Timestamp) {
        self.attempt = attempt;
        self.timings.clear();
        self.stage = G::FIRST;
        attempt::push(&mut self.attempts, Attempt::begun(attempt, G::FIRST, now));
        self.delayed_by = None;
        self.updated_at = now;
    }

    /// Records why an attempt has no result. The work is tried again.
    pub(in crate::service) fn delay(&mut self, reason: Failure, now: Timestamp) {
        self.end_attempt(Some(&reason), now);
        self.delayed_by = Some(reason);
        self.updated_at = now;
    }

    /// Enters `stage` after `spent` in the previous stage.
    pub(in crate::service) fn advance(&mut self, stage: G, spent: Duration, now: Timestamp) {
        self.note_time(spent);
        self.stage = stage;
        if let Some(attempt) = self.open_attempt() {
            attempt.stage = stage;
        }
        self.updated_at = now;
    }

    /// Finishes the work with `status`, after `spent` in the last stage.
    pub(in crate::service) fn complete(&mut self, status: T, spent: Duration, now: Timestamp) {
        self.advance(G::DONE, spent, now);
        self.end_attempt(None, now);
        self.status = status;
        self.callback = None;
    }

    /// Ends the work early with `status`; `stage` is unchanged.
    pub(in crate::service) fn end(&mut self, status: T, now: Timestamp) {
        self.end_attempt(None, now);
        self.status = status;
        self.delayed_by = None;
        self.callback = None;
        self.updated_at = now;
    }

    /// Ends the work as failed; `stage` is unchanged.
    pub(in crate::service) fn fail(&mut self, error: Failure, now: Timestamp) {
        self.end_attempt(Some(&error), now);
        self.error = Some(error);
        self.end(T::FAILED, now);
    }

    /// Makes the document pending again.
    pub(in crate::service) fn restart(&mut self, now: Timestamp) {
        self.stage = G::QUEUED;
        self.error = None;
        self.restarts = self.restarts.saturating_add(1);
        self.end(T::PENDING, now);
    }

    /// The latest attempt, unless it has ended.
    fn open_attempt(&mut self) -> Option<&mut Attempt<G>> {
        self.attempts.last_mut().filter(|attempt| attempt.ended_at.is_none())
    }

    /// Ends the latest attempt, unless it has ended. Only the code of the reason is kept.
    fn end_attempt(&mut self, reason: Option<&Failure>, now: Timestamp) {
        if let Some(attempt) = self.open_attempt() {
            attempt.ended_at = Some(now);
            attempt.cause = reason.map(|reason| reason.code.clone());
        }
    }

    /// Records the time of the present stage, except `QUEUED` and `DONE`.
    fn note_time(&mut self, spent: Duration) {
        if self.stage != G::QUEUED && self.stage != G::DONE {
            let millis = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
            self.timings.insert(self.stage.as_str().to_owned(), millis);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::catalog::{ProofStage, ProofStatus};

    #[test]
    fn work_counts_for_its_tenant_its_key_and_the_key_that_this_one_replaced() {
        let key = |end: u8| format!("01890a5d-ac96-774b-bcce-b302099a805{end}").parse::<KeyId>().unwrap();
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let mut life = Life::<ProofStatus, ProofStage>::new(Timestamp::from_millis(0));
        life.tenant = tenant("acme");
        let mut counts = |caller: Option<String>, account: Option<KeyId>| {
            life.origin = caller.map(|caller| RequestOrigin {
                request_id: "r".to_owned(),
                caller: Some(caller),
                account,
                traceparent: None,
            });
            let of_keys = [1, 2].map(|end| life.counts_for(&Account::of_key(tenant("acme"), key(end))));
            assert!(life.counts_for(&Account::of_tenant(tenant("acme"))));
            assert!(!life.counts_for(&Account::of_tenant(tenant("other"))));
            assert!(!life.counts_for(&Account::of_key(tenant("other"), key(1))));
            of_keys
        };
        assert_eq!(counts(None, None), [false, false]);
        assert_eq!(counts(Some("anyone".to_owned()), None), [false, false]);
        // Also before a plan named the key.
        assert_eq!(counts(Some(format!("key:{}", key(2))), None), [false, true]);
        assert_eq!(counts(Some(format!("key:{}", key(3))), Some(key(1))), [true, false]);
    }
}
