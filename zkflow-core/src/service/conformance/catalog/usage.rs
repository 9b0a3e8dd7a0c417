//! Checks of the counts of usage.

use futures::future;

use super::Subject;
use super::sample::circuit;
use crate::service::catalog::{Hour, Usage, UsageFilter, UsageKey};
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

/// The time of an hour is that of one tenant, and is not part of the lists.
pub(super) async fn time_is_counted_by_tenant_and_hour(catalog: Subject) {
    let log = catalog.usage_log();
    let tenant = |name: &str| name.parse().expect("a tenant");
    let (one, other) = (tenant("a"), tenant("a.b"));
    let hour = Hour::of(Timestamp::from_millis(1_767_225_600_000));
    assert_eq!(log.spent(&one, hour).await.expect("time"), 0);
    log.spend(&one, hour.before(), 5).await.expect("spend");
    let spent = future::join_all((0..16).map(|_| log.spend(&one, hour, 1 << 33))).await;
    assert!(spent.iter().all(Result::is_ok), "{spent:?}");
    log.spend(&other, hour, 7).await.expect("spend");
    for (of, at, expected) in [(&one, hour, 1 << 37), (&one, hour.before(), 5), (&other, hour, 7)] {
        assert_eq!(log.spent(of, at).await.expect("time"), expected);
    }
    assert_eq!(log.usage(&days("1970-01-01", "9999-12-30"), 9).await.expect("usage"), []);
}
