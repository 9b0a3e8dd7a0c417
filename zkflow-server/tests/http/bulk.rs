//! Many proofs in one request: asked for, and verified.

use axum::http::StatusCode;
use serde_json::{Value, json};
use zkflow_core::service::queue::QueueName;
use zkflow_server::work;

use crate::support::{
    BODY_LIMIT, NO_CIRCUIT, Reply, Server, age_proof, completed_proof, json_request, ready_circuit, shared,
};

async fn ask_all(server: &Server, proofs: &[Value]) -> Vec<Value> {
    let reply = server.post("/v1/proofs:batch", &json!({"proofs": proofs})).await;
    reply.ok()["results"].as_array().unwrap().clone()
}

async fn owed(server: &Server) -> u64 {
    server.app.queue.stats(QueueName::ProofGeneration).await.unwrap().ready
}

#[tokio::test]
async fn many_proofs_are_requested_at_once_and_all_are_made() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let results = ask_all(server, &[42, 17, 43].map(|age| age_proof(circuit, age))).await;
    for (result, status) in results.iter().zip(["completed", "failed", "completed"]) {
        let id = result["proofRequestId"].as_str().unwrap();
        let done = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
        assert_eq!(done["status"], status, "{done}");
        server.inputs_are_destroyed(id).await;
    }
}

#[tokio::test]
async fn a_refused_request_hinders_no_other_and_has_the_problem_of_a_single_one() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let mut misplaced = age_proof(&circuit, 42);
    misplaced["privateInputs"]["randomPublicSignal"] = misplaced["publicInputs"]["randomPublicSignal"].take();
    misplaced["publicInputs"] = json!({});
    let mut unknown = age_proof(&circuit, 42);
    unknown["privateInputs"]["canary"] = json!("31415");
    let bad = [(age_proof(NO_CIRCUIT, 42), 404), (misplaced, 422), (unknown, 422)];
    let good = || age_proof(&circuit, 42);
    let asked = [good(), bad[0].0.clone(), bad[1].0.clone(), good(), bad[2].0.clone()];
    let results = ask_all(&server, &asked).await;
    assert_eq!(results.len(), 5);
    for place in [0, 3] {
        let id = results[place]["proofRequestId"].as_str().unwrap();
        assert_eq!(server.get(&format!("/v1/proofs/{id}")).await.ok()["status"], "pending");
        assert!(server.has_sealed(id).await && results[place].get("problem").is_none());
    }
    for (place, (alone, status)) in [1, 2, 4].into_iter().zip(bad) {
        let single = server.post("/v1/proofs", &alone).await;
        assert_eq!(single.status.as_u16(), status);
        assert_eq!(results[place], json!({"problem": single.json()}));
    }
    assert_eq!(owed(&server).await, 2);
    assert!(!json!(results).to_string().contains("31415"), "a result contains a private input");
}

#[tokio::test]
async fn a_repeated_batch_is_the_same_requests() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let ask = async |ages: &[u64]| -> Reply {
        let proofs: Vec<Value> = ages.iter().map(|age| age_proof(&circuit, *age)).collect();
        let mut request = json_request("/v1/proofs:batch", &json!({"proofs": proofs}).to_string());
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        server.send(request).await
    };
    let first = ask(&[42, 43]).await.ok();
    assert_ne!(first["results"][0], first["results"][1]);
    assert_eq!(ask(&[42, 43]).await.ok(), first);
    // More entries: the first ones are the same.
    let more = ask(&[42, 43, 44]).await.ok();
    assert_eq!(more["results"].as_array().unwrap()[..2], first["results"].as_array().unwrap()[..]);
    let other = ask(&[42, 50]).await.ok();
    assert_eq!(other["results"][0], first["results"][0]);
    assert_eq!(other["results"][1]["problem"]["code"], "idempotency_key_reused");
    assert_eq!(owed(&server).await, 3);
    let mut long =
        json_request("/v1/proofs:batch", &json!({"proofs": [age_proof(&circuit, 42)]}).to_string());
    long.headers_mut().insert("idempotency-key", "k".repeat(121).parse().unwrap());
    server.send(long).await.problem(400, "invalid_idempotency_key");
}

#[tokio::test]
async fn only_as_many_are_accepted_as_the_queue_takes() {
    let (server, circuit) =
        Server::idle_with_circuit_and(|config| config.limits.max_pending_proofs = 3).await;
    server.ask_for_proof(&circuit, 42).await;
    let results = ask_all(&server, &[42, 43, 44, 45].map(|age| age_proof(&circuit, age))).await;
    let codes: Vec<&str> = results.iter().map(|one| one["problem"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "", "overloaded", "overloaded"]);
    assert_eq!(owed(&server).await, 3);
}

