//! Records of one size, read on all cores.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// Reads records of `size` bytes into `out`, on all cores if there are at least `many`. The error is that of the first wrong
/// record, with its index.
///
/// Each value is written to its final place, so `out` contains the only copy of a secret: the caller zeroises it, after an
/// error too. `blank` stands for wrong records.
pub(crate) fn read_records<T: Copy + Send + Sync, E: Send>(
    bytes: &[u8],
    size: usize,
    many: usize,
    blank: T,
    out: &mut Vec<T>,
    read: impl Fn(&[u8]) -> Result<T, E> + Sync,
) -> Result<(), (usize, E)> {
    let wrong: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let read = |(index, record): (usize, &[u8])| {
        read(record).unwrap_or_else(|error| {
            // Threads find errors in any order.
            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
            if wrong.as_ref().is_none_or(|(first, _)| index < *first) {
                *wrong = Some((index, error));
            }
            blank
        })
    };
    out.clear();
    if bytes.len() / size < many {
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
        for count in [1, 9, 10, 1000] {
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
