//! [`History`]: how many proofs ended, and how long they took, in slots of time.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;

use super::CatalogError;
use crate::service::clock::Timestamp;

/// Length of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotLength {
    /// Stored for two hours.
    FiveMinutes,
    /// Stored for eight days.
    Hour,
}

impl SlotLength {
    /// Both lengths.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// The length.
    pub const fn duration(self) -> Duration {
        match self {
            Self::FiveMinutes => Duration::from_secs(300),
            Self::Hour => Duration::from_secs(3600),
        }
    }

    /// Number of slots that are stored.
    pub const fn kept(self) -> u32 {
        match self {
            Self::FiveMinutes => 24,
            Self::Hour => 8 * 24,
        }
    }

    /// Prefix of the texts of slots.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::Hour => "hour",
        }
    }
}

/// A span of time: the slots of one length are counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Length.
    pub length: SlotLength,
    /// Number of slots of this length before it.
    pub number: u32,
}

impl Slot {
    /// The slot of a moment.
    pub fn of(moment: Timestamp, length: SlotLength) -> Self {
        let millis = i64::try_from(length.duration().as_millis()).unwrap_or(i64::MAX);
        Self { length, number: u32::try_from(moment.as_millis().div_euclid(millis)).unwrap_or(0) }
    }

    /// The slot so many slots earlier.
    #[must_use]
    pub fn earlier(self, slots: u32) -> Self {
        Self { number: self.number.saturating_sub(slots), ..self }
    }

    /// The oldest slot of this length that is still stored, when this one is the present one.
    #[must_use]
    pub fn oldest_kept(self) -> Self {
        self.earlier(self.length.kept() - 1)
    }
}

/// `LENGTH/NUMBER`, with ten digits. The texts of one length are in the order of time.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:010}", self.length.as_str(), self.number)
    }
}

/// The text is not that of a slot, or of a count of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a count of the history: expected a slot LENGTH/NUMBER, and completed, failed or TIME_STEP")]
pub struct NotHistory;

impl FromStr for Slot {
    type Err = NotHistory;

    fn from_str(text: &str) -> Result<Self, NotHistory> {
        let (length, number) = text.split_once('/').ok_or(NotHistory)?;
        let length = SlotLength::ALL.into_iter().find(|one| one.as_str() == length).ok_or(NotHistory)?;
        let slot = Self { length, number: number.parse().map_err(|_| NotHistory)? };
        if slot.to_string() == text { Ok(slot) } else { Err(NotHistory) }
    }
}

/// A time of a proof request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProofTime {
    /// In no stage: waiting for a worker, and loading the circuit.
    Wait,
    /// Stage `witness`.
    Witness,
    /// Stage `prove` without the verification.
    Prove,
    /// The verification of the proof, in the stage `prove`.
    Verify,
    /// From the request to the proof.
    Total,
}

impl ProofTime {
    /// All times.
    pub const ALL: [Self; 5] = [Self::Wait, Self::Witness, Self::Prove, Self::Verify, Self::Total];

    /// Name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Witness => "witness",
            Self::Prove => "prove",
            Self::Verify => "verify",
            Self::Total => "total",
        }
    }
}

/// Upper bounds of the steps in milliseconds: exact up to 10, then each a tenth larger, up to a month.
static BOUNDS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    const MONTH: u64 = 31 * 24 * 3600 * 1000;
    let next = |bound: &u64| Some((bound * 11 / 10).max(bound + 1)).filter(|next| *next < MONTH * 11 / 10);
    std::iter::successors(Some(0), next).collect()
});

/// A step of the scale of times, on which they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeStep(u8);

impl TimeStep {
    /// The step of a time in milliseconds.
    pub fn of(millis: u64) -> Self {
        let place = BOUNDS.partition_point(|bound| *bound < millis).min(BOUNDS.len() - 1);
        Self(u8::try_from(place).unwrap_or(u8::MAX))
    }

    /// The longest time of the step in milliseconds; at most a tenth longer than any other time of the step.
    pub fn millis(self) -> u64 {
        BOUNDS.get(usize::from(self.0)).or(BOUNDS.last()).copied().unwrap_or(0)
    }
}

/// Counts of the proof requests that ended in a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Completed requests.
    pub completed: u64,
    /// Failed requests.
    pub failed: u64,
    /// Completed requests by their times.
    pub times: BTreeMap<(ProofTime, TimeStep), u64>,
}

impl Tally {
    /// Adds counts, each at most [`i64::MAX`].
    pub fn add(&mut self, more: &Self) {
        let add = |own: &mut u64, more: u64| *own = own.saturating_add(more).min(i64::MAX as u64);
        add(&mut self.completed, more.completed);
        add(&mut self.failed, more.failed);
        for (time, count) in &more.times {
            add(self.times.entry(*time).or_default(), *count);
        }
    }

    /// Counts a time of a completed request.
    pub fn count(&mut self, time: ProofTime, millis: u64) {
        *self.times.entry((time, TimeStep::of(millis))).or_default() += 1;
    }

