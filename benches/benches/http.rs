//! Measures a whole proof over HTTP, from POST to the completed, verified proof: in one process with SQLite,
//! and by a server and a worker with Redis.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::future;
use serde_json::json;
use support::binary;
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{RedisOptions, RedisServer};

mod support;

const PATIENCE: Duration = Duration::from_secs(600);

/// Number of proofs for the percentiles.
const SAMPLES: usize = 500;

/// Number of simultaneous POST requests.
const AT_ONCE: usize = 16;

/// The processes of one deployment of the service.
struct Service {
    name: &'static str,
    client: Client,
    circuit: String,
    _folder: tempfile::TempDir,
    _processes: Vec<LocalServer>,
    _redis: Option<RedisServer>,
}

impl Service {
    async fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = start(&["serve"], &folder, None);
        Self::ready("embedded", folder, vec![server], None).await
    }

    async fn on_redis() -> Self {
        let options = RedisOptions { append_only: true, ..RedisOptions::default() };
        let redis = RedisServer::start(options).expect("redis-server starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = start(&["serve", "--no-workers"], &folder, Some(&redis));
        let worker = start(&["worker"], &folder, Some(&redis));
        Self::ready("redis", folder, vec![server, worker], Some(redis)).await
    }

    async fn ready(
        name: &'static str,
        folder: tempfile::TempDir,
        processes: Vec<LocalServer>,
        redis: Option<RedisServer>,
    ) -> Self {
        let client = processes[0].client();
        let circuit = client
            .circuit("rangeCheck", json!({"min": 18, "max": 120}), PATIENCE)
            .await
            .expect("the circuit becomes ready");
        let circuit = circuit["circuitId"].as_str().expect("a circuit has an id").to_owned();
        Self { name, client, circuit, _folder: folder, _processes: processes, _redis: redis }
    }

    async fn post(&self) -> String {
        let (private, public) = (json!({"age": "42"}), json!({"randomPublicSignal": "7"}));
        self.client.request_proof(&self.circuit, private, public).await.expect("the request is accepted")
    }

    /// From POST to the completed proof.
    async fn proof(&self) {
        let request = self.post().await;
        let proof = self.client.proof(&request, PATIENCE).await.expect("the proof is made");
        assert_eq!(proof["status"], json!("completed"));
    }
}

fn start(command: &[&str], folder: &tempfile::TempDir, redis: Option<&RedisServer>) -> LocalServer {
    let mut process = Command::new(binary());
    process.args(command).args(["--port", "0", "--log-level", "warn", "--data-dir"]).arg(folder.path());
    process.env("REDIS_URL", redis.map_or("", RedisServer::url)).stderr(Stdio::inherit());
    LocalServer::spawn(process).expect("the process starts")
}

fn http(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(async { [Service::embedded().await, Service::on_redis().await] });
    let mut group = c.benchmark_group("http");
    group.sample_size(30);
    for service in &services {
        let name = format!("POST to verified proof, rangeCheck, {}", service.name);
        group.bench_function(name, |b| b.to_async(&runtime).iter(|| service.proof()));
    }
    group.finish();
    runtime.block_on(percentiles(&services));
    runtime.block_on(posts(&services));
}

/// Prints percentiles, which Criterion does not report, over alternating proofs of both services.
async fn percentiles(services: &[Service; 2]) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..SAMPLES {
        for (service, times) in services.iter().zip(&mut times) {
            let began = Instant::now();
            service.proof().await;
            times.push(began.elapsed());
        }
    }
    for (service, times) in services.iter().zip(&mut times) {
        times.sort();
        let (p50, p99) = (times[SAMPLES / 2], times[SAMPLES * 99 / 100]);
        println!("http/POST to verified proof, {}: p50 {p50:.2?}, p99 {p99:.2?} of {SAMPLES}", service.name);
    }
}

/// Prints the accepted requests per second while earlier requests are being proved.
async fn posts(services: &[Service; 2]) {
    for service in services {
        let began = Instant::now();
        let mut last = String::new();
        for _ in 0..SAMPLES / AT_ONCE {
            last = future::join_all((0..AT_ONCE).map(|_| service.post())).await.remove(0);
        }
        let (taken, count) = (began.elapsed(), SAMPLES / AT_ONCE * AT_ONCE);
        service.client.proof(&last, PATIENCE).await.expect("the proof is made");
        let rate = count as f64 / taken.as_secs_f64();
        println!("http/POST /v1/proofs, {AT_ONCE} at once, {}: {rate:.0} per second", service.name);
    }
}

criterion_group!(benches, http);
criterion_main!(benches);
