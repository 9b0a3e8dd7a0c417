//! Invalid inputs: errors contain their names, never their values.

use crate::support::{Server, ready_circuit, shared};
use serde_json::{Map, Value, json};
use zkflow_core::service::catalog::Origin;

/// A value that no message contains by chance.
const CANARY: &str = "31415926535897";

#[tokio::test]
async fn inputs_that_do_not_fit_are_named_by_path_and_never_by_value() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let modulus = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    let public = json!({"randomPublicSignal": CANARY});
    for (private, public, path, part) in [
        (json!({}), &public, "privateInputs.age", "missing"),
        (json!({"age": CANARY}), &json!({}), "publicInputs.randomPublicSignal", "missing"),
        (json!({"age": CANARY, "agee": CANARY}), &public, "privateInputs.agee", "age, randomPublicSignal"),
        (
            json!({"age": CANARY}),
            &json!({"randomPublicSignal": CANARY, "x": CANARY}),
            "publicInputs.x",
            "unknown input",
        ),
        (
            json!({"age": CANARY, "randomPublicSignal": CANARY}),
            &public,
            "publicInputs.randomPublicSignal",
            "privateInputs",
        ),
        (json!({"age": [CANARY]}), &public, "privateInputs.age", "expected a value, found an array of 1"),
        (json!({"age": {"x": CANARY}}), &public, "privateInputs.age", "expected a value, found an object"),
        (json!({"age": true}), &public, "privateInputs.age", "decimal string or an integer"),
        (json!({"age": format!("-{CANARY}")}), &public, "privateInputs.age", "negative"),
        (json!({"age": format!("{CANARY}.5")}), &public, "privateInputs.age", "a decimal integer"),
        (json!({"age": -31_415_926_535_897_i64}), &public, "privateInputs.age", "negative"),
        (json!({"age": 31_415_926_535_897.5}), &public, "privateInputs.age", "not an exact integer"),
        (json!({"age": 3_141_592_653_589_700_000_u64}), &public, "privateInputs.age", "decimal string"),
        (json!({"age": 9_007_199_254_740_992_u64}), &public, "privateInputs.age", "above 2^53 - 1"),
        (json!({"age": modulus}), &public, "privateInputs.age", "not below the field's modulus"),
    ] {
        let body = json!({"circuitId": circuit, "privateInputs": private, "publicInputs": public});
        let reply = server.post("/v1/proofs", &body).await;
        let problem = reply.problem(422, "invalid_inputs");
        assert!(problem["detail"].as_str().unwrap().contains(path), "{problem}");
        assert!(reply.fault(path).contains(part), "{body}: {problem}");
        assert!(!reply.text().contains(&CANARY[..10]), "{problem}");
        assert!(!reply.text().contains(modulus), "{problem}");
    }
}

#[tokio::test]
async fn all_faults_are_named_at_once_and_at_most_sixteen() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let two = json!({"circuitId": circuit, "privateInputs": {"age": "x"}, "publicInputs": {"randomPublicSignal": "y"}});
    let reply = server.post("/v1/proofs", &two).await;
    reply.problem(422, "invalid_inputs");
    reply.fault("privateInputs.age");
    reply.fault("publicInputs.randomPublicSignal");

    let many: serde_json::Map<String, Value> = (0..100).map(|i| (format!("x{i}"), json!(1))).collect();
    let reply = server.post("/v1/proofs", &json!({"circuitId": circuit, "privateInputs": many})).await;
    assert_eq!(reply.problem(422, "invalid_inputs")["errors"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn what_was_refused_leaves_nothing_behind() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let body = json!({"circuitId": circuit, "privateInputs": {"age": "x"}});
    server.post("/v1/proofs", &body).await.problem(422, "invalid_inputs");
    assert_eq!(server.get("/v1/proofs").await.ok()["proofs"], json!([]));
    let sealed: Vec<_> = futures::TryStreamExt::try_collect(server.app.store.list("sealed")).await.unwrap();
    assert!(sealed.is_empty());
}

#[tokio::test]
async fn a_public_input_among_the_private_ones_is_refused_because_the_proof_would_disclose_it() {
    let (server, circuit) = Server::idle_with_circuit().await;
    for (private, public, path) in [
        (json!({"age": CANARY, "randomPublicSignal": CANARY}), json!({}), "privateInputs.randomPublicSignal"),
        (json!({}), json!({"age": CANARY, "randomPublicSignal": CANARY}), "publicInputs.age"),
        (json!({"randomPublicSignal": CANARY}), json!({"age": CANARY}), "privateInputs.randomPublicSignal"),
        (json!({"randomPublicSignal": CANARY}), json!({"age": CANARY}), "publicInputs.age"),
    ] {
        let body = json!({"circuitId": circuit, "privateInputs": private, "publicInputs": public});
        let reply = server.post("/v1/proofs", &body).await;
        let problem = reply.problem(422, "wrong_place");
        assert!(reply.fault(path).contains("give it in"), "{problem}");
        assert!(!reply.text().contains(&CANARY[..10]), "{problem}");
    }
    assert_eq!(server.get("/v1/proofs").await.ok()["proofs"], json!([]));
}

/// The constraints decide, not the manifest of a template, which can be wrong or gone.
#[tokio::test]
async fn the_circuit_decides_which_inputs_are_public() {
    let (source, server) = (shared().await, Server::idle().await);
    let id = ready_circuit().await;
    let mut circuit = source.circuit(id).await;
    assert_eq!(circuit.report.as_ref().unwrap().public_input_names, ["randomPublicSignal"]);
    circuit.origin = Origin::Template { template: "gone".parse().unwrap(), params: Map::new() };
    server.adopt(source, circuit).await;
    let body = json!({"circuitId": id, "privateInputs": {"age": 42, "randomPublicSignal": 7}});
    server.post("/v1/proofs", &body).await.problem(422, "wrong_place");
    let body =
        json!({"circuitId": id, "privateInputs": {"age": 42}, "publicInputs": {"randomPublicSignal": 7}});
    assert_eq!(server.post("/v1/proofs", &body).await.status, 202);
}
