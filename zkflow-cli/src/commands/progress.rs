//! Progress of a command: a spinner or bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::output::tell;
use indicatif::{ProgressBar, ProgressStyle};
use zkflow_core::setup::{self, StepOptions};

/// Shows the steps of one command on standard error.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {msg} {elapsed}"));
        Self { bar }
    }

    /// Shows `name` and a spinner until the next step or line.
    #[cfg(feature = "bench")]
    pub(super) fn spin(&self, name: &str) {
        self.bar.set_message(name.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    /// Runs `work` and shows `name`, then the duration if it succeeded.
    pub(super) fn step<T, E>(&self, name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.bar.set_message(name.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(100));
        let began = Instant::now();
        let result = work();
        self.bar.disable_steady_tick();
        if result.is_ok() {
            self.line(&format!("{name:<24} {:>9.3} s", began.elapsed().as_secs_f64()));
        }
        result
    }

    /// As [`Progress::step`], for a setup step with options. Also shows the remaining time.
    pub(super) fn measured<T, E>(
        &self,
        name: &str,
        options: StepOptions<'_>,
        work: impl FnOnce(StepOptions<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let measure = Measure::new(&self.bar, name);
        let options = options.with_progress(&measure);
        let result = self.step(name, || work(options));
        self.bar.set_style(style("{spinner} {msg} {elapsed}"));
        result
    }

    /// Prints a line above the spinner.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| tell(format_args!("{}", super::printable(text))));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the progress of a setup step.
struct Measure<'a> {
    bar: &'a ProgressBar,
    name: &'a str,
    began: Instant,
    /// Time of the last printed line; `None` on a terminal.
    line: Option<Mutex<Instant>>,
}

/// Interval of lines when standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl<'a> Measure<'a> {
    fn new(bar: &'a ProgressBar, name: &'a str) -> Self {
        let began = Instant::now();
        let line = (!std::io::stderr().is_terminal()).then(|| Mutex::new(began));
        Self { bar, name, began, line }
    }
}

impl setup::Progress for Measure<'_> {
    fn advance(&self, done: u64, total: u64) {
        if done == 0 {
            self.bar.set_style(style("{spinner} {msg} {bar:30} {percent}% {elapsed}, {prefix} left"));
            self.bar.set_prefix("unknown");
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
        let Some(left) = left(self.began.elapsed(), done, total) else { return };
        let left = indicatif::HumanDuration(left).to_string();
        if let Some(line) = &self.line {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.elapsed() >= LINE_EVERY {
                *line = Instant::now();
                tell(format_args!("{}: {} %, about {left} left", self.name, done * 100 / total));
            }
        }
        self.bar.set_prefix(left);
    }
}

/// Remaining time: `elapsed · (total − done) / done`.
fn left(elapsed: Duration, done: u64, total: u64) -> Option<Duration> {
    let rest = total.checked_sub(done)? as f64 / done as f64;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * rest).ok()
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_is_done() {
        let second = Duration::from_secs(1);
        assert_eq!(left(second, 1, 4), Some(3 * second));
        assert_eq!(left(second, 4, 4), Some(Duration::ZERO));
        assert_eq!(left(second, 0, 4), None);
        assert_eq!(left(second, 5, 4), None);
    }
}
