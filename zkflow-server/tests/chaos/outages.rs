//! Redis that forgets everything, or goes away.

use std::time::{Duration, Instant};

use zkflow_server::client::{Client, LocalServer};

use crate::fleet::{Fleet, Requests, row};

const SETTINGS: [&str; 6] = ["--lease-s", "5", "--reconcile-interval-s", "2", "--proof-concurrency", "1"];

/// Three workers with so many proofs to make, some of which are made.
async fn under_load(fleet: &Fleet, api: &LocalServer, proofs: usize) -> (Requests, [LocalServer; 3]) {
    let keygen = fleet.worker(&["--queues", "key-generation"]);
    let mut requests = Requests::new(api.client(), 8).await;
    keygen.terminate().unwrap();
    requests.ask(proofs).await;
    let workers = [fleet.worker(&[]), fleet.worker(&[]), fleet.worker(&[])];
    while requests.look().await == 0 {}
    (requests, workers)
}

#[tokio::test]
async fn nothing_is_lost_when_redis_forgets_everything() {
    flush(60).await;
}

#[tokio::test]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_when_redis_forgets_five_hundred_jobs() {
    flush(500).await;
}

async fn flush(proofs: usize) {
    let fleet = Fleet::new(&SETTINGS);
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api, proofs).await;
    fleet.redis.command("FLUSHALL").unwrap();
    let flushed = Instant::now();
    let pending = proofs - requests.look().await;
    let outcome = requests.outcome().await;
    let restored = flushed.elapsed();
    row(
        &format!("FLUSHALL with {pending} of {proofs} proofs pending"),
        &format!(
            "lost {}, visible twice {}, verified {}, all restored after {restored:.1?}",
            outcome.lost.len(),
            outcome.twice,
            outcome.verified
        ),
    );
    assert!(pending > 0, "all work was done before");
    outcome.assert_whole();
    assert!(restored < Duration::from_secs(60), "restored after {restored:?}");
}

#[tokio::test]
async fn nothing_is_lost_while_redis_is_away() {
    stop(Duration::from_secs(6)).await;
}

#[tokio::test]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_while_redis_is_away_for_half_a_minute() {
    stop(Duration::from_secs(30)).await;
}

/// Stops Redis for `outage` while requests come in and proofs are made.
async fn stop(outage: Duration) {
    let mut fleet = Fleet::new(&SETTINGS);
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api, 100).await;

    fleet.redis.stop().unwrap();
    let stopped = Instant::now();
    let red = until_ready(&api.client(), 503, Duration::from_secs(5)).await;
    let mut refused = 0;
    while stopped.elapsed() < outage {
        assert_eq!(api.client().get("/health").await.unwrap().status, 200, "the process itself is well");
        assert_eq!(api.client().get("/ready").await.unwrap().status, 503);
        refused += usize::from(!requests.ask_once().await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let pending = 100 - requests.look().await.min(100);
    fleet.redis.start_again().unwrap();
    let started = Instant::now();
    let green = until_ready(&api.client(), 200, Duration::from_secs(30)).await;
    requests.ask(20).await;
    let outcome = requests.outcome().await;
    row(
        &format!("Redis stopped for {outage:.0?}, {pending} proofs pending"),
        &format!(
            "/ready red after {red:.1?}, green {green:.1?} after the start, /health green, {refused} requests refused, lost {}, visible twice {}, verified {} of {}, done after {:.1?}",
            outcome.lost.len(),
            outcome.twice,
            outcome.verified,
            outcome.asked,
            started.elapsed()
        ),
    );
    outcome.assert_whole();
}

/// Waits until `/ready` answers with `status`, and says how long that took.
async fn until_ready(client: &Client, status: u16, limit: Duration) -> Duration {
    let began = Instant::now();
    while client.get("/ready").await.unwrap().status != status {
        assert!(began.elapsed() < limit, "/ready is not {status} after {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}
