//! [`UsageLog`]: what tenants used, by day and circuit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zkflow_groth16::id::CircuitId;

use super::CatalogError;
use crate::service::account::Account;
use crate::service::clock::Timestamp;
use crate::service::tenant::TenantId;

/// A day in UTC, such as `2026-01-31`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(String);

/// The text is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid day: expected YYYY-MM-DD")]
pub struct NotADay;

/// Length of the text of a day.
const LENGTH: usize = 10;

impl Day {
    /// The day of a moment.
    pub fn of(moment: Timestamp) -> Self {
        let text = moment.clamp(Timestamp::from_millis(0), Timestamp::LATEST).to_string();
        Self(text.chars().take(LENGTH).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day before.
    #[must_use]
    pub fn before(&self) -> Self {
        let begin = format!("{self}T00:00:00Z").parse::<Timestamp>().unwrap_or(Timestamp::from_millis(0));
        Self::of(begin - Duration::from_secs(1))
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let is_date = text.len() == LENGTH && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok();
        if is_date { Ok(Self(text.to_owned())) } else { Err(NotADay) }
    }
}

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What usage is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UsageKey {
    /// Day on which the work ended.
    pub day: Day,
    /// Owner of the work.
    pub tenant: TenantId,
    /// Circuit that was made, proved with or deployed.
    pub circuit: CircuitId,
}

/// `DAY/TENANT/CIRCUIT`. Lists are in the order of these texts.
impl fmt::Display for UsageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.day, self.tenant, self.circuit)
    }
}

/// The text is not that of a key of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of usage: expected DAY/TENANT/CIRCUIT")]
pub struct NotAUsageKey;

impl FromStr for UsageKey {
    type Err = NotAUsageKey;

    fn from_str(text: &str) -> Result<Self, NotAUsageKey> {
        let mut parts = text.split('/');
        let (Some(day), Some(tenant), Some(circuit), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAUsageKey);
        };
        Ok(Self {
            day: day.parse().map_err(|_| NotAUsageKey)?,
            tenant: tenant.parse().map_err(|_| NotAUsageKey)?,
            circuit: circuit.parse().map_err(|_| NotAUsageKey)?,
        })
    }
}

/// Declares the counts of usage, once for all that handles each of them.
macro_rules! counts {
    ($($(#[doc = $about:literal])+ $name:ident,)+) => {
        /// Counts of a day. Those that an earlier version did not count are 0.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Usage {
            $($(#[doc = $about])+ pub $name: u64,)+
        }

        impl Usage {
            /// Names of the counts, in order.
            pub const NAMES: [&'static str; [$(stringify!($name)),+].len()] = [$(stringify!($name)),+];

            /// The counts, in the order of [`NAMES`](Self::NAMES).
            pub fn counts(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$name),+]
            }

            /// The usage with these counts.
            pub fn of_counts(counts: [u64; Self::NAMES.len()]) -> Self {
                let [$($name),+] = counts;
                Self { $($name),+ }
            }
        }
    };
}

counts! {
    /// Proofs that were made.
    proofs,
    /// Proof requests that failed.
    failed_proofs,
    /// Times that the circuit was made, successfully or not.
    builds,
    /// Milliseconds that workers spent on this work, also on attempts that failed: the time on the clock, whatever the number
    /// of threads.
    work_ms,
    /// Deployments that were confirmed.
    deployments,
    /// Gas of these deployments.
    gas,
    /// Milliseconds of processor time of witness calculations, also in attempts that failed.
    witness_cpu_ms,
    /// Milliseconds of processor time of proving, with the check of each proof.
    proving_cpu_ms,
    /// Milliseconds of processor time of building circuits: compilation, keys and checks of imported files.
    build_cpu_ms,
    /// Bytes of the files that builds stored. Deleting a circuit takes none away.
    stored_bytes,
}

impl Usage {
    /// Adds counts, each at most [`i64::MAX`].
    pub fn add(&mut self, more: &Self) {
        let (own, more) = (self.counts(), more.counts());
        let most = i64::MAX as u64;
        *self = Self::of_counts(std::array::from_fn(|i| own[i].saturating_add(more[i]).min(most)));
    }
}

/// Conditions on the listed usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageFilter {
    /// Only of this tenant; `None`: of all.
    pub tenant: Option<TenantId>,
    /// Only of this circuit; `None`: of all.
    pub circuit: Option<CircuitId>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Only keys behind this one in the order of the list.
    pub after: Option<UsageKey>,
}

impl UsageFilter {
    /// Bounds of the texts of the keys: above the first one, up to the second one without it.
    pub fn bounds(&self) -> (String, String) {
        // `/` is before `0`, and `.`, the last sign before `/`, begins no name of a tenant.
        let first = self.after.as_ref().map_or_else(String::new, ToString::to_string);
        (first.max(format!("{}/", self.from)), format!("{}0", self.to))
    }
}

/// An hour in UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(u32);

impl Hour {
    /// The hour of a moment.
    pub fn of(moment: Timestamp) -> Self {
        Self(u32::try_from(moment.as_millis().div_euclid(HOUR_MS)).unwrap_or(0))
    }

    /// The hour before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The part of the hour that is over at `now`, from 0 to 1.
    pub fn elapsed(self, now: Timestamp) -> f64 {
        let begin = i64::from(self.0) * HOUR_MS;
        (now.as_millis().saturating_sub(begin) as f64 / HOUR_MS as f64).clamp(0.0, 1.0)
    }
}

/// The time of a sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// An hour.
    Hour(Hour),
    /// A day.
    Day(Day),
}

