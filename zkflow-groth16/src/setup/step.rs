//! Options of a setup step: memory, progress reports, limit of beacons.

use std::fmt;

use super::beacon::Replay;

/// Receives progress reports of a step.
pub trait Progress: Sync {
    /// `done` of `total` parts are done; all parts take about the same time.
    fn advance(&self, done: u64, total: u64);
}

/// Options of a step.
#[derive(Clone, Copy)]
pub struct StepOptions<'a> {
    memory: u64,
    progress: Option<&'a dyn Progress>,
    beacon_exponent: u8,
}

/// Default limit of a beacon that is computed again: `2^30` hashes, about a minute and a half.
pub const DEFAULT_BEACON_EXPONENT: u8 = 30;

/// Default memory of a step: 1 GiB.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// Minimum memory, 64 MiB; smaller values are raised to it.
pub const LEAST_MEMORY: u64 = 64 << 20;

impl Default for StepOptions<'_> {
    fn default() -> Self {
        Self { memory: DEFAULT_MEMORY, progress: None, beacon_exponent: DEFAULT_BEACON_EXPONENT }
    }
}

impl fmt::Debug for StepOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepOptions").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl<'a> StepOptions<'a> {
    /// Limits points and values computed from them to about `bytes`, at least [`LEAST_MEMORY`]. The memory
    /// of the circuit is not included.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes.max(LEAST_MEMORY);
        self
    }

    /// Reports the progress of the step to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Verifies beacons of up to `2^exponent` hashes, and at most twice as many hashes in total.
    #[must_use]
    pub fn with_beacon_exponent(mut self, exponent: u8) -> Self {
        self.beacon_exponent = exponent;
        self
    }

    /// Computes beacons again within the limit.
    pub(super) fn replay(&self) -> Replay {
        Replay::up_to(self.beacon_exponent)
    }

    /// Sets a limit below [`LEAST_MEMORY`].
    #[cfg(test)]
    pub(super) fn with_little_memory(bytes: u64) -> Self {
        Self { memory: bytes, ..Self::default() }
    }

    /// Number of records of `bytes` each that fit into `memory / share`.
    pub(super) fn room(&self, share: u64, bytes: usize) -> u64 {
        self.memory / share / bytes as u64
    }

    /// Starts counting the parts of a step.
    pub(super) fn meter(&self, total: u64) -> Meter<'a> {
        let meter = Meter { progress: self.progress, done: 0, total };
        meter.tell();
        meter
    }
}

/// Splits `count` points into pieces that are processed at once: start and length of each.
pub(super) fn pieces(count: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..count).step_by(PIECE as usize).map(move |first| (first, PIECE.min(count - first)))
}

/// Points in memory at once: 2 MiB of G1.
const PIECE: u64 = 1 << 15;

/// Counts the parts that are done.
pub(super) struct Meter<'a> {
    progress: Option<&'a dyn Progress>,
    done: u64,
    total: u64,
}

impl Meter<'_> {
    /// Adds finished parts.
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
