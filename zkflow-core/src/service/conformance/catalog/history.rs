//! Checks of the history of proofs.

use futures::future;

use super::Subject;
use crate::service::catalog::{ProofTime, Slot, SlotLength, Tally};
use crate::service::clock::Timestamp;

fn slot(length: SlotLength) -> Slot {
    Slot::of(Timestamp::from_millis(1_767_225_600_000), length)
}

/// Concurrent counts are all added, and slots of both lengths are apart.
pub(super) async fn counts_of_many_calls_are_all_added(catalog: Subject) {
    let history = catalog.history();
    let [short, long] = SlotLength::ALL.map(slot);
    let mut one = Tally { completed: 2, failed: 1, ..Tally::default() };
    one.count(ProofTime::Wait, 3);
    one.count(ProofTime::Prove, 70_000);
    let other = Tally { failed: 1 << 33, ..Tally::default() };
    let more = [(short, one.clone()), (long, one.clone()), (long.earlier(1), other.clone())];
    let added = future::join_all((0..16).map(|_| history.add(&more))).await;
    assert!(added.iter().all(Result::is_ok), "{added:?}");
    let times = |tally: &Tally| {
        let mut sum = Tally::default();
        (0..16).for_each(|_| sum.add(tally));
        sum
    };
    let since = async |first| history.since(first).await.expect("since");
    assert_eq!(since(short.earlier(3)).await, [(short, times(&one))]);
    assert_eq!(since(long.earlier(1)).await, [(long.earlier(1), times(&other)), (long, times(&one))]);
    assert_eq!(since(long).await, [(long, times(&one))]);
}

/// A slot is removed once it is too old beside the latest one.
pub(super) async fn old_slots_are_removed(catalog: Subject) {
    let history = catalog.history();
    let one = Tally { completed: 1, ..Tally::default() };
    for length in SlotLength::ALL {
        let (now, first) = (slot(length), slot(length).earlier(length.kept() + 5));
        for number in first.number..=now.number {
            history.add(&[(Slot { length, number }, one.clone())]).await.expect("add");
        }
        let kept = history.since(first).await.expect("since");
        assert_eq!(kept.len(), length.kept() as usize, "{length:?}");
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (now.oldest_kept(), now));
    }
    // Those of one length do not remove those of the other.
    let [short, long] = SlotLength::ALL;
    assert_eq!(history.since(slot(short).oldest_kept()).await.expect("since").len(), short.kept() as usize);
    assert_eq!(history.since(slot(long).oldest_kept()).await.expect("since").len(), long.kept() as usize);
}
