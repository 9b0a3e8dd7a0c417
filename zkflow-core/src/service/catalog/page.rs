//! Lists, in parts.

use crate::service::clock::Timestamp;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entry before the first one of the part; `None`: the part begins with the list.
    pub after: Option<Cursor>,
    /// Maximum number of entries.
    pub limit: usize,
}

impl Page {
    /// The first `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}

/// The place of an entry in a list that is ordered by `created_at`, then id, both descending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the entry was created.
    pub created_at: Timestamp,
    /// Its id.
    pub id: String,
}
