//! Checks of the counts of usage.

use futures::future;

use super::Subject;
use super::sample::circuit;
use crate::service::account::Account;
use crate::service::catalog::{Day, Hour, Period, Usage, UsageFilter, UsageKey};
use crate::service::clock::Timestamp;

fn key(day: &str, tenant: &str, of: &str) -> UsageKey {
    let (day, tenant) = (day.parse().expect("a day"), tenant.parse().expect("a tenant"));
    UsageKey { day, tenant, circuit: circuit(of) }
}

fn days(from: &str, to: &str) -> UsageFilter {
    let day = |text: &str| text.parse().expect("a day");
    UsageFilter { tenant: None, circuit: None, from: day(from), to: day(to), after: None }
}

/// Concurrent counts are all added.
pub(super) async fn counts_of_many_calls_are_all_added(catalog: Subject) {
    let (log, key) = (catalog.usage_log(), key("2026-01-31", "one", "a"));
    // A count that a backend confuses with another one differs.
    let one = Usage::of_counts(std::array::from_fn(|place| (1 << 33) + place as u64));
    let counted = future::join_all((0..16).map(|_| log.count(&key, &one))).await;
    assert!(counted.iter().all(Result::is_ok), "{counted:?}");
    let sum = Usage::of_counts(one.counts().map(|count| 16 * count));
    let all = days("2026-01-31", "2026-01-31");
    assert_eq!(log.usage(&all, 9).await.expect("usage"), [(key, sum)]);
}

/// Lists are by days and tenant, in pages without gap and repeat.
pub(super) async fn usage_is_listed_by_day_and_tenant(catalog: Subject) {
    let log = catalog.usage_log();
    let mut keys = Vec::new();
    for day in ["2025-12-31", "2026-01-01", "2026-01-02", "2026-01-10"] {
        for tenant in ["a", "a.b", "a-b", "b"] {
            for circuit in ["x", "y"] {
                keys.push(key(day, tenant, circuit));
            }
        }
    }
    for key in keys.iter().rev() {
        log.count(key, &Usage { proofs: 1, ..Usage::default() }).await.expect("count");
    }
    keys.sort_by_key(ToString::to_string);
    let list = async |filter: &UsageFilter, limit| {
        let found = log.usage(filter, limit).await.expect("usage");
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(list(&days("2025-12-31", "2026-01-10"), 99).await, keys);
    assert_eq!(list(&days("2026-01-01", "2026-01-02"), 99).await, keys[8..24]);
    let one = UsageFilter { tenant: Some(keys[8].tenant.clone()), ..days("2026-01-01", "2026-01-02") };
    let of_one: Vec<_> =
        keys[8..24].iter().filter(|key| Some(&key.tenant) == one.tenant.as_ref()).cloned().collect();
    assert_eq!(list(&one, 99).await, of_one);
    let of_circuit = UsageFilter { circuit: Some(keys[8].circuit.clone()), ..one.clone() };
    let expected: Vec<_> = of_one.iter().filter(|key| key.circuit == keys[8].circuit).cloned().collect();
    assert_eq!((list(&of_circuit, 99).await, of_one.len()), (expected.clone(), 2 * expected.len()));
    let of_all = UsageFilter { tenant: None, ..of_circuit.clone() };
    let expected: Vec<_> = keys[8..24].iter().filter(|key| key.circuit == keys[8].circuit).cloned().collect();
    assert_eq!(list(&of_all, 99).await, expected);
    let behind = UsageFilter { after: Some(expected[2].clone()), ..of_all };
    assert_eq!(list(&behind, 3).await, expected[3..6]);
    assert!(list(&UsageFilter { circuit: Some(circuit("z")), ..of_circuit }, 9).await.is_empty());
    let mut filter = days("2025-12-31", "2026-01-10");
    let mut pages = Vec::new();
    loop {
        let page = list(&filter, 5).await;
        let Some(last) = page.last() else { break };
        filter.after = Some(last.clone());
        pages.extend(page);
    }
    assert_eq!(pages, keys, "pages have a gap or a repeat");
}

/// The sum of an hour or a day is that of one account, and is not part of the lists.
pub(super) async fn sums_are_by_account_and_period(catalog: Subject) {
    let log = catalog.usage_log();
    let tenant = |name: &str| Account::of_tenant(name.parse().expect("a tenant"));
    let of_key = |end: u8| {
        let id = format!("01890a5d-ac96-774b-bcce-b302099a805{end}");
        Account::of_key("a".parse().expect("a tenant"), id.parse().expect("a key"))
    };
    let now = Timestamp::from_millis(1_767_225_600_000);
    let (hour, day) = (Hour::of(now), Day::of(now));
    let periods =
        [(Period::Hour(hour.before()), Period::Hour(hour)), (Period::Day(day.before()), Period::Day(day))];
    let one = Usage::of_counts(std::array::from_fn(|place| (1 << 33) + place as u64));
    let few = |proofs| Usage { proofs, ..Usage::default() };
    let accounts = [tenant("a"), tenant("a.b"), of_key(1), of_key(2)];
    let mut expected = Vec::new();
    for (number, account) in (1..).zip(&accounts) {
        for (before, present) in &periods {
            assert_eq!(log.spent(account, present).await.expect("a sum"), Usage::default());
            log.spend(account, before, &few(number)).await.expect("spend");
            let times = 4 * number;
            let spent = future::join_all((0..times).map(|_| log.spend(account, present, &one))).await;
            assert!(spent.iter().all(Result::is_ok), "{spent:?}");
            expected.push((account, before, few(number)));
            expected.push((account, present, Usage::of_counts(one.counts().map(|count| times * count))));
        }
    }
    for (account, period, sum) in expected {
        assert_eq!(log.spent(account, period).await.expect("a sum"), sum, "{account}, {period:?}");
    }
    assert_eq!(log.usage(&days("1970-01-01", "9999-12-30"), 9).await.expect("usage"), []);
}
