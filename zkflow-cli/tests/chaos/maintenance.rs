//! Commands of the operator beside the work: nothing is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use zkflow_server::client::LocalServer;

use crate::fleet::{Fleet, KEY, Requests, row};

/// Requests that wait at the same time while a command runs.
const WAITING: usize = 100;

/// Three workers and requested proofs, at least one of them completed.
async fn under_load(fleet: &Fleet, api: &LocalServer) -> (Requests, [LocalServer; 3]) {
    let workers = [fleet.worker(&[]), fleet.worker(&[]), fleet.worker(&[])];
    let mut requests = Requests::new(api.client(), 8).await;
    requests.ask(WAITING).await;
    while requests.look().await == 0 {}
    (requests, workers)
}

/// Runs a command while requests arrive; returns the time that it took.
async fn beside(fleet: &Fleet, requests: &mut Requests, args: &[&str]) -> Duration {
    let (mut command, began) = (fleet.command(args), Instant::now());
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    while !running.is_finished() {
        let waiting = requests.asked() - requests.look().await;
        requests.ask(WAITING.saturating_sub(waiting).min(8)).await;
    }
    let (ended, took) = (running.await.unwrap(), began.elapsed());
    assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    took
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn a_backup_beside_the_work_is_restored_onto_empty_servers() {
    let (fleet, backups) = (Fleet::new(&[]).await, tempfile::tempdir().unwrap());
    let api = fleet.api();
    let (mut requests, workers) = under_load(&fleet, &api).await;
    let (at_start, asked) = (requests.ids(), requests.asked());
    let took = beside(&fleet, &mut requests, &["backup", text(backups.path())]).await;
    let outcome = requests.outcome().await;
    row(
        &format!("`zkflow backup` beside 3 workers, {asked} proofs requested before it"),
        &format!("{outcome}, the backup took {took:.1?}"),
    );
    outcome.assert_whole();
    drop((api, workers));

    let empty = Fleet::new(&[]).await;
    let began = Instant::now();
    let restored = empty.command(&["restore", text(backups.path())]).output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let took = began.elapsed();
    let (api, _worker) = (empty.api(), empty.worker(&[]));
    let outcome = at_start.read_by(api.client()).outcome().await;
    row(
        "`zkflow restore` of it onto empty Redis, MongoDB and S3",
        &format!("{outcome}, the restore took {took:.1?}"),
    );
    outcome.assert_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn the_clean_up_without_grace_beside_the_work_loses_nothing() {
    let fleet =
        Fleet::new(&["--unclaimed-grace-s", "0", "--trash-s", "0", "--cleanup-interval-s", "1"]).await;
    let api = fleet.api();
    let (mut requests, _workers) = under_load(&fleet, &api).await;
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        longest = longest.max(beside(&fleet, &mut requests, &["store", "gc"]).await);
    }
    let outcome = requests.outcome().await;
    row(
        "`zkflow store gc` without times of grace beside 3 workers, 20 times",
        &format!("{outcome}, at most {longest:.1?} each"),
    );
    outcome.assert_whole();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: make chaos"]
async fn the_secret_key_is_changed_beside_the_work() {
    let mut fleet = Fleet::new(&[]).await;
    let (api, worker) = (fleet.api(), fleet.worker(&[]));
    let mut requests = Requests::new(api.client(), 8).await;
    assert_eq!(worker.terminate().unwrap(), Some(0));
    requests.ask(WAITING).await;
    drop(api);

    // Sealed with the old key, and pending.
    fleet.secret_key = format!("{},{KEY}", "8899aabbccddeeff0011223344556677".repeat(2));
    let api = fleet.api();
    let mut requests = requests.read_by(api.client());
    let _workers = [fleet.worker(&[]), fleet.worker(&[]), fleet.worker(&[])];
    let took = beside(&fleet, &mut requests, &["vault", "rotate"]).await;
    let settled = fleet.command(&["vault", "remove-old-keys", "--wait-s", "0"]).output().unwrap();
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    let outcome = requests.outcome().await;
    row(
        &format!("`zkflow vault rotate` beside 3 workers, {WAITING} proofs pending under the old key"),
        &format!("{outcome}, it took {took:.1?}, and nothing needs the old key"),
    );
    outcome.assert_whole();
}
