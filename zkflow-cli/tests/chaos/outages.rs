//! Loss of all data in Redis, stopped servers and disturbed networks.

use std::time::{Duration, Instant};

use serde_json::json;
use zkflow_server::client::{Client, LocalServer};

use zkflow_testbed::Fault;

use crate::fleet::{Fleet, Requests, row};

const SETTINGS: [&str; 6] = ["--lease-s", "5", "--reconcile-interval-s", "2", "--proof-concurrency", "1"];

/// Three workers with `proofs` requested proofs, at least one of them completed.
async fn under_load(fleet: &Fleet, api: &LocalServer, proofs: usize) -> (Requests, [LocalServer; 3]) {
    let keygen = fleet.worker(&["--queues", "key-generation"]);
    let mut requests = Requests::new(api.client(), 8).await;
    keygen.terminate().unwrap();
    requests.ask(proofs).await;
    let workers = [fleet.worker(&[]), fleet.worker(&[]), fleet.worker(&[])];
    while requests.look().await == 0 {}
    (requests, workers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_redis_forgets_everything() {
    flush(60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_when_redis_forgets_five_hundred_jobs() {
    flush(500).await;
}

async fn flush(proofs: usize) {
    let fleet = Fleet::new(&SETTINGS).await;
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api, proofs).await;
    fleet.redis.command("FLUSHALL").unwrap();
    let flushed = Instant::now();
    let pending = proofs - requests.look().await;
    let outcome = requests.outcome().await;
    let restored = flushed.elapsed();
    row(
        &format!("FLUSHALL with {pending} of {proofs} proofs pending"),
        &format!("{outcome}, all restored after {restored:.1?}"),
    );
    assert!(pending > 0, "all proofs were completed before the loss");
    outcome.assert_whole();
    assert!(restored < Duration::from_secs(60), "restored after {restored:?}");
}

/// The server that fails in a test.
#[derive(Debug, Clone, Copy)]
enum Backend {
    Redis,
    MongoDb,
    S3,
}

const BACKENDS: [Backend; 3] = [Backend::Redis, Backend::MongoDb, Backend::S3];

impl Backend {
    /// Name of the backend in `/ready`.
    fn part(self) -> &'static str {
        match self {
            Self::Redis => "queue",
            Self::MongoDb => "catalog",
            Self::S3 => "store",
        }
    }

    async fn stop(self, fleet: &mut Fleet) {
        match self {
            Self::Redis => fleet.redis.stop().unwrap(),
            Self::MongoDb => fleet.mongo.stop(),
            Self::S3 => fleet.s3.stop().await,
        }
    }

    async fn start_again(self, fleet: &mut Fleet) {
        match self {
            Self::Redis => fleet.redis.start_again().unwrap(),
            Self::MongoDb => fleet.mongo.resume().await,
            Self::S3 => fleet.s3.resume().await,
        }
    }

    fn set(self, fleet: &Fleet, fault: Fault) {
        let proxies = fleet.proxies();
        match self {
            Self::Redis => proxies.redis.set(fault),
            Self::MongoDb => proxies.mongo.set(fault),
            Self::S3 => proxies.s3.set(fault),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_redis_is_away() {
    stop(Backend::Redis, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_mongodb_is_away() {
    stop(Backend::MongoDb, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_s3_is_away() {
    stop(Backend::S3, Duration::from_secs(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_while_each_server_is_away_for_half_a_minute() {
    for backend in BACKENDS {
        stop(backend, Duration::from_secs(30)).await;
    }
}

/// Stops a server for the time `outage`, while requests arrive and proofs are made.
async fn stop(backend: Backend, outage: Duration) {
    let mut fleet = Fleet::new(&SETTINGS).await;
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api, 100).await;
    let client = api.client();

    backend.stop(&mut fleet).await;
    let stopped = Instant::now();
    let red = until_ready(&client, 503, Duration::from_secs(5)).await;
    let ready = client.get("/ready").await.unwrap();
    assert_ne!(ready.body["checks"][backend.part()], json!("ok"), "{ready:?}");
    let mut refused = 0;
    while stopped.elapsed() < outage {
        assert_eq!(client.get("/health").await.unwrap().status, 200, "the process is alive");
        assert_eq!(client.get("/ready").await.unwrap().status, 503);
        refused += usize::from(!requests.ask_once().await);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    backend.start_again(&mut fleet).await;
    let started = Instant::now();
    let green = until_ready(&client, 200, Duration::from_secs(60)).await;
    let pending = requests.asked() - requests.look().await;
    requests.ask(20).await;
    let outcome = requests.outcome().await;
    row(
        &format!("{backend:?} stopped for {outage:.0?}, {pending} proofs pending at its end"),
        &format!(
            "/ready red after {red:.1?}, green {green:.1?} after the start, /health green, {refused} requests refused, {outcome}, done after {:.1?}",
            started.elapsed()
        ),
    );
    outcome.assert_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_behind_a_bad_network() {
    disturb(&BACKENDS, Fault::HalfOpen, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_behind_a_network_that_is_bad_for_minutes() {
    for backend in BACKENDS {
        for fault in [Fault::Latency(Duration::from_secs(2)), Fault::Reset, Fault::HalfOpen] {
            disturb(&[backend], fault, Duration::from_secs(30)).await;
        }
    }
}

/// Disturbs the network in front of `backends` with `fault` for the given time.
async fn disturb(backends: &[Backend], fault: Fault, time: Duration) {
    let fleet = Fleet::new(&SETTINGS).await.behind_proxies().await;
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api, 60).await;
    let client = api.client();
    let before = requests.look().await;
    backends.iter().for_each(|backend| backend.set(&fleet, fault));
    let disturbed = Instant::now();
    let mut refused = 0;
    while disturbed.elapsed() < time {
        assert_eq!(client.get("/health").await.unwrap().status, 200, "the process is alive");
        let asking = tokio::time::timeout(Duration::from_secs(5), requests.ask_once()).await;
        refused += usize::from(asking != Ok(true));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    backends.iter().for_each(|backend| backend.set(&fleet, Fault::None));
    let good = Instant::now();
    until_ready(&client, 200, Duration::from_secs(60)).await;
    let during = requests.look().await - before;
    let outcome = requests.outcome().await;
    row(
        &format!("{fault:?} before {backends:?} for {time:.0?}"),
        &format!(
            "/health green, {during} completed meanwhile, {refused} requests not accepted at once, {outcome}, done {:.1?} after the end",
            good.elapsed()
        ),
    );
    outcome.assert_whole();
}

/// Waits until `/ready` answers with `status` and returns the time that this took.
async fn until_ready(client: &Client, status: u16, limit: Duration) -> Duration {
    let began = Instant::now();
    while client.get("/ready").await.unwrap().status != status {
        assert!(began.elapsed() < limit, "/ready is not {status} after {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}
