//! Records of one size, read on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// Reads records of `size` bytes into `out`, with at least `many` of them per thread. The error is that of the first wrong record,
/// with its index.
///
/// Each value is written to its final place in `out`, and no vector grows: a caller with secrets zeroises `out`, after an error too.
/// `blank` stands for the first wrong record and some of those after it.
pub(crate) fn read_records<T: Copy + Send + Sync, E: Send>(
    bytes: &[u8],
    size: usize,
    many: usize,
    blank: T,
    out: &mut Vec<T>,
    read: impl Fn(&[u8]) -> Result<T, E> + Sync,
) -> Result<(), (usize, E)> {
    // Threads find errors in any order; a record behind a wrong one need not be read.
    let (first, wrong) = (AtomicUsize::new(usize::MAX), Mutex::new(None));
    let read = |(index, record): (usize, &[u8])| {
        if index > first.load(Ordering::Relaxed) {
            return blank;
        }
        read(record).unwrap_or_else(|error| {
            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
            if first.fetch_min(index, Ordering::Relaxed) > index {
                *wrong = Some((index, error));
            }
            blank
        })
    };
    out.clear();
    if bytes.len() / size < 2 * many {
        out.reserve_exact(bytes.len() / size);
        out.extend(bytes.chunks_exact(size).enumerate().map(read));
    } else {
        let records = bytes.par_chunks_exact(size).enumerate();
        records.with_min_len(many).map(read).collect_into_vec(out);
    }
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_record_is_reported_with_few_records_and_with_many() {
        let read = |record: &[u8]| match record {
            [a, b] if a <= b => Ok(b - a),
            _ => Err("falls"),
        };
        for count in [1, 19, 20, 1000] {
            let bytes = [3, 8].repeat(count);
            let mut out = vec![1; 5];
            assert_eq!(read_records(&bytes, 2, 10, 0, &mut out, read), Ok(()));
            assert_eq!(out, vec![5; count]);
            for first in [0, count / 2, count - 1] {
                let mut bytes = bytes.clone();
                bytes[2 * first] = 9;
                bytes[2 * count - 2] = 9;
                assert_eq!(read_records(&bytes, 2, 10, 0, &mut out, read), Err((first, "falls")));
                assert_eq!(out.len(), count);
            }
        }
        assert_eq!(read_records(&[], 2, 10, 0, &mut Vec::new(), read), Ok(()));
    }
}
