//! Provers on a GPU: what operators see of their faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zkflow_core::format::zkey::ZKey;
use zkflow_core::prove::native::NativeProver;
use zkflow_core::prove::{Health, PreparedKey, ProveError, Prover, Provers};

use crate::support::Server;

/// A prover on a GPU that made wrong proofs. The switch sets it aside.
#[derive(Debug)]
struct Faulty(NativeProver, Arc<AtomicBool>);

impl Prover for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        self.0.prepare(key)
    }

    fn health(&self) -> Health {
        let set_aside = self.1.load(Ordering::Relaxed);
        Health::new(if set_aside { 3 } else { 2 }, set_aside)
    }
}

/// Whether the metrics have this line, at least once in a few times: servers of other tests in this process write the
/// same metrics.
async fn has_metric(server: &Server, line: &str) -> bool {
    for _ in 0..20 {
        if server.get("/metrics").await.text().lines().any(|it| it == line) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_gpu_that_is_set_aside_is_told_by_readiness_metrics_and_overview() {
    let switch = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&switch);
    let provers = Provers::default()
        .with("faulty", move |options| Ok(Arc::new(Faulty(NativeProver::new(options)?, Arc::clone(&its)))));
    let server =
        Server::idle_with_provers(provers, |config| config.proving.prover = "faulty".to_owned()).await;

    assert!(has_metric(&server, "zkflow_gpu_faults_total 2").await);
    assert!(has_metric(&server, "zkflow_gpu_set_aside 0").await);
    assert_eq!(server.get("/ready").await.ok().get("warnings"), None);

    switch.store(true, Ordering::Relaxed);
    assert!(has_metric(&server, "zkflow_gpu_faults_total 3").await);
    assert!(has_metric(&server, "zkflow_gpu_set_aside 1").await);
    let ready = server.get("/ready").await.ok();
    assert_eq!(ready["status"], "ready", "the processor proves");
    let warning = ready["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("the GPU is set aside"), "{warning}");
    let overview = server.get("/v1/overview").await.ok();
    assert!(overview["warnings"].as_array().unwrap().iter().any(|it| it == warning), "{overview}");
}

#[tokio::test]
async fn a_gpu_that_cannot_be_used_is_told_by_readiness_metrics_and_overview() {
    let provers = Provers::default().with("faulty", |options| Ok(Arc::new(NativeProver::new(options)?)));
    let server =
        Server::idle_with_provers(provers, |config| config.proving.prover = "faulty".to_owned()).await;
    let ready = server.get("/ready").await.ok();
    assert_eq!(ready["status"], "ready", "the processor proves");
    assert!(ready["warnings"][0].as_str().unwrap().starts_with("the GPU cannot be used"), "{ready}");
    assert!(has_metric(&server, "zkflow_gpu_set_aside 1").await);
    assert_eq!(server.get("/v1/overview").await.ok()["process"]["prover"], "native");
}

/// On a machine with a GPU, it makes the proof; on others, the processor does.
#[cfg(feature = "cuda")]
#[tokio::test]
async fn the_prover_cuda_makes_the_proofs_of_a_server() {
    use axum::http::StatusCode;
    use zkflow_core::service::queue::QueueName;
    use zkflow_server::config::Proving;
    use zkflow_server::work;

    use crate::support::{ready_circuit, shared};

    let proving = Proving { prover: "cuda".to_owned(), cuda_min_rows: 0, ..Proving::default() };
    let server =
        Server::idle_with_provers(proving.provers(), |config| config.proving = proving.clone()).await;
    let circuit = ready_circuit().await;
    server.adopt(shared().await, shared().await.circuit(circuit).await).await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::ProofGeneration]));

    let id = server.ask_for_proof(circuit, 42).await;
    let proof = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    assert_eq!(proof["status"], "completed", "{proof}");
    assert_eq!(proof["artifacts"]["prover"], server.app.prover.name());
    let verified = serde_json::json!({
        "proof": proof["artifacts"]["proof"], "publicSignals": proof["artifacts"]["publicSignals"],
    });
    let reply = server.post(&format!("/v1/circuits/{circuit}/verify"), &verified).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json()["verified"], true);
    assert_eq!(server.app.prover.health().wrong_proofs, 0);
    let warned = server.get("/ready").await.ok()["warnings"].is_array();
    assert_eq!(warned, server.app.prover.name() != "cuda");
}
