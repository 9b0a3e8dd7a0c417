//! Killed workers.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::fleet::{Fleet, Requests, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_workers_are_killed() {
    kill(6, 40, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn nothing_is_lost_in_a_hundred_kills() {
    kill(100, 500, 32).await;
}

/// Kills a random one of three workers `kills` times, with `pending` proofs in flight. Each proof has
/// `numbers` inputs.
async fn kill(kills: usize, pending: usize, numbers: usize) {
    let began = Instant::now();
    // With the default of three attempts, repeated kills would make jobs fail.
    let settings = ["--lease-s", "2", "--reconcile-interval-s", "1", "--job-attempts", "12"];
    let fleet = Fleet::new(&settings).await;
    let api = fleet.api();
    let start = || fleet.worker(&["--proof-concurrency", "2"]);
    let mut workers: Vec<_> = (0..3).map(|_| start()).collect();
    let mut requests = Requests::new(api.client(), numbers).await;
    for _ in 0..kills {
        let open = requests.asked() - requests.look().await;
        requests.ask(pending - open).await;
        tokio::time::sleep(Duration::from_millis(rand::thread_rng().gen_range(0..150))).await;
        let victim = rand::thread_rng().gen_range(0..workers.len());
        std::mem::replace(&mut workers[victim], start()).kill();
    }
    let outcome = requests.outcome().await;
    row(
        &format!("kill -9 of a random worker of 3, {kills} times, {pending} proofs in flight"),
        &format!("{outcome}, {:.0} s", began.elapsed().as_secs_f64()),
    );
    outcome.assert_whole();
}
