//! SIGTERM under load.

use std::time::{Duration, Instant};

use serde_json::json;
use zkflow_core::service::queue::QueueStats;

use crate::fleet::{Fleet, PATIENCE, Requests, proof_jobs, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_told_to_stop_gives_its_jobs_back() {
    terminate(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn fifty_workers_that_are_told_to_stop_give_their_jobs_back() {
    terminate(50).await;
}

/// Sends SIGTERM to the only worker `times` times while it runs the same four jobs.
async fn terminate(times: usize) {
    // The lease is longer than the test, so a lease that is not given back makes the test fail.
    let fleet = Fleet::new(&["--lease-s", "3600", "--drain-s", "0", "--proof-concurrency", "4"]).await;
    let api = fleet.api();
    let first = fleet.worker(&[]);
    let mut requests = Requests::new(api.client(), 32).await;
    assert_eq!(first.terminate().unwrap(), Some(0));
    let queue = fleet.queue().await;
    requests.ask(4).await;
    let (mut longest, mut interrupted) = (Duration::ZERO, 0);
    for _ in 0..times {
        let worker = fleet.worker(&[]);
        let began = Instant::now();
        while proof_jobs(&queue).await.leased == 0 {
            assert!(began.elapsed() < PATIENCE, "no job was started: {:?}", proof_jobs(&queue).await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let told = Instant::now();
        assert_eq!(worker.terminate().unwrap(), Some(0), "a drain exits with 0");
        longest = longest.max(told.elapsed());
        let stats = proof_jobs(&queue).await;
        assert_eq!(
            (stats.leased, stats.delayed, stats.dead),
            (0, 0, 0),
            "not leasable immediately: {stats:?}"
        );
        interrupted += stats.ready;
        requests.ask(4 - stats.ready as usize).await;
    }
    assert!(longest < Duration::from_secs(5), "a worker took {longest:?} to end");
    let _worker = fleet.worker(&[]);
    let started = Instant::now();
    while proof_jobs(&queue).await != QueueStats::default() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let charged =
        requests.documents().await.iter().filter(|document| document["attempt"] != json!(1)).count();
    let outcome = requests.outcome().await;
    row(
        &format!("SIGTERM to a worker under load, {times} times"),
        &format!(
            "exit 0 within {longest:.1?}, {interrupted} jobs given back and leasable at once, {charged} charged, {outcome}"
        ),
    );
    assert!(interrupted > 0, "no job was interrupted");
    assert_eq!(charged, 0, "an attempt was charged for a job that was given back");
    outcome.assert_whole();
}
