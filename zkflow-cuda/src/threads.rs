//! Work on several threads of its own.
//!
//! While a thread of rayon waits, it runs other tasks, and these may wait for what the thread holds: a lock, or the
//! memory of a proof. So nothing here uses rayon's threads while it holds one of them.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Threads for copies: more do not copy faster.
const MOST: usize = 4;

/// Runs `work` for each piece, on several threads if there are several pieces. Returns the first error.
pub(crate) fn for_each<T: Send, E: Send>(
    pieces: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST).min(pieces.len());
    let pieces = Mutex::new(pieces);
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(piece) = next() {
            work(piece)?;
        }
        Ok(())
    };
    if threads <= 1 {
        return run();
    }
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let first = run();
        others.into_iter().fold(first, |result, other| {
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(other)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_worked_on_once() {
        for count in [0, 1, 2, 3, 100] {
            let mut bytes = vec![0u8; count];
            let done: Result<(), ()> = for_each(bytes.chunks_mut(1), |piece| {
                piece[0] += 1;
                Ok(())
            });
            assert!(done.is_ok() && bytes.iter().all(|byte| *byte == 1), "{count}");
        }
        let failed = for_each([1, 2, 3].into_iter(), |piece| if piece == 2 { Err("two") } else { Ok(()) });
        assert_eq!(failed, Err("two"));
    }
}
