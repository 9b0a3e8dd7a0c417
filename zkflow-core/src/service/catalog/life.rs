//! [`Life`]: the fields that every document has, and how they change.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::service::clock::Timestamp;

/// A closed set of names, the same in Rust, in stored documents and in the API.
pub trait Named:
    Copy + Debug + Eq + Hash + Serialize + DeserializeOwned + Send + Sync + Sized + 'static
{
    /// All of them, in their order.
    const ALL: &'static [Self];

    /// The name in snake_case.
    fn as_str(self) -> &'static str;
}

/// What became of a document.
pub trait Status: Named {
    /// Work on it is owed.
    const PENDING: Self;
    /// The work failed.
    const FAILED: Self;

    /// Whether no work is owed.
    fn is_final(self) -> bool {
        self != Self::PENDING
    }
}

/// A step of the work on a document. [`ALL`](Named::ALL) begins with the wait for a worker, and ends with the end
/// of the work.
pub trait Stage: Named {
    /// Waits for a worker.
    const QUEUED: Self = Self::ALL[0];
    /// The first step of a worker.
    const FIRST: Self = Self::ALL[1];
    /// The work is done.
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

/// The fields that every document has. They are stored beside its other fields, not in an object of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life<T, G> {
    /// What became of it.
    pub status: T,
    /// The present step of the work; of a failed document, the step that failed.
    pub stage: G,
    /// Number of times that its job was handed out.
    pub attempt: u32,
    /// Milliseconds spent in each finished stage of the last attempt.
    pub timings: BTreeMap<String, u64>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// Time of the request.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Number of changes.
    pub epoch: u64,
}

/// Why something failed, in words that contain no private input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name in snake_case.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl<T: Status, G: Stage> Life<T, G> {
    /// Of a document that is owed from `now` on.
    pub(in crate::service) fn new(now: Timestamp) -> Self {
        Self {
            status: T::PENDING,
            stage: G::QUEUED,
            attempt: 0,
            timings: BTreeMap::new(),
            error: None,
            created_at: now,
            updated_at: now,
            epoch: 0,
        }
    }

    /// Share of the stages that are over: 0 in the queue, 1 when the work is done.
    pub fn progress(&self) -> f32 {
        let over = G::ALL.iter().take_while(|stage| **stage != self.stage).count();
        over as f32 / (G::ALL.len() - 1) as f32
    }

    /// A worker begins, or begins again.
    pub(in crate::service) fn begin(&mut self, attempt: u32, now: Timestamp) {
        self.attempt = attempt;
        self.timings.clear();
        self.stage = G::FIRST;
        self.updated_at = now;
    }

    /// `stage` begins after the present one took `spent`.
    pub(in crate::service) fn advance(&mut self, stage: G, spent: Duration, now: Timestamp) {
        self.note_time(spent);
        self.stage = stage;
        self.updated_at = now;
    }

    /// The work is done, after the present stage took `spent`.
    pub(in crate::service) fn complete(&mut self, status: T, spent: Duration, now: Timestamp) {
        self.advance(G::DONE, spent, now);
        self.status = status;
    }

    /// The work ends with `status` before it is done; `stage` is kept.
    pub(in crate::service) fn end(&mut self, status: T, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
    }

    /// The work failed; `stage` is kept.
    pub(in crate::service) fn fail(&mut self, error: Failure, now: Timestamp) {
        self.error = Some(error);
        self.end(T::FAILED, now);
    }

    /// The work is owed again.
    pub(in crate::service) fn restart(&mut self, now: Timestamp) {
        self.stage = G::QUEUED;
        self.error = None;
        self.end(T::PENDING, now);
    }

    /// Waiting and being done take no time of a worker.
    fn note_time(&mut self, spent: Duration) {
        if self.stage != G::QUEUED && self.stage != G::DONE {
            let millis = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
            self.timings.insert(self.stage.as_str().to_owned(), millis);
        }
    }
}
