//! Checks of the processes that run jobs.

use std::time::Duration;

use super::{Subject, moment};
use crate::service::catalog::{MOST_WORKERS, WorkerProcess};
use crate::service::id::WorkerId;
use crate::service::queue::QueueName;

fn process(start: i64) -> WorkerProcess {
    WorkerProcess {
        id: WorkerId::generate(moment(start)),
        version: "1.2.3".to_owned(),
        prover: "native".to_owned(),
        kernel: "avx512".to_owned(),
        queues: [(QueueName::Deploy, 1), (QueueName::ProofGeneration, 4)].into(),
        memory_bytes: Some(1 << 40),
    }
}

/// The content is that of the last announcement, the times are those of the backend.
pub(super) async fn a_process_is_listed_as_it_announced_itself_last(catalog: Subject) {
    let workers = catalog.workers();
    assert_eq!(workers.workers().await.expect("workers"), []);
    let (mut early, late) = (process(1_000), process(2_000));
    workers.announce(&late).await.expect("announce");
    workers.announce(&early).await.expect("announce");
    let first = workers.workers().await.expect("workers");
    early.memory_bytes = None;
    early.queues.clear();
    workers.announce(&early).await.expect("announce");
    let listed = workers.workers().await.expect("workers");
    assert_eq!(listed.iter().map(|seen| &seen.process).collect::<Vec<_>>(), [&early, &late]);
    for (seen, before) in listed.iter().zip(&first) {
        assert_eq!(seen.first, before.first, "the first announcement moved");
        assert!(seen.first <= seen.last && before.last <= seen.last, "{seen:?}");
        assert!(seen.silent < Duration::from_secs(3600), "{seen:?}");
        assert!(seen.last < moment(1_000), "the time is that of the process: {seen:?}");
    }
}

/// The others stay.
pub(super) async fn a_process_that_withdraws_is_gone(catalog: Subject) {
    let workers = catalog.workers();
    let (one, other) = (process(1_000), process(2_000));
    for process in [&one, &other] {
        workers.announce(process).await.expect("announce");
    }
    for _ in 0..2 {
        workers.withdraw(&one.id).await.expect("withdraw");
    }
    let listed = workers.workers().await.expect("workers");
    assert_eq!(listed.into_iter().map(|seen| seen.process).collect::<Vec<_>>(), [other]);
}

/// The number of stored processes is limited.
pub(super) async fn the_last_seen_processes_are_kept(catalog: Subject) {
    let workers = catalog.workers();
    let last = process(0);
    for start in 1..=MOST_WORKERS as i64 {
        workers.announce(&process(start)).await.expect("announce");
    }
    // The moments have milliseconds.
    std::thread::sleep(Duration::from_millis(5));
    workers.announce(&last).await.expect("announce");
    let listed = workers.workers().await.expect("workers");
    assert_eq!(listed.len(), MOST_WORKERS);
    assert_eq!(listed[0].process, last, "the process that was seen last was removed");
}
