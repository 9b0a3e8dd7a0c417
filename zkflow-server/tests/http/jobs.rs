//! The jobs of every tenant, and the overview.

use std::time::Duration;

use serde_json::{Value, json};
use zkflow_core::service::catalog::{Circuit, CircuitStatus, Document as _, Failure, ProofRequest, Scope};
use zkflow_core::service::queue::{QueueName, Retry};
use zkflow_server::work;

use crate::callers::guarded;
use crate::support::Server;

const KEYS: QueueName = QueueName::KeyGeneration;

/// Leases the only job of a queue and lets it die. The document fails as a worker would leave it.
async fn let_die(server: &Server, queue: QueueName) -> String {
    let minute = Duration::from_secs(60);
    let lease = server.app.queue.lease(queue, 1, minute, minute).await.unwrap().remove(0);
    server.app.queue.fail(&lease.token, "<b>out of memory</b>", Retry::Never).await.unwrap();
    let failure = Failure { code: "panic".to_owned(), message: "the work panicked".to_owned() };
    let subject = lease.job.subject;
    match queue {
        QueueName::KeyGeneration => {
            let mut circuit = server.circuit(&subject).await;
            circuit.fail(failure, server.app.now()).unwrap();
            server.app.save::<Circuit>(circuit).await.unwrap();
        }
        _ => {
            let id = subject.parse().unwrap();
            let mut proof = server.app.catalog.proofs().get(&id).await.unwrap().unwrap();
            proof.fail(failure, server.app.now()).unwrap();
            server.app.save::<ProofRequest>(proof).await.unwrap();
        }
    }
    subject
}

async fn asked_circuit(server: &Server, max: u64) {
    let asked = json!({"templateName": "rangeCheck", "params": {"min": 1, "max": max, "bits": 8}});
    assert_eq!(server.post("/v1/circuits", &asked).await.status, 202);
}

