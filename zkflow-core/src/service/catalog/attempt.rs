//! [`Attempt`]: one hand-out of the work on a document.

use serde::{Deserialize, Serialize};

use crate::service::clock::Timestamp;

/// Maximum number of attempts that a document keeps: the latest ones.
pub const KEPT_ATTEMPTS: usize = 8;

/// One hand-out of the work on a document. It contains no text, because a text could contain inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt<G> {
    /// Number of the hand-out. It begins again at 1 when the document becomes pending again.
    pub number: u32,
    /// Time at which a worker started.
    pub began_at: Timestamp,
    /// Time of the end; `None` while it runs, and if its worker died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The last stage that it entered.
    pub stage: G,
    /// Code of the reason why it has no result; `None` while it runs, and if it was successful or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl<G> Attempt<G> {
    /// An attempt that starts in `stage`.
    pub(super) fn begun(number: u32, stage: G, now: Timestamp) -> Self {
        Self { number, began_at: now, ended_at: None, stage, cause: None }
    }
}

/// Adds an attempt, and removes the oldest ones beyond [`KEPT_ATTEMPTS`].
pub(super) fn push<G>(attempts: &mut Vec<Attempt<G>>, attempt: Attempt<G>) {
    attempts.push(attempt);
    let surplus = attempts.len().saturating_sub(KEPT_ATTEMPTS);
    attempts.drain(..surplus);
}