#[tokio::test]
async fn a_batch_has_1_to_1000_entries() {
    let (server, circuit) =
        Server::idle_with_circuit_and(|config| config.http.max_body_bytes = 1 << 20).await;
    let many = |number: usize| json!({"proofs": vec![age_proof(&circuit, 42); number]});
    for number in [0, 1001] {
        server.post("/v1/proofs:batch", &many(number)).await.problem(422, "invalid_body");
    }
    assert_eq!(owed(&server).await, 0);
    let results = server.post("/v1/proofs:batch", &many(1000)).await.ok();
    let ids: std::collections::HashSet<&str> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["proofRequestId"].as_str().unwrap())
        .collect();
    assert_eq!((ids.len(), owed(&server).await), (1000, 1000));
    server.post("/v1/proofs:batch", &json!({"proofs": [{}]})).await.problem(422, "invalid_body");
    server.post("/v1/proofs:batch", &json!([])).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn large_inputs_are_stored_apart_and_destroyed_too() {
    let (server, circuit) =
        Server::idle_with_circuit_and(|config| config.http.max_body_bytes = 1 << 20).await;
    // Leading zeros make a small number long.
    let mut large = age_proof(&circuit, 42);
    large["privateInputs"]["age"] = json!(format!("{}42", "0".repeat(BODY_LIMIT)));
    let reply = server.post("/v1/proofs", &large).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
    let id = reply.json()["proofRequestId"].as_str().unwrap().to_owned();
    let document = server.app.catalog.proofs().get(&id.parse().unwrap()).await.unwrap().unwrap();
    assert!(document.inputs.is_none() && server.has_sealed(&id).await);
    let workers = tokio::spawn(work::run(server.app.clone(), &[QueueName::ProofGeneration]));
    let done = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    assert_eq!(done["status"], "completed", "{done}");
    server.inputs_are_destroyed(&id).await;
    server.app.shutdown.cancel();
    workers.await.unwrap();
}

async fn verify_all(proofs: &Value) -> Reply {
    shared().await.post(&format!("/v1/circuits/{}/verify", ready_circuit().await), proofs).await
}

#[tokio::test]
async fn an_array_of_proofs_has_an_array_of_verdicts() {
    let artifacts = &completed_proof().await["artifacts"];
    let good = json!({"proof": artifacts["proof"], "publicSignals": artifacts["publicSignals"]});
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof
    };
    let modulus_and_seven = "21888242871839275222246405745257275088548364400416034343698204186575808495624";
    let bad = [
        (altered(&|one| one["publicSignals"] = json!(["8"])), "is not valid"),
        (altered(&|one| one["publicSignals"] = json!([modulus_and_seven])), "publicSignals"),
        (altered(&|one| one["publicSignals"] = json!(["7", "7"])), "found 2"),
        (altered(&|one| one["proof"]["pi_a"] = one["proof"]["pi_c"].clone()), "is not valid"),
        (altered(&|one| one["proof"]["pi_a"][0] = json!("1")), "pi_a"),
        (altered(&|one| one["proof"] = json!({})), "proof"),
    ];
    let all_good = verify_all(&json!(vec![good.clone(); 5])).await.ok();
    assert_eq!(all_good, json!(vec![json!({"verified": true}); 5]));
    for place in 0..3 {
        for (bad, part) in &bad {
            let mut proofs = vec![good.clone(); 3];
            proofs[place] = bad.clone();
            let verdicts = verify_all(&json!(proofs)).await.ok();
            for (at, verdict) in verdicts.as_array().unwrap().iter().enumerate() {
                assert_eq!(verdict["verified"], at != place, "{verdicts}");
            }
            assert!(verdicts[place]["reason"].as_str().unwrap().contains(part), "{verdicts}");
        }
    }
    let all_bad: Vec<&Value> = bad.iter().map(|(one, _)| one).collect();
    let verdicts = verify_all(&json!(all_bad)).await.ok();
    assert!(verdicts.as_array().unwrap().iter().all(|verdict| verdict["verified"] == false), "{verdicts}");
}

#[tokio::test]
async fn an_array_to_verify_has_1_to_1000_proofs_of_one_circuit() {
    verify_all(&json!([])).await.problem(422, "invalid_body");
    verify_all(&json!(vec![json!({"proof": {}, "publicSignals": []}); 1001]))
        .await
        .problem(422, "invalid_body");
    let problem = verify_all(&json!([{"proof": {}}])).await.problem(422, "invalid_body");
    assert!(problem["detail"].as_str().unwrap().contains("missing field `publicSignals`"), "{problem}");
    let artifacts = &completed_proof().await["artifacts"];
    let good = json!({"proof": artifacts["proof"], "publicSignals": artifacts["publicSignals"]});
    let path = format!("/v1/circuits/{}/verify?onChain={}", ready_circuit().await, crate::support::NO_PROOF);
    shared().await.post(&path, &json!([good])).await.problem(400, "invalid_query");
    shared()
        .await
        .post(&format!("/v1/circuits/{NO_CIRCUIT}/verify"), &json!([good]))
        .await
        .problem(404, "circuit_not_found");
}
