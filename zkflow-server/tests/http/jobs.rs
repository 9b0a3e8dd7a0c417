//! The jobs of every tenant, and the overview.

use std::time::Duration;

use serde_json::{Value, json};
use zkflow_core::service::catalog::{
    Circuit, CircuitStatus, Deployment, Document as _, Failure, ProofRequest, Scope, Signer,
};
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::{DeploymentId, ProofId};
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

/// The subjects of all pages of a list with these conditions, and the number of pages.
async fn matching(server: &Server, conditions: &str) -> (Vec<String>, usize) {
    let (mut cursor, mut subjects, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = server.get(&format!("/v1/jobs?{conditions}{cursor}")).await.ok();
        let found = page["jobs"].as_array().unwrap().iter();
        subjects.extend(found.map(|job| job["subject"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (subjects, pages),
        }
    }
}

#[tokio::test]
async fn jobs_are_listed_and_counted_by_conditions() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let mut failed = Vec::new();
    for _ in 0..3 {
        server.ask_for_proof(&circuit, 42).await;
        failed.push(let_die(&server, QueueName::ProofGeneration).await);
        // Requests of the same millisecond would be ordered by id.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    failed.reverse();
    let first = server.get("/v1/jobs?queue=proof-generation&state=failed").await.ok();
    let made = first["jobs"][1]["createdAt"].as_str().unwrap().to_owned();
    for state in ["failed", "dead"] {
        let all = format!("queue=proof-generation&state={state}");
        let list = async |conditions: &str| matching(&server, &format!("{all}{conditions}")).await.0;
        let count = async |conditions: &str| {
            let page = server.get(&format!("/v1/jobs?{all}{conditions}&count=true&limit=1")).await.ok();
            page["count"].clone()
        };
        for conditions in [
            "",
            "&errorCode=panic",
            "&tenant=default",
            "&containing=PANICKED",
            "&before=2999-01-01T00:00:00Z",
            "&errorCode=panic&tenant=default&containing=queued&before=2999-01-01T00:00:00Z",
        ] {
            assert_eq!(list(conditions).await, failed, "{state}{conditions}");
            let (by_one, pages) = matching(&server, &format!("{all}{conditions}&limit=1")).await;
            assert_eq!((by_one, pages), (failed.clone(), 3), "{state}{conditions}");
            assert_eq!(count(conditions).await, json!({"number": 3, "more": false}), "{state}{conditions}");
        }
        for conditions in [
            "&errorCode=circuit_gone",
            "&tenant=other",
            "&containing=nothing",
            "&before=2020-01-01T00:00:00Z",
        ] {
            assert!(list(conditions).await.is_empty(), "{state}{conditions}");
            assert_eq!(count(conditions).await, json!({"number": 0, "more": false}), "{state}{conditions}");
        }
        assert_eq!(list(&format!("&containing={}", failed[1])).await, failed[1..2]);
    }
    let earlier = matching(&server, &format!("queue=proof-generation&state=failed&before={made}")).await.0;
    assert_eq!(earlier, failed[2..]);
    let page = server.get("/v1/jobs?queue=proof-generation&state=failed&limit=1").await.ok();
    assert!(page.get("count").is_none());
    // A cursor belongs to its conditions.
    let next = page["nextCursor"].as_str().unwrap();
    let other = format!("/v1/jobs?queue=proof-generation&state=failed&errorCode=panic&cursor={next}");
    server.get(&other).await.problem(400, "invalid_cursor");
    server.get("/v1/jobs?queue=deploy&state=failed&before=yesterday").await.problem(400, "invalid_query");
    server.get("/v1/jobs?queue=deploy&state=failed&error_code=panic").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn conditions_that_no_job_can_meet_are_refused() {
    let server = Server::idle().await;
    let long = "x".repeat(257);
    for condition in ["errorCode=pani".to_owned(), format!("containing={long}")] {
        let path = format!("/v1/jobs?queue=deploy&state=failed&{condition}");
        server.get(&path).await.problem(400, "invalid_query");
    }
    for condition in [json!({"errorCode": "pani"}), json!({"containing": long})] {
        let mut matching = json!({"state": "failed"});
        matching.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
        let body = json!({"queue": "deploy", "matching": matching});
        server.post("/v1/jobs/delete", &body).await.problem(422, "invalid_body");
    }
    let body = json!({"queue": "deploy", "subjects": ["an id", "x".repeat(129)]});
    for verb in ["retry", "delete", "purge"] {
        let refused = server.post(&format!("/v1/jobs/{verb}"), &body).await.problem(422, "invalid_inputs");
        assert_eq!(refused["errors"][0]["path"], "subjects[1]", "{refused}");
    }
}

#[tokio::test]
async fn all_jobs_that_match_are_repeated_or_deleted() {
    let server = Server::idle().await;
    let mut failed = Vec::new();
    for max in 2..5 {
        asked_circuit(&server, max).await;
        failed.push(let_die(&server, KEYS).await);
    }
    failed.sort();
    let change = async |verb: &str, matching: Value| {
        let body = json!({"queue": "key-generation", "matching": matching});
        server.post(&format!("/v1/jobs/{verb}"), &body).await.ok()
    };
    for other in [
        json!({"state": "failed", "errorCode": "circuit_gone"}),
        json!({"state": "failed", "tenant": "other"}),
    ] {
        let none = change("retry", other.clone()).await;
        assert_eq!(none, json!({"results": [], "retried": 0}), "{other}");
        assert_eq!(change("delete", other.clone()).await, json!({"results": [], "deleted": 0}), "{other}");
    }
    let retried =
        change("retry", json!({"state": "failed", "errorCode": "panic", "containing": "PANICKED"})).await;
    assert_eq!((&retried["retried"], retried.get("nextCursor")), (&json!(3), None), "{retried}");
    let mut subjects: Vec<&str> =
        retried["results"].as_array().unwrap().iter().map(|one| one["subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, failed);
    assert!(jobs(&server, "key-generation", "failed").await.is_empty());
    assert!(jobs(&server, "key-generation", "dead").await.is_empty(), "letters of repeated jobs");
    assert_eq!(server.app.queue.stats(KEYS).await.unwrap().ready, 3);

    // What waits is not deleted.
    let kept = change("delete", json!({"state": "pending"})).await;
    assert_eq!((&kept["deleted"], kept["results"].as_array().unwrap().len()), (&json!(0), 3), "{kept}");
    for _ in 0..3 {
        let_die(&server, KEYS).await;
    }
    let deleted = change("delete", json!({"state": "dead"})).await;
    assert_eq!((&deleted["deleted"], deleted.get("nextCursor")), (&json!(3), None), "{deleted}");
    assert!(jobs(&server, "key-generation", "failed").await.is_empty());
}

#[tokio::test]
async fn more_jobs_than_one_call_changes_have_a_cursor() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let id = server.ask_for_proof(&circuit, 42).await;
    let model = server.app.catalog.proofs().get(&id.parse().unwrap()).await.unwrap().unwrap();
    for number in 0..203 {
        let made = server.app.now();
        let mut proof = ProofRequest { id: ProofId::generate(made), ..model.clone() };
        proof.life.created_at = made;
        let code = if number == 0 { "circuit_gone" } else { "panic" };
        proof.fail(Failure { code: code.to_owned(), message: String::new() }, made).unwrap();
        server.app.catalog.proofs().insert(proof).await.unwrap();
    }
    let change = async |verb: &str, cursor: Option<&Value>| {
        let mut matching = json!({"state": "failed", "errorCode": "panic"});
        if let Some(cursor) = cursor {
            matching["cursor"] = cursor.clone();
        }
        let body = json!({"queue": "proof-generation", "matching": matching});
        server.post(&format!("/v1/jobs/{verb}"), &body).await
    };
    let number = |reply: &Value| reply["results"].as_array().unwrap().len();
    // Jobs that cannot be repeated do not keep the calls from an end.
    let first = change("retry", None).await.ok();
    assert_eq!((number(&first), &first["retried"]), (200, &json!(0)));
    let second = change("retry", Some(&first["nextCursor"])).await.ok();
    assert_eq!((number(&second), second.get("nextCursor")), (2, None), "{second}");

    let first = change("delete", None).await.ok();
    assert_eq!((number(&first), &first["deleted"]), (200, &json!(200)));
    let second = change("delete", Some(&first["nextCursor"])).await.ok();
    assert_eq!((&second["deleted"], second.get("nextCursor")), (&json!(2), None), "{second}");
    let left = jobs(&server, "proof-generation", "failed").await;
    assert_eq!((left.len(), &left[0]["error"]["code"]), (1, &json!("circuit_gone")));
    change("delete", Some(&json!("00"))).await.problem(422, "invalid_inputs");
}

#[tokio::test]
async fn a_full_queue_ends_a_call_that_repeats_all() {
    let server = Server::idle_with(|config| config.limits.max_pending_circuits = 2).await;
    for max in 2..5 {
        asked_circuit(&server, max).await;
        let_die(&server, KEYS).await;
    }
    let retry = async |cursor: Option<&str>| {
        let mut matching = json!({"state": "failed"});
        if let Some(cursor) = cursor {
            matching["cursor"] = json!(cursor);
        }
        server.post("/v1/jobs/retry", &json!({"queue": "key-generation", "matching": matching})).await
    };
    let first = retry(None).await.ok();
    assert_eq!(first["retried"], 2);
    let cursor = first["nextCursor"].as_str().unwrap();
    retry(Some(cursor)).await.problem(429, "overloaded");
    let_die(&server, KEYS).await;
    let second = retry(Some(cursor)).await.ok();
    assert_eq!((&second["retried"], second.get("nextCursor")), (&json!(1), None), "{second}");
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
    for wrong in [
        json!({"queue": "deploy"}),
        json!({"queue": "deploy", "subjects": [], "matching": {"state": "failed"}}),
    ] {
        server.post("/v1/jobs/retry", &wrong).await.problem(422, "invalid_inputs");
        server.post("/v1/jobs/delete", &wrong).await.problem(422, "invalid_inputs");
    }
    for wrong in [json!({}), json!({"state": "lost"}), json!({"state": "failed", "errorcode": "panic"})] {
        let body = json!({"queue": "deploy", "matching": wrong});
        server.post("/v1/jobs/delete", &body).await.problem(422, "invalid_body");
    }
    server.post("/v1/queues/nothing/pause", &json!({})).await.problem(400, "invalid_path");
    server.get("/v1/jobs?queue=nothing&state=dead").await.problem(400, "invalid_query");
    server.get("/v1/jobs?queue=deploy").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_job_names_the_circuit_of_its_document() {
    let (server, circuit) = Server::idle_with_circuit().await;
    server.ask_for_proof(&circuit, 42).await;
    let now = server.app.now();
    let asked = Asked { chain_id: Some(1), signer: Signer::Absent, own_rpc: false, idempotency: None };
    let deployment = Deployment::new(DeploymentId::generate(now), circuit.parse().unwrap(), asked, now);
    server.app.catalog.deployments().insert(deployment).await.unwrap();
    asked_circuit(&server, 9).await;
    for (queue, named) in
        [("proof-generation", json!(circuit)), ("deploy", json!(circuit)), ("key-generation", Value::Null)]
    {
        let [job] = &jobs(&server, queue, "pending").await[..] else { panic!("{queue}") };
        assert_eq!(job["circuitId"], named, "{job}");
    }
    let dead = let_die(&server, QueueName::ProofGeneration).await;
    let [job] = &jobs(&server, "proof-generation", "dead").await[..] else { panic!() };
    assert_eq!((&job["subject"], &job["circuitId"]), (&json!(dead), &json!(circuit)), "{job}");
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
