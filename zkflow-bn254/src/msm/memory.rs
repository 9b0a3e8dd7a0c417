//! Memory of prepared points: on the heap, or in a file mapped into memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::field::Row;

/// Bytes that outlive their users, such as a mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Rows of 64 bytes, aligned to 64 bytes.
#[derive(Clone)]
pub enum Memory {
    /// Rows on the heap.
    Owned(Arc<Vec<Row>>),
    /// Rows within shared bytes.
    Mapped {
        /// The whole buffer or file.
        bytes: SharedBytes,
        /// Position of the rows in `bytes`.
        range: Range<usize>,
    },
}

impl Memory {
    /// Rows within shared bytes. `None` if the range is out of bounds, is not a whole number of rows, or is
    /// not aligned to 64 bytes.
    pub fn mapped(bytes: SharedBytes, range: Range<usize>) -> Option<Self> {
        rows_of((*bytes).as_ref().get(range.clone())?)?;
        Some(Self::Mapped { bytes, range })
    }

    /// All rows, whether owned or mapped.
    ///
    /// # Panics
    /// Panics if the shared bytes have moved or changed length; a mapped file does neither.
    pub fn rows(&self) -> &[Row] {
        match self {
            Self::Owned(rows) => rows,
            Self::Mapped { bytes, range } => rows_of(&(**bytes).as_ref()[range.clone()])
                .expect("shared bytes do not move after `mapped` has checked them"),
        }
    }

    /// The rows as bytes, in the byte order of this machine.
    pub fn as_bytes(&self) -> &[u8] {
        let rows = self.rows();
        // SAFETY: a row is 64 bytes without padding, and any byte is a valid `u8`.
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
    // SAFETY: a row is eight words without padding, and every bit pattern is valid.
    let (before, rows, after) = unsafe { bytes.align_to::<Row>() };
    (before.is_empty() && after.is_empty()).then_some(rows)
}
