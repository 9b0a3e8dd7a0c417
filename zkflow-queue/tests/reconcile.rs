//! The reconciler: no pending work is lost, and none stays pending forever.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::clock;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Catalog, Circuit, CircuitStatus, ProofRequest, ProofStatus};
use zkflow_core::service::clock::{Clock, ManualClock};
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::{JobQueue, NewJob, QueueName, Retry};
use zkflow_queue::reconcile::{ATTEMPTS_EXHAUSTED, Reconciled};
use zkflow_queue::{MemoryQueue, Reconciler};
use zkflow_store::MemoryCatalog;

struct Bench {
    clock: Arc<ManualClock>,
    catalog: Arc<MemoryCatalog>,
    queue: Arc<MemoryQueue>,
    reconciler: Reconciler,
}

fn bench() -> Bench {
    let clock = clock();
    let (catalog, queue) = (Arc::new(MemoryCatalog::new()), Arc::new(MemoryQueue::new(clock.clone())));
    let reconciler = Reconciler::new(catalog.clone(), queue.clone(), clock.clone());
    Bench { clock, catalog, queue, reconciler }
}

impl Bench {
    async fn add_circuit(&self) -> Circuit {
        let template = "rangeCheck".parse().unwrap();
        let circuit = Circuit::new(Digest::of("c"), template, serde_json::Map::new(), self.clock.now());
        self.catalog.circuits().insert(circuit).await.unwrap().0
    }

    async fn add_proof(&self, circuit: &Circuit) -> ProofRequest {
        let (now, keep) = (self.clock.now(), Duration::from_secs(1000));
        let id = ProofId::generate(now);
        let proof = ProofRequest::new(id, circuit.id.clone(), None, None, now, keep);
        self.catalog.proofs().insert(proof).await.unwrap().0
    }

    /// Dead-letters the next job of the queue.
    async fn kill_next(&self, queue: QueueName) {
        let lease =
            self.queue.lease(queue, 1, Duration::from_secs(9), Duration::ZERO).await.unwrap().remove(0);
        self.queue.fail(&lease.token, "disk full", Retry::Never).await.unwrap();
    }

    async fn pass(&self) -> (u64, u64) {
        let Reconciled { pushed, failed, .. } = self.reconciler.pass().await.unwrap();
        (pushed, failed)
    }
}

#[tokio::test]
async fn a_lost_queue_is_filled_again() {
    let bench = bench();
    let circuit = bench.add_circuit().await;
    let mut proofs = Vec::new();
    for _ in 0..450 {
        proofs.push(bench.add_proof(&circuit).await.id.to_string());
        bench.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(bench.pass().await, (451, 0));
    assert_eq!(bench.pass().await, (0, 0), "a pass pushed jobs that the queue already has");
    let (queue, lease) = (QueueName::ProofGeneration, Duration::from_secs(9));
    let mut leases = bench.queue.lease(queue, 999, lease, Duration::ZERO).await.unwrap();
    leases.sort_by(|a, b| a.job.subject.cmp(&b.job.subject));
    let subjects: Vec<_> = leases.into_iter().map(|lease| lease.job.subject).collect();
    assert_eq!(subjects, proofs);
}

#[tokio::test]
async fn what_is_final_is_not_pushed() {
    let bench = bench();
    let circuit = bench.add_circuit().await;
    let mut proof = bench.add_proof(&circuit).await;
    proof.cancel(bench.clock.now()).unwrap();
    bench.catalog.proofs().replace(proof).await.unwrap();
    assert_eq!(bench.pass().await, (1, 0));
}

#[tokio::test]
async fn what_the_queue_gave_up_fails_in_the_catalog() {
    let bench = bench();
    let circuit = bench.add_circuit().await;
    let proof = bench.add_proof(&circuit).await;
    bench.pass().await;
    bench.kill_next(QueueName::KeyGeneration).await;
    bench.kill_next(QueueName::ProofGeneration).await;
    assert_eq!(bench.pass().await, (0, 2));
    let circuit = bench.catalog.circuits().get(&circuit.id).await.unwrap().unwrap();
    let proof = bench.catalog.proofs().get(&proof.id).await.unwrap().unwrap();
    assert_eq!((circuit.life.status, proof.life.status), (CircuitStatus::Failed, ProofStatus::Failed));
    let error = proof.life.error.unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), (ATTEMPTS_EXHAUSTED, "disk full"));
    assert_eq!(bench.pass().await, (0, 0));
}

#[tokio::test]
async fn a_restarted_circuit_does_not_fail_for_its_old_dead_letter() {
    let bench = bench();
    let circuit = bench.add_circuit().await;
    bench.queue.push(NewJob::new(QueueName::KeyGeneration, circuit.id.as_str())).await.unwrap();
    bench.kill_next(QueueName::KeyGeneration).await;
    assert_eq!(bench.pass().await, (0, 1));
    bench.clock.advance(Duration::from_secs(1));
    let mut circuit = bench.catalog.circuits().get(&circuit.id).await.unwrap().unwrap();
    circuit.restart(bench.clock.now()).unwrap();
    bench.catalog.circuits().replace(circuit).await.unwrap();
    assert_eq!(bench.pass().await, (1, 0));
}
