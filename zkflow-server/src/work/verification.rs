//! How far the verification of an imported key is, from its thread to the circuit's document.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use zkflow_core::service::catalog::{Circuit, StageProgress, Verification};
use zkflow_core::setup::Progress;

use super::document::save;
use crate::state::App;

/// Time between two reports in a document. The first one is saved at once.
const BETWEEN: Duration = Duration::from_secs(1);

/// Reports of a verification; cloned for its thread.
#[derive(Debug, Clone)]
pub(super) struct Reports(watch::Sender<Option<StageProgress>>);

impl Reports {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// A step that reports how far it is.
    pub(super) fn step(&self, doing: Verification, step: u8, steps: u8) -> Step<'_> {
        Step { reports: self, doing, step, steps }
    }

    /// Waits for the verification, and saves its reports. A report is a note: if it cannot be saved, the work goes on.
    pub(super) async fn saved<T>(self, app: &App, circuit: &mut Circuit, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut reports = self.0.subscribe();
        loop {
            let done = tokio::select! {
                biased;
                Ok(()) = reports.changed() => None,
                done = &mut work => Some(done),
            };
            if let Some(done) = done {
                return done;
            }
            let report = *reports.borrow_and_update();
            if let Some(report) = report
                && circuit.verifying(report, app.now()).is_ok()
                && let Err(error) = save(app, circuit).await
            {
                tracing::debug!(reason = %error.reason, "the progress of a verification was not saved");
            }
            if let Ok(done) = tokio::time::timeout(BETWEEN, &mut work).await {
                return done;
            }
        }
    }
}

/// A step of a verification.
#[derive(Debug)]
pub(super) struct Step<'a> {
    reports: &'a Reports,
    doing: Verification,
    step: u8,
    steps: u8,
}

impl Progress for Step<'_> {
    fn advance(&self, done: u64, total: u64) {
        let Self { reports, doing, step, steps } = *self;
        let percent = u128::from(done) * 100 / u128::from(total.max(1));
        let percent = u8::try_from(percent).unwrap_or(100).min(100);
        let report = Some(StageProgress { doing, step, steps, percent });
        reports.0.send_if_modified(|present| std::mem::replace(present, report) != report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_sent_when_the_percentage_changes() {
        let reports = Reports::new();
        let mut received = reports.0.subscribe();
        let step = reports.step(Verification::Key, 2, 2);
        let mut percents = Vec::new();
        for (done, total) in
            [(0, 1000), (4, 1000), (9, 1000), (10, 1000), (999, 1000), (u64::MAX, u64::MAX), (0, 0)]
        {
            step.advance(done, total);
            if received.has_changed().unwrap() {
                let report = received.borrow_and_update().unwrap();
                assert_eq!((report.doing, report.step, report.steps), (Verification::Key, 2, 2));
                percents.push(report.percent);
            }
        }
        assert_eq!(percents, [0, 1, 99, 100, 0]);
    }
}
