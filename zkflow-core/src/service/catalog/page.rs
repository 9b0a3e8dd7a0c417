//! Pages of lists.

use crate::service::clock::Timestamp;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Position of the last entry of the previous page; `None`: the first page.
    pub after: Option<Cursor>,
    /// Only entries created at this moment or later; `None`: of any time.
    pub since: Option<Timestamp>,
    /// Only entries created before this moment; `None`: of any time.
    pub until: Option<Timestamp>,
    /// Maximum number of entries.
    pub limit: usize,
}

impl Page {
    /// The first page of up to `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { after: None, since: None, until: None, limit }
    }

    /// Whether an entry of this moment is neither too old nor too young.
    pub fn has_time(&self, created_at: Timestamp) -> bool {
        self.since.is_none_or(|since| created_at >= since)
            && self.until.is_none_or(|until| created_at < until)
    }
}

/// Position of an entry in a list ordered by `created_at`, then id, both descending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Creation time of the entry.
    pub created_at: Timestamp,
    /// Id of the entry, as text.
    pub id: String,
}