    /// The time that `percent` of the requests did not exceed, in milliseconds; `None` without requests.
    pub fn quantile(&self, time: ProofTime, percent: u64) -> Option<u64> {
        let steps: Vec<_> = self.times.iter().filter(|((of, _), _)| *of == time).collect();
        let wanted = (steps.iter().map(|(_, count)| **count).sum::<u64>() * percent).div_ceil(100).max(1);
        let mut passed = 0;
        let reached = steps.into_iter().find(|(_, count)| {
            passed += **count;
            passed >= wanted
        });
        reached.map(|((_, step), _)| step.millis())
    }

    /// The counts by name: `completed`, `failed`, and `TIME_STEP` such as `wait_17`.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let ends = [("completed", self.completed), ("failed", self.failed)];
        let ends =
            ends.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count));
        let times = self.times.iter();
        ends.chain(times.map(|((time, TimeStep(step)), n)| (format!("{}_{step}", time.as_str()), *n)))
            .collect()
    }

    /// The tally with these counts.
    ///
    /// # Errors
    /// A name is not that of a count.
    pub fn of_counts<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Result<Self, NotHistory> {
        let mut tally = Self::default();
        for (name, count) in counts {
            match name {
                "completed" => tally.completed = count,
                "failed" => tally.failed = count,
                _ => {
                    let (time, step) = name.split_once('_').ok_or(NotHistory)?;
                    let time =
                        ProofTime::ALL.into_iter().find(|one| one.as_str() == time).ok_or(NotHistory)?;
                    let step = TimeStep(step.parse().map_err(|_| NotHistory)?);
                    tally.times.insert((time, step), count);
                }
            }
        }
        Ok(tally)
    }
}

/// Counts of all processes, by slot. The number of slots is limited: see [`SlotLength::kept`].
///
/// # Behaviour
/// - Counts of concurrent calls are all added.
#[async_trait]
pub trait History: Send + Sync {
    /// Adds counts. Repeating the call adds them again. Removes the slots that are too old beside the latest one of `more`.
    async fn add(&self, more: &[(Slot, Tally)]) -> Result<(), CatalogError>;

    /// The slots of the length of `first`, from it on, in the order of time, at most as many as are kept.
    async fn since(&self, first: Slot) -> Result<Vec<(Slot, Tally)>, CatalogError>;
}

/// The oldest slot to keep of each length, beside the latest slots of `more`.
pub fn kept_beside(more: &[(Slot, Tally)]) -> Vec<Slot> {
    let latest =
        |length: SlotLength| more.iter().map(|(slot, _)| *slot).filter(|slot| slot.length == length).max();
    SlotLength::ALL.into_iter().filter_map(latest).map(Slot::oldest_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_at_most_a_tenth_too_long() {
        assert!(BOUNDS.len() <= usize::from(u8::MAX) + 1, "{}", BOUNDS.len());
        for millis in (0..2000).chain((2..2_600_000_000).step_by(999_983)) {
            let counted = TimeStep::of(millis).millis();
            assert!((millis..=millis + millis / 10 + 1).contains(&counted), "{millis} as {counted}");
        }
        assert_eq!(TimeStep::of(7).millis(), 7);
        assert_eq!(TimeStep::of(u64::MAX).millis(), *BOUNDS.last().unwrap());
        assert_eq!(TimeStep(u8::MAX).millis(), *BOUNDS.last().unwrap());
    }

    #[test]
    fn quantiles_are_those_of_the_counted_times() {
        let mut tally = Tally::default();
        assert_eq!(tally.quantile(ProofTime::Wait, 50), None);
        for millis in 1..=10 {
            tally.count(ProofTime::Wait, millis);
            tally.count(ProofTime::Prove, 1000 * millis);
        }
        assert_eq!(tally.quantile(ProofTime::Wait, 50), Some(5));
        assert_eq!(tally.quantile(ProofTime::Wait, 95), Some(10));
        assert_eq!(tally.quantile(ProofTime::Wait, 0), Some(1));
        assert_eq!(tally.quantile(ProofTime::Prove, 50), Some(TimeStep::of(5000).millis()));
    }

    #[test]
    fn slots_and_counts_survive_their_texts() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        for length in SlotLength::ALL {
            let slot = Slot::of(now, length);
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(Slot::of(now + length.duration(), length).earlier(1), slot);
            assert!(slot.earlier(1).to_string() < slot.to_string());
        }
        let mut tally = Tally { completed: 3, failed: 0, ..Tally::default() };
        tally.count(ProofTime::Total, 123_456);
        let counts = tally.counts();
        assert_eq!(Tally::of_counts(counts.iter().map(|(name, count)| (name.as_str(), *count))), Ok(tally));
        for text in ["", "hour", "hour/", "hour/1", "day/0000000001", "hour/00000000001", "hour/99999999999"]
        {
            assert!(text.parse::<Slot>().is_err(), "{text}");
        }
        for name in ["", "wait", "wait_", "wait_256", "wait_-1", "other_1", "wait_1_1"] {
            assert!(Tally::of_counts([(name, 1)]).is_err(), "{name}");
        }
    }
}
