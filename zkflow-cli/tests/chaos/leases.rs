//! Workers that are suspended beyond their leases, and jobs longer than their leases.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use zkflow_core::service::queue::QueueStats;
use zkflow_queue::RedisQueue;
use zkflow_server::client::LocalServer;

use crate::fleet::{Fleet, PATIENCE, Requests, metric, proof_jobs, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_late_result_of_a_worker_that_slept_is_refused() {
    sleep(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn a_hundred_late_results_are_refused() {
    sleep(100).await;
}

/// Suspends a worker during its jobs, lets a second worker complete them, and continues the first one.
async fn sleep(wanted: u64) {
    let fleet = Fleet::new(&["--lease-s", "1", "--proof-concurrency", "10"]).await;
    let api = fleet.api();
    let sleeper = fleet.worker(&[]);
    let other = fleet.worker(&["--queues", "proof-generation"]);
    let queue = fleet.queue().await;
    let mut requests = Requests::new(api.client(), 32).await;
    let (mut late, mut refused) = (0, 0);
    while late < wanted {
        signal(&other, Signal::STOP);
        // After this pause the suspended worker leases no more jobs: its earlier calls are answered.
        tokio::time::sleep(Duration::from_millis(20)).await;
        requests.ask(10).await;
        let before = lost(&sleeper).await;
        let began = Instant::now();
        while proof_jobs(&queue).await.leased == 0 {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        signal(&sleeper, Signal::STOP);
        // Results that it sent before are no late ones.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = proof_jobs(&queue).await.leased;
        signal(&other, Signal::CONT);
        until_empty(&queue).await;
        let done: Vec<Value> = requests.documents().await;
        signal(&sleeper, Signal::CONT);
        let woken = Instant::now();
        while lost(&sleeper).await < before + begun {
            assert!(woken.elapsed() < Duration::from_secs(60), "a late result was accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(requests.documents().await, done, "a late result became visible");
        late += begun;
        refused += lost(&sleeper).await - before;
    }
    let outcome = requests.outcome().await;
    row(
        "a worker stopped (SIGSTOP) beyond its lease, then continued",
        &format!("{refused} of {late} late results refused, {outcome}"),
    );
    assert_eq!(refused, late);
    outcome.assert_whole();
}

async fn until_empty(queue: &RedisQueue) {
    let began = Instant::now();
    while proof_jobs(queue).await != QueueStats::default() {
        assert!(began.elapsed() < PATIENCE, "jobs are left: {:?}", proof_jobs(queue).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Number of jobs that a worker has lost to others.
async fn lost(worker: &LocalServer) -> u64 {
    let url = format!("{}/metrics", worker.base());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let lines = text.lines().filter(|line| {
        line.starts_with("zkflow_jobs_finished_total")
            && line.contains("proof-generation")
            && line.contains("outcome=\"lost\"")
    });
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn signal(process: &LocalServer, signal: Signal) {
    kill_process(process.pid(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn a_job_far_longer_than_its_lease_is_executed_once() {
    let fleet = Fleet::new(&["--lease-s", "1"]).await;
    let api = fleet.api();
    let workers: Vec<_> = (0..4).map(|_| fleet.worker(&[])).collect();
    let client = api.client();
    let began = Instant::now();
    let circuit = client.circuit("sha256Preimage", json!({"n": 119}), PATIENCE).await.unwrap();
    let took = began.elapsed();
    let compilations = metric(&workers, "zkflow_stage_duration_seconds_count", "stage=\"compile\"").await;
    row(
        &format!("a job of {took:.0?} under leases of 1 s, 4 workers"),
        &format!("{compilations} execution, attempt {}", circuit["attempt"]),
    );
    assert!(took > Duration::from_secs(10), "the job was short: {took:?}");
    assert_eq!((compilations, &circuit["attempt"]), (1, &json!(1)));
}
