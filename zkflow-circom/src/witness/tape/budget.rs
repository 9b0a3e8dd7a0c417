//! What a recording may spend: time and bytes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::stop::Stop;

/// Units of work between two looks at the clock: about 1 ms.
const PATIENCE: usize = 1 << 16;

/// The time and the bytes of one recording. All that a module can make the recorder do is charged here.
#[derive(Debug)]
pub(super) struct Budget {
    deadline: Instant,
    /// Units of work since the last look at the clock.
    work: Cell<usize>,
    /// Bytes that are left.
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn new(wall: Duration, bytes: usize) -> Self {
        Self { deadline: Instant::now() + wall, work: Cell::new(0), bytes: Cell::new(bytes) }
    }

    /// Charges work before it is done. A unit is about 20 ns, the time of an instruction.
    #[inline]
    pub(super) fn spend(&self, units: usize) -> Result<(), Stop> {
        let work = self.work.get().saturating_add(units);
        self.work.set(work);
        if work < PATIENCE { Ok(()) } else { self.look() }
    }

    /// Compares the clock with the deadline.
    #[cold]
    fn look(&self) -> Result<(), Stop> {
        if Instant::now() >= self.deadline {
            return Err(Stop::Time);
        }
        self.work.set(0);
        Ok(())
    }

    /// Charges bytes that are kept to the end of the recording.
    #[inline]
    pub(super) fn keep(&self, bytes: usize) -> Result<(), Stop> {
        self.bytes.set(self.bytes.get().checked_sub(bytes).ok_or(Stop::Memory)?);
        Ok(())
    }

    /// Charges bytes that are given back when the returned value is dropped.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held<'_>, Stop> {
        let mut held = Held { budget: self, bytes: 0 };
        held.grow(bytes)?;
        Ok(held)
    }
}

/// Bytes of a [`Budget`]; given back on drop.
#[derive(Debug)]
pub(super) struct Held<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Held<'_> {
    /// Charges further bytes.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Stop> {
        self.budget.keep(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.bytes.set(self.budget.bytes.get() + self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_when_they_are_dropped_and_kept_ones_do_not() {
        let budget = Budget::new(Duration::from_secs(60), 100);
        budget.keep(40).unwrap();
        let mut held = budget.hold(50).unwrap();
        assert_eq!(held.grow(11), Err(Stop::Memory));
        held.grow(10).unwrap();
        assert_eq!(budget.keep(1), Err(Stop::Memory));
        drop(held);
        budget.keep(60).unwrap();
    }

    #[test]
    fn work_beyond_the_time_is_refused_from_then_on() {
        let budget = Budget::new(Duration::ZERO, 0);
        budget.spend(PATIENCE - 1).unwrap();
        assert_eq!(budget.spend(1), Err(Stop::Time));
        assert_eq!(budget.spend(1), Err(Stop::Time));
    }
}
