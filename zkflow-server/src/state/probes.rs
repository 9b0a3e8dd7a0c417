//! [`Probes`]: the checks of the backends, for all that ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Least time between two writes that check whether a backend can be written to.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// Check result of a backend that answers.
pub(crate) const OK: &str = "ok";

/// `ok` or an error message, by backend.
pub(crate) type Outcomes = BTreeMap<&'static str, String>;

/// Why a check failed.
#[derive(Debug)]
pub(crate) struct Fault {
    /// For every client.
    pub(crate) message: String,
    /// The message with all causes, for the log.
    pub(crate) causes: String,
}

/// The checks of the backends. One runs at a time.
#[derive(Debug, Default)]
pub struct Probes(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    /// Begin of the last check, and its outcomes.
    check: Option<(Instant, Outcomes)>,
    /// When the backends were last written to; `None` after a failure.
    written: Option<Instant>,
    /// Backends whose last check failed, so that an outage is logged once.
    failing: BTreeSet<&'static str>,
}

impl Probes {
    /// The outcomes of a check that begins after this call. `ask` gets whether it is to write, at most once in [`WRITE_EVERY`].
    ///
    /// Calls that wait for the same check share it: however many there are, none waits for more than two checks.
    pub(crate) async fn check<F>(&self, ask: impl FnOnce(bool) -> F) -> Outcomes
    where
        F: Future<Output = [(&'static str, Result<(), Fault>); 3]>,
    {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((began, outcomes)) = &last.check
            && *began >= asked
        {
            return outcomes.clone();
        }
        let began = Instant::now();
        let write = last.written.is_none_or(|at| at.elapsed() >= WRITE_EVERY);
        let found = ask(write).await;
        if found.iter().any(|(_, outcome)| outcome.is_err()) {
            // The next check writes again.
            last.written = None;
        } else if write {
            last.written = Some(Instant::now());
        }
        let outcomes: Outcomes =
            found.into_iter().map(|(backend, outcome)| (backend, last.shown(backend, outcome))).collect();
        last.check = Some((began, outcomes.clone()));
        outcomes
    }
}

impl Last {
    /// The outcome of a check as it is shown. Logs a change.
    fn shown(&mut self, backend: &'static str, outcome: Result<(), Fault>) -> String {
        match outcome {
            Ok(()) => {
                if self.failing.remove(backend) {
                    tracing::info!(backend, "the check of a backend succeeds again");
                }
                OK.to_owned()
            }
            Err(Fault { message, causes }) => {
                if self.failing.insert(backend) {
                    tracing::warn!(backend, reason = causes, "the check of a backend failed");
                }
                message
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_flood_of_calls_shares_the_checks_and_none_is_older_than_its_call() {
        let (probes, checks) = (Probes::default(), AtomicUsize::new(0));
        let call = async || {
            let before = checks.load(Ordering::SeqCst);
            let outcomes = probes
                .check(async |_| {
                    let number = checks.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::task::yield_now().await;
                    let fault = Fault { message: number.to_string(), causes: String::new() };
                    [("catalog", Ok(())), ("queue", Err(fault)), ("store", Ok(()))]
                })
                .await;
            assert_eq!(outcomes["catalog"], OK);
            let number: usize = outcomes["queue"].parse().unwrap();
            assert!(number > before, "a check from before the call");
        };
        futures::future::join_all((0..100).map(|_| call())).await;
        assert!(checks.load(Ordering::SeqCst) <= 2, "{checks:?} checks");
        call().await;
        call().await;
        assert!(checks.load(Ordering::SeqCst) >= 3, "later calls check again");
    }

    #[tokio::test]
    async fn a_check_writes_at_first_and_after_a_failure() {
        let probes = Probes::default();
        let mut writes = Vec::new();
        for fails in [false, false, true, false, false] {
            probes
                .check(async |write| {
                    writes.push(write);
                    let fault = || Fault { message: "away".to_owned(), causes: "away".to_owned() };
                    let store = if fails { Err(fault()) } else { Ok(()) };
                    [("catalog", Ok(())), ("queue", Ok(())), ("store", store)]
                })
                .await;
        }
        assert_eq!(writes, [true, false, false, true, false]);
    }
}
