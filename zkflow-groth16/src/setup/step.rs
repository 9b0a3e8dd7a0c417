//! How a step of a setup is conducted: the memory that it may take, and who is told how far it has come.

use std::fmt;

/// Is told how far a step has come.
pub trait Progress: Sync {
    /// `done` of `total` parts are done; each takes about as long as any other.
    fn advance(&self, done: u64, total: u64);
}

/// How to conduct a step.
#[derive(Clone, Copy)]
pub struct StepOptions<'a> {
    memory: u64,
    progress: Option<&'a dyn Progress>,
}

/// The memory that a step takes unless told otherwise: 1 GiB.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// The least memory: below it, steps take what they need for the smallest pieces.
pub const LEAST_MEMORY: u64 = 64 << 20;

impl Default for StepOptions<'_> {
    fn default() -> Self {
        Self { memory: DEFAULT_MEMORY, progress: None }
    }
}

impl fmt::Debug for StepOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepOptions").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl<'a> StepOptions<'a> {
    /// Lets points and what is computed of them take about `bytes`, at least [`LEAST_MEMORY`]. A circuit is held whole
    /// beside them.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes.max(LEAST_MEMORY);
        self
    }

    /// Tells `progress` how far the step has come.
    #[must_use]
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Less memory than anybody may ask for.
    #[cfg(test)]
    pub(super) fn with_little_memory(bytes: u64) -> Self {
        Self { memory: bytes, progress: None }
    }

    /// How many records of `bytes` each a share of the memory holds.
    pub(super) fn room(&self, share: u64, bytes: usize) -> u64 {
        self.memory / share / bytes as u64
    }

    /// Begins a step of `total` parts.
    pub(super) fn meter(&self, total: u64) -> Meter<'a> {
        let meter = Meter { progress: self.progress, done: 0, total };
        meter.tell();
        meter
    }
}

/// Counts the parts that are done.
pub(super) struct Meter<'a> {
    progress: Option<&'a dyn Progress>,
    done: u64,
    total: u64,
}

impl Meter<'_> {
    /// Some more parts are done.
    pub(super) fn add(&mut self, parts: u64) {
        self.done += parts;
        self.tell();
    }

    fn tell(&self) {
        if let Some(progress) = self.progress {
            progress.advance(self.done.min(self.total), self.total);
        }
    }
}