async fn jobs(server: &Server, queue: &str, state: &str) -> Vec<Value> {
    let page = server.get(&format!("/v1/jobs?queue={queue}&state={state}")).await.ok();
    page["jobs"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_failed_circuit_is_repeated_or_deleted() {
    let server = Server::idle().await;
    asked_circuit(&server, 9).await;
    let [pending] = &jobs(&server, "key-generation", "pending").await[..] else { panic!() };
    assert_eq!((&pending["state"], &pending["tenant"]), (&json!("pending"), &json!("default")));
    let id = let_die(&server, KEYS).await;
    for state in ["failed", "dead"] {
        let [job] = &jobs(&server, "key-generation", state).await[..] else { panic!("{state}") };
        assert_eq!((&job["subject"], &job["retryable"]), (&json!(id), &json!(true)), "{job}");
        assert_eq!((&job["state"], &job["error"]["code"]), (&json!(state), &json!("panic")), "{job}");
    }
    assert_eq!(jobs(&server, "key-generation", "dead").await[0]["lastError"], "<b>out of memory</b>");

    let chosen = json!({"queue": "key-generation", "subjects": [id, "nothing", "0".repeat(32)]});
    let outcomes = |reply: Value| -> Vec<String> {
        let results = reply["results"].as_array().unwrap();
        results.iter().map(|one| one["outcome"].as_str().unwrap().to_owned()).collect()
    };
    let retried = server.post("/v1/jobs/retry", &chosen).await.ok();
    assert_eq!(outcomes(retried), ["retried", "not_found", "not_found"]);
    assert!(jobs(&server, "key-generation", "dead").await.is_empty(), "the letter of a repeated job");
    assert_eq!(server.circuit(&id).await.life.status, CircuitStatus::Pending);
    assert_eq!(server.app.queue.stats(KEYS).await.unwrap().ready, 1);
    let again = server.post("/v1/jobs/retry", &chosen).await.ok();
    assert_eq!(outcomes(again)[0], "waiting");
    let deleted = server.post("/v1/jobs/delete", &chosen).await.ok();
    assert_eq!(outcomes(deleted)[0], "not_failed");

    let_die(&server, KEYS).await;
    let deleted = server.post("/v1/jobs/delete", &chosen).await.ok();
    assert_eq!(outcomes(deleted), ["deleted", "not_found", "not_found"]);
    assert!(jobs(&server, "key-generation", "failed").await.is_empty());
    // The dead letters remain until they are purged.
    assert_eq!(jobs(&server, "key-generation", "dead").await.len(), 1);
    let before = json!({"before": (server.app.now() + Duration::from_secs(1)).to_string()});
    assert_eq!(server.post("/v1/jobs/purge", &before).await.ok()["removed"], 1);
    assert!(jobs(&server, "key-generation", "dead").await.is_empty());
}

#[tokio::test]
async fn a_failed_proof_is_not_repeated_since_its_inputs_are_destroyed() {
    let (server, circuit) = Server::idle_with_circuit().await;
    server.ask_for_proof(&circuit, 42).await;
    let id = let_die(&server, QueueName::ProofGeneration).await;
    let [job] = &jobs(&server, "proof-generation", "failed").await[..] else { panic!() };
    assert_eq!(job["retryable"], json!(false));
    let text = job.to_string();
    assert!(!text.contains("publicSignals") && !text.contains("42,"), "{text}");
    let chosen = json!({"queue": "proof-generation", "subjects": [id]});
    let retried = server.post("/v1/jobs/retry", &chosen).await.ok();
    assert_eq!(retried["results"][0]["outcome"], "inputs_destroyed");
    let deleted = server.post("/v1/jobs/delete", &chosen).await.ok();
    assert_eq!(deleted["results"][0]["outcome"], "deleted");
    assert!(!server.has_sealed(&id).await);
    server.get(&format!("/v1/proofs/{id}")).await.problem(404, "proof_not_found");
}

#[tokio::test]
async fn a_pending_document_without_a_job_gets_one() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let minute = Duration::from_secs(60);
    let lease =
        server.app.queue.lease(QueueName::ProofGeneration, 1, minute, minute).await.unwrap().remove(0);
    server.app.queue.complete(&lease.token).await.unwrap();
    let chosen = json!({"queue": "proof-generation", "subjects": [id]});
    for outcome in ["retried", "waiting"] {
        assert_eq!(server.post("/v1/jobs/retry", &chosen).await.ok()["results"][0]["outcome"], outcome);
    }
    assert_eq!(server.app.queue.stats(QueueName::ProofGeneration).await.unwrap().ready, 1);
}

#[tokio::test]
async fn dead_letters_have_pages() {
    let server = Server::idle().await;
    for max in 2..7 {
        asked_circuit(&server, max).await;
        let_die(&server, KEYS).await;
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page =
            server.get(&format!("/v1/jobs?queue=key-generation&state=dead&limit=2{cursor}")).await.ok();
        seen.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["subject"].to_string()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((all, seen.len()), (5, 5));
}

#[tokio::test]
async fn dead_letters_are_removed_by_selection_queue_and_time() {
    let server = Server::idle().await;
    let mut dead = Vec::new();
    for max in 2..7 {
        asked_circuit(&server, max).await;
        dead.push(let_die(&server, KEYS).await);
    }
    let removed = async |chosen: &Value| server.post("/v1/jobs/purge", chosen).await.ok()["removed"].clone();
    let chosen = json!({"queue": "key-generation", "subjects": [dead[0], dead[2], "nothing"]});
    assert_eq!(removed(&chosen).await, 2);
    assert_eq!(removed(&chosen).await, 0);
    assert_eq!(removed(&json!({"queue": "deploy"})).await, 0);
    let early = json!({"queue": "key-generation", "before": "2020-01-01T00:00:00Z"});
    assert_eq!(removed(&early).await, 0);
    let mut left: Vec<_> =
        jobs(&server, "key-generation", "dead").await.iter().map(|job| job["subject"].clone()).collect();
    left.sort_by_key(ToString::to_string);
    let mut kept = [&dead[1], &dead[3], &dead[4]].map(|subject| json!(subject));
    kept.sort_by_key(ToString::to_string);
    assert_eq!(left, kept);
    // Documents remain.
    assert_eq!(jobs(&server, "key-generation", "failed").await.len(), 5);
    assert_eq!(removed(&json!({"queue": "key-generation"})).await, 3);

    for wrong in
        [json!({}), json!({"subjects": ["x"]}), json!({"before": "2027-01-01T00:00:00Z", "subjects": ["x"]})]
    {
        server.post("/v1/jobs/purge", &wrong).await.problem(422, "invalid_inputs");
    }
    let many = json!({"queue": "deploy", "subjects": vec!["x"; 201]});
    server.post("/v1/jobs/purge", &many).await.problem(422, "invalid_inputs");
}

#[tokio::test]
async fn too_many_jobs_and_unknown_queues_are_refused() {
    let server = Server::idle().await;
    let many = json!({"queue": "deploy", "subjects": vec!["x"; 201]});
    server.post("/v1/jobs/retry", &many).await.problem(422, "invalid_inputs");
    server.post("/v1/jobs/delete", &many).await.problem(422, "invalid_inputs");
    server.post("/v1/queues/nothing/pause", &json!({})).await.problem(400, "invalid_path");
    server.get("/v1/jobs?queue=nothing&state=dead").await.problem(400, "invalid_query");
    server.get("/v1/jobs?queue=deploy").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_paused_queue_keeps_its_jobs() {
    let server = Server::idle().await;
    asked_circuit(&server, 9).await;
    let paused = async |what: &str| {
        server.post(&format!("/v1/queues/key-generation/{what}"), &json!({})).await.ok()["paused"].clone()
    };
    assert_eq!(paused("pause").await, json!(true));
    let queue = |overview: &Value| overview["queues"][0].clone();
    let overview = server.get("/v1/overview").await.ok();
    assert_eq!(queue(&overview)["queue"], "key-generation");
    assert_eq!((&queue(&overview)["paused"], &queue(&overview)["ready"]), (&json!(true), &json!(1)));
    let minute = Duration::from_secs(60);
    assert!(server.app.queue.lease(KEYS, 1, minute, Duration::ZERO).await.unwrap().is_empty());
    assert_eq!(paused("resume").await, json!(false));
    assert_eq!(server.app.queue.lease(KEYS, 1, minute, minute).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_overview_tells_the_state_of_all_parts() {
    let server = Server::idle().await;
    let overview = server.get("/v1/overview").await;
    assert_eq!(overview.header("cache-control"), "no-store");
    let overview = overview.ok();
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(overview["authentication"], json!(false));
    assert_eq!(overview["backends"].as_array().unwrap().len(), 3);
    assert!(overview["backends"].as_array().unwrap().iter().all(|one| one["status"] == "ok"), "{overview}");
    assert_eq!(overview["queues"].as_array().unwrap().len(), QueueName::ALL.len());
    let windows = overview["activity"].as_array().unwrap();
    assert_eq!(windows.len(), 3);
    assert!(windows.iter().all(|window| window["completed"] == 0), "{overview}");
    assert_eq!(overview["workers"], json!([]));
    let circuits = &overview["caches"][0];
    assert_eq!(
        (&circuits["name"], &circuits["usedBytes"], &circuits["misses"]),
        (&json!("circuits"), &json!(0), &json!(0))
    );
    assert!(
        overview["warnings"].as_array().unwrap().iter().any(|text| text.to_string().contains("PTAU_PATH"))
    );
}

#[tokio::test]
async fn the_overview_counts_a_proof_with_its_times_and_the_circuit_that_made_it() {
    let (server, circuit) = Server::idle_with_circuit().await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::ProofGeneration]));
    for age in [42, 43] {
        let id = server.ask_for_proof(&circuit, age).await;
        let done = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
        assert!(done["timings"]["verify"].is_u64(), "{done}");
    }
    // The end is counted a moment after the proof can be read.
    let overview = loop {
        let overview = server.get("/v1/overview").await.ok();
        if overview["activity"][0]["completed"] == 2 {
            break overview;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for window in overview["activity"].as_array().unwrap() {
        assert_eq!((&window["completed"], &window["failed"]), (&json!(2), &json!(0)), "{window}");
        for time in ["wait", "witness", "prove", "verify", "total"] {
            assert!(window[time]["p50"].is_u64(), "{time}: {window}");
        }
    }
    let circuits = &overview["caches"][0];
    assert_eq!((&circuits["hits"], &circuits["misses"]), (&json!(1), &json!(1)));
    assert!(circuits["usedBytes"].as_u64() > Some(0), "{circuits}");
    let modules = overview["caches"].as_array().unwrap().iter().find(|cache| cache["name"] == "modules");
    assert!(modules.unwrap()["usedBytes"].as_u64() > Some(0), "{overview}");
}

#[tokio::test]
async fn an_operator_sees_the_jobs_of_every_tenant_and_a_tenant_none() {
    let server = guarded().await;
    let theirs = server.documents_of("theirs").await;
    let operator = server.key("operators", &[Scope::Operate]).await;
    let page = server.get_as(&operator, "/v1/jobs?queue=proof-generation&state=pending").await.ok();
    assert_eq!(page["jobs"][0]["subject"], json!(theirs.proof.to_string()));
    assert_eq!(page["jobs"][0]["tenant"], "theirs");
    let tenant = server.key("theirs", &[Scope::ProofsRead, Scope::ProofsCreate]).await;
    for path in ["/v1/jobs?queue=proof-generation&state=pending", "/v1/overview"] {
        server.get_as(&tenant, path).await.problem(403, "scope_missing");
    }
    // The documents themselves stay their owner's.
    let path = format!("/v1/proofs/{}", theirs.proof);
    server.get_as(&operator, &path).await.problem(403, "scope_missing");
}
