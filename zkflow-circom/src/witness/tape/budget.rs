//! What a recording may spend: work and bytes. Both are counted, so a busy or slow machine gives the same answer.

use std::cell::Cell;

use super::stop::Stop;

/// The work and the bytes of one recording. All that a module can make the recorder do is charged here.
#[derive(Debug)]
pub(super) struct Budget {
    /// Units of work that are left.
    work: Cell<u64>,
    /// Bytes that are left.
    bytes: Cell<usize>,
}

impl Budget {
    pub(super) fn new(work: u64, bytes: usize) -> Self {
        Self { work: Cell::new(work), bytes: Cell::new(bytes) }
    }

    /// Charges work before it is done. A unit is an instruction, or as much.
    #[inline]
    pub(super) fn spend(&self, units: usize) -> Result<(), Stop> {
        match self.work.get().checked_sub(units as u64) {
            Some(left) => {
                self.work.set(left);
                Ok(())
            }
            None => self.end(),
        }
    }

    /// Nothing is left for any other branch.
    #[cold]
    fn end(&self) -> Result<(), Stop> {
        self.work.set(0);
        Err(Stop::Work)
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
        let budget = Budget::new(0, 100);
        budget.keep(40).unwrap();
        let mut held = budget.hold(50).unwrap();
        assert_eq!(held.grow(11), Err(Stop::Memory));
        held.grow(10).unwrap();
        assert_eq!(budget.keep(1), Err(Stop::Memory));
        drop(held);
        budget.keep(60).unwrap();
    }

    #[test]
    fn work_beyond_the_limit_is_refused_from_then_on() {
        let budget = Budget::new(10, 0);
        budget.spend(10).unwrap();
        assert_eq!(budget.spend(1), Err(Stop::Work));
        let budget = Budget::new(10, 0);
        assert_eq!(budget.spend(11), Err(Stop::Work));
        assert_eq!(budget.spend(1), Err(Stop::Work));
    }
}