impl Period {
    /// `hours/ACCOUNT/NUMBER` or `days/ACCOUNT/DAY`, by which backends store a sum. Texts of one account are in the order of
    /// the periods, and behind the texts of all [keys](UsageKey).
    pub fn text(&self, account: &Account) -> String {
        match self {
            Self::Hour(Hour(number)) => format!("{HOURS}/{account}/{number:010}"),
            Self::Day(day) => format!("{DAYS}/{account}/{day}"),
        }
    }

    /// Bounds of the texts of the periods before the last one, which are of no use any more: above the first bound, below the
    /// second.
    pub fn past(&self, account: &Account) -> (String, String) {
        let (kind, before) = match self {
            Self::Hour(hour) => (HOURS, Self::Hour(hour.before())),
            Self::Day(day) => (DAYS, Self::Day(day.before())),
        };
        (format!("{kind}/{account}/"), before.text(account))
    }
}

/// Begin of the texts of hours.
const HOURS: &str = "hours";
/// Begin of the texts of days.
const DAYS: &str = "days";

const HOUR_MS: i64 = 3600 * 1000;

/// Counts what tenants use.
///
/// # Behaviour
/// - Counts of concurrent calls are all added. Those of the last seconds may be lost if the machine of the database crashes.
/// - The sums of an account are apart from the counts, and from those of every other account.
/// - Sums of hours before the last one, and of days before the last one, may be forgotten.
#[async_trait]
pub trait UsageLog: Send + Sync {
    /// Adds counts. Repeating the call adds them again.
    async fn count(&self, key: &UsageKey, more: &Usage) -> Result<(), CatalogError>;

    /// Returns the usage that matches, in the order of the texts of the keys, at most `limit`.
    async fn usage(&self, filter: &UsageFilter, limit: usize)
    -> Result<Vec<(UsageKey, Usage)>, CatalogError>;

    /// Adds to the sum of an account. Repeating the call adds again.
    async fn spend(&self, account: &Account, period: &Period, more: &Usage) -> Result<(), CatalogError>;

    /// The sum of an account.
    async fn spent(&self, account: &Account, period: &Period) -> Result<Usage, CatalogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(Day::of(Timestamp::from_millis(1_767_225_599_999)).as_str(), "2025-12-31");
        assert_eq!(Day::of(Timestamp::from_millis(i64::MAX)).as_str().len(), LENGTH);
        assert_eq!(Day::of(Timestamp::from_millis(i64::MIN)).as_str(), "1970-01-01");
        assert_eq!("2026-02-28".parse::<Day>().unwrap().as_str(), "2026-02-28");
        for text in
            ["", "2026", "2026-02-30", "2026-13-01", "2026-1-1", "26-01-01xx", "2026-01-01T", "ä026-01-0"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn hours_are_in_order_and_behind_all_keys() {
        let now = Timestamp::from_millis(9_000_000);
        let hour = Hour::of(now);
        assert!((hour.elapsed(now) - 0.5).abs() < 1e-9 && hour.elapsed(Timestamp::from_millis(0)) == 0.0);
        let tenant = Account::of_tenant(TenantId::default());
        let key = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        for account in [&tenant, &Account::of_key(TenantId::default(), key)] {
            let first = Hour::of(Timestamp::from_millis(i64::MIN));
            assert!(Period::Hour(first).text(account).as_str() > "9999-12-310");
            let day: Day = "2026-03-01".parse().unwrap();
            assert!(Period::Day(day.clone()).text(account).as_str() > "9999-12-310");
            assert_eq!(day.before().as_str(), "2026-02-28");
            for (period, last, old) in [
                (Period::Hour(hour), Period::Hour(hour.before()), Period::Hour(hour.before().before())),
                (Period::Day(day.clone()), Period::Day(day.before()), Period::Day(day.before().before())),
            ] {
                let (above, below) = period.past(account);
                let is_past = |period: &Period| (&above..&below).contains(&&period.text(account));
                assert!(is_past(&old) && !is_past(&last) && !is_past(&period), "{period:?}");
            }
        }
    }

    #[test]
    fn a_key_survives_its_text() {
        let text = "2026-01-31/a.b/0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<UsageKey>().unwrap().to_string(), text);
        for text in ["", "2026-01-31", "2026-01-31/a/x", "2026-01-31/A/0123456789abcdef0123456789abcdef"] {
            assert!(text.parse::<UsageKey>().is_err(), "{text}");
        }
    }
}
