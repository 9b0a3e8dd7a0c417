//! Where prepared points lie: in memory of their own, or in a file mapped into memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::field::Row;

/// Bytes that outlive their users, such as a mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Rows of 64 bytes, aligned to 64 bytes.
#[derive(Clone)]
pub enum Memory {
    /// On the heap.
    Owned(Arc<Vec<Row>>),
    /// Part of shared bytes.
    Mapped {
        /// The bytes.
        bytes: SharedBytes,
        /// Which of them.
        range: Range<usize>,
    },
}

impl Memory {
    /// Part of shared bytes as rows. None if it is out of range, not made of whole rows, or not aligned to 64 bytes.
    pub fn mapped(bytes: SharedBytes, range: Range<usize>) -> Option<Self> {
        rows_of((*bytes).as_ref().get(range.clone())?)?;
        Some(Self::Mapped { bytes, range })
    }

    /// The rows.
    ///
    /// # Panics
    /// When shared bytes have changed their place or length, which those of a mapped file do not.
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Owned(rows) => rows,
            Self::Mapped { bytes, range } => rows_of(&(**bytes).as_ref()[range.clone()])
                .expect("shared bytes stay where they were when `mapped` looked at them"),
        }
    }

    /// The bytes of the rows.
    pub fn as_bytes(&self) -> &[u8] {
        let rows = self.rows();
        // SAFETY: a row is 64 bytes without padding, and any byte may be read as `u8`.
        unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Owned(_) => "owned",
            Self::Mapped { .. } => "mapped",
        };
        write!(f, "{} rows, {kind}", self.rows().len())
    }
}

fn rows_of(bytes: &[u8]) -> Option<&[Row]> {
    // SAFETY: a row is eight words without padding in which every bit pattern is a value.
    let (before, rows, after) = unsafe { bytes.align_to::<Row>() };
    (before.is_empty() && after.is_empty()).then_some(rows)
}
