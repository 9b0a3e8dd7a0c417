//! Measures the queues: pushing, leasing and completing jobs, one by one and many at a time, and the time
//! from a push to the lease in another process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{Catalog as _, ProofRequest};
use zkflow_core::service::clock::{Clock as _, SystemClock};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::{JobQueue, NewJob, QueueName};
use zkflow_queue::{MemoryQueue, Reconciler, RedisQueue, SqliteQueue};
use zkflow_store::{MemoryCatalog, sqlite};
use zkflow_testbed::{RedisOptions, RedisServer};

const Q: QueueName = QueueName::ProofGeneration;
const LEASE: Duration = Duration::from_secs(60);

/// Number of simultaneous jobs.
const MANY: usize = 64;
const BACKLOG: usize = 10_000;

fn queues(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Durable, as in production: Redis syncs once per second, SQLite at every change.
    let redis = RedisServer::start(RedisOptions { append_only: true, ..RedisOptions::default() })
        .expect("redis-server starts");
    let (sqlite, one, other) = runtime.block_on(async {
        let database = sqlite::open(folder.path().join("db")).await.expect("a database");
        let sqlite = SqliteQueue::open(database, Arc::new(SystemClock)).await.expect("a queue");
        let connect = || RedisQueue::connect(redis.url(), "bench");
        (sqlite, connect().await.expect("a queue"), connect().await.expect("a queue"))
    });
    let (one, other) = (Arc::new(one), Arc::new(other));
    let backends: [(&str, Arc<dyn JobQueue>); 3] = [
        ("memory", Arc::new(MemoryQueue::new(Arc::new(SystemClock)))),
        ("sqlite", Arc::new(sqlite)),
        ("redis", one.clone()),
    ];
    let mut group = c.benchmark_group("queue");
    for (name, queue) in &backends {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}: push, lease, complete"), |b| {
            b.to_async(&runtime).iter(|| one_job(&**queue));
        });
        group.throughput(Throughput::Elements(MANY as u64));
        group.bench_function(format!("{name}: push, lease, complete, {MANY} at a time"), |b| {
            b.to_async(&runtime).iter(|| future::join_all((0..MANY).map(|_| one_job(&**queue))));
        });
    }
    // Without the memory queue: its lease scans all jobs; it is for tests and demonstrations.
    for (name, queue) in &backends[1..] {
        runtime.block_on(async {
            for _ in 0..BACKLOG / 100 {
                future::join_all((0..100).map(|_| queue.push(job()))).await;
                // Each job enters its round once; the first lease does this.
                one_job(&**queue).await;
            }
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}: push, lease, complete beside {BACKLOG} waiting jobs"), |b| {
            b.to_async(&runtime).iter(|| one_job(&**queue));
        });
        group.bench_function(format!("{name}: statistics beside {BACKLOG} waiting jobs"), |b| {
            b.to_async(&runtime).iter(|| async { queue.stats(Q).await.expect("statistics") });
        });
    }
    runtime.block_on(async { while !drain(&*one).await.is_empty() {} });
    let catalog = Arc::new(MemoryCatalog::new());
    runtime.block_on(pending(&catalog));
    group.sample_size(10);
    for (name, queue) in &backends[1..] {
        let reconciler = Reconciler::new(catalog.clone(), queue.clone(), Arc::new(SystemClock));
        runtime.block_on(reconciler.pass()).expect("the jobs are pushed");
        group.throughput(Throughput::Elements(BACKLOG as u64));
        group.bench_function(format!("{name}: reconciler, {BACKLOG} pending requests with jobs"), |b| {
            b.to_async(&runtime).iter(|| async { reconciler.pass().await.expect("a pass") });
        });
        runtime.block_on(async { while !drain(&**queue).await.is_empty() {} });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("redis: from a push to the lease of another process that waits", |b| {
        b.to_async(&runtime).iter_custom(|rounds| wake_ups(one.clone(), other.clone(), rounds));
    });
    group.finish();
}

/// Adds pending requests.
async fn pending(catalog: &MemoryCatalog) {
    let circuit = CircuitId::from_hash(&Digest::of("circuit"));
    for _ in 0..BACKLOG {
        let (now, keep) = (SystemClock.now(), Duration::from_secs(3600));
        let proof = ProofRequest::new(ProofId::generate(now), circuit.clone(), None, None, now, keep);
        catalog.proofs().insert(proof).await.expect("an insert");
    }
}

fn job() -> NewJob {
    NewJob { dedup_key: None, ..NewJob::new(Q, "subject") }
}

async fn one_job(queue: &dyn JobQueue) {
    queue.push(job()).await.expect("a push");
    let leases = queue.lease(Q, 1, LEASE, Duration::from_secs(1)).await.expect("a lease");
    queue.complete(&leases[0].token).await.expect("the lease is held");
}

/// Leases and completes all due jobs, at most 1000.
async fn drain(queue: &dyn JobQueue) -> Vec<()> {
    let leases = queue.lease(Q, 1000, LEASE, Duration::ZERO).await.expect("leases");
    future::join_all(leases.iter().map(async |lease| drop(queue.complete(&lease.token).await))).await
}

async fn wake_ups(one: Arc<RedisQueue>, other: Arc<RedisQueue>, rounds: u64) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        let other = other.clone();
        let waiting = tokio::spawn(async move {
            let leases = other.lease(Q, 1, LEASE, Duration::from_secs(10)).await.expect("a lease");
            let leased = Instant::now();
            other.complete(&leases[0].token).await.expect("the lease is held");
            leased
        });
        // Time for the other process to start waiting.
        tokio::time::sleep(Duration::from_millis(3)).await;
        let pushed = Instant::now();
        one.push(job()).await.expect("a push");
        total += waiting.await.expect("the task ends").duration_since(pushed);
    }
    total
}

criterion_group!(benches, queues);
criterion_main!(benches);
