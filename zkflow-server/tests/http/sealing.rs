//! Inputs that clients seal to the workers' key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use zkflow_core::id::CircuitId;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::Scope;
use zkflow_core::service::id::UserId;
use zkflow_core::service::tenant::TenantId;
use zkflow_store::vault::seal_as_client;
use zkflow_store::vault::sealing::{PublicSealingKey, SealingRing};

use crate::callers::guarded;
use crate::support::{NO_CIRCUIT, Server, age_proof, ready_circuit, shared};

/// What a client seals: an age.
fn age(age: &str) -> Value {
    json!({"privateInputs": {"age": age}, "publicInputs": {"randomPublicSignal": "7"}})
}

/// Seals a text as a client with this key.
fn sealed(key: &Value, circuit: &str, user: Option<&str>, text: &str) -> String {
    let public: PublicSealingKey = key["publicKey"].as_str().unwrap().parse().unwrap();
    let tenant: TenantId = key["tenant"].as_str().unwrap().parse().unwrap();
    let circuit: CircuitId = circuit.parse().unwrap();
    let user: Option<UserId> = user.map(|user| user.parse().unwrap());
    let text = CircuitInputs::from_json(text.to_owned());
    BASE64_STANDARD.encode(seal_as_client(&public, (&tenant, &circuit, user.as_ref()), &text))
}

/// The final document of a request with these sealed inputs.
async fn outcome(server: &Server, circuit: &str, user: Option<&str>, blob: &str) -> Value {
    let body = json!({"circuitId": circuit, "sealedInputs": blob, "userId": user});
    let reply = server.post("/v1/proofs", &body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["proofRequestId"].as_str().unwrap().to_owned();
    let done = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    server.inputs_are_destroyed(&id).await;
    done
}

#[tokio::test]
async fn sealed_inputs_give_a_proof_of_their_circuit_tenant_and_user() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let key = server.get("/v1/sealing-key").await.ok();
    assert_eq!(key["suite"], "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM");
    assert_eq!((&key["tenant"], &key["format"]), (&json!("default"), &json!(4)));
    let blob = sealed(&key, circuit, Some("ann"), &age("42").to_string());
    let done = outcome(server, circuit, Some("ann"), &blob).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["artifacts"]["publicSignals"], json!(["7"]));
    // Large ones are stored beside the document.
    let spaces = " ".repeat(20_000);
    let blob = sealed(&key, circuit, None, &format!("{}{spaces}", age("42")));
    assert_eq!(outcome(server, circuit, None, &blob).await["status"], "completed");

    let other = "ffffffffffffffffffffffffffffffff";
    let mut foreign = key.clone();
    foreign["tenant"] = json!("other");
    for blob in [
        sealed(&key, circuit, None, &age("42").to_string()),
        sealed(&key, other, Some("ann"), &age("42").to_string()),
        sealed(&foreign, circuit, Some("ann"), &age("42").to_string()),
        sealed(&key, circuit, Some("ann"), "[]"),
        sealed(&key, circuit, Some("ann"), r#"{"age":"42"}"#),
    ] {
        let failed = outcome(server, circuit, Some("ann"), &blob).await;
        assert_eq!(
            (&failed["status"], &failed["error"]["code"]),
            (&json!("failed"), &json!("inputs_altered"))
        );
    }
}

#[tokio::test]
async fn inputs_that_fit_open_fit_sealed_too() {
    let limit = 1 << 20;
    let (server, circuit) = Server::idle_with_circuit_and(|config| config.http.max_body_bytes = limit).await;
    let key = server.get("/v1/sealing-key").await.ok();
    // Leading zeros make a small number long.
    let long = |bytes: usize| age(&format!("{}42", "0".repeat(bytes)));
    let inputs = long(limit - 256);
    let mut open = inputs.clone();
    open["circuitId"] = json!(circuit);
    assert_eq!(server.post("/v1/proofs", &open).await.status, 202);
    let blob = sealed(&key, &circuit, None, &inputs.to_string());
    let reply = server.post("/v1/proofs", &json!({"circuitId": circuit, "sealedInputs": blob})).await;
    assert_eq!((reply.status.as_u16(), blob.len() > limit), (202, true), "{}", reply.text());
    // As many entries as a batch may have, which together have the limit when they are open.
    let blob = sealed(&key, NO_CIRCUIT, None, &long(limit / 1000 - 160).to_string());
    let many = json!({"proofs": vec![json!({"circuitId": NO_CIRCUIT, "sealedInputs": blob}); 1000]});
    assert!(many.to_string().len() > limit);
    let results = server.post("/v1/proofs:batch", &many).await.ok();
    assert_eq!(results["results"][999]["problem"]["code"], "circuit_not_found");
}

#[tokio::test]
async fn a_worker_checks_what_the_api_cannot_see() {
    let (server, circuit) = (shared().await, ready_circuit().await);
    let key = server.get("/v1/sealing-key").await.ok();
    let public = json!({"randomPublicSignal": "7"});
    for (private, public, code) in [
        (json!({"age": "42", "randomPublicSignal": "7"}), json!({}), "wrong_place"),
        (json!({"age": "secret-31415"}), public.clone(), "invalid_inputs"),
        (json!({"age": "42", "other": "1"}), public.clone(), "invalid_inputs"),
        (json!({}), public, "invalid_inputs"),
    ] {
        let text = json!({"privateInputs": private, "publicInputs": public}).to_string();
        let failed = outcome(server, circuit, None, &sealed(&key, circuit, None, &text)).await;
        assert_eq!(failed["error"]["code"], code, "{failed}");
        assert!(!failed.to_string().contains("31415"), "{failed}");
    }
}

#[tokio::test]
async fn what_is_not_sealed_to_a_key_of_this_server_is_refused_at_once() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let key = server.get("/v1/sealing-key").await.ok();
    let good = sealed(&key, &circuit, None, &age("42").to_string());
    let bytes = BASE64_STANDARD.decode(&good).unwrap();
    let stranger = SealingRing::generate().public_keys().next().unwrap();
    let mut unknown = key.clone();
    unknown["publicKey"] = json!(stranger.to_string());
    let mut other_version = bytes.clone();
    other_version[0] = 3;
    for (text, part) in [
        (sealed(&unknown, &circuit, None, "{}"), "GET /v1/sealing-key"),
        (BASE64_STANDARD.encode(&bytes[..40]), "format"),
        (BASE64_STANDARD.encode(other_version), "format"),
        (String::new(), "format"),
        ("?".to_owned(), "base64"),
        (good.trim_end_matches('=').to_owned() + "!", "base64"),
    ] {
        let body = json!({"circuitId": circuit, "sealedInputs": text});
        let reply = server.post("/v1/proofs", &body).await;
        reply.problem(422, "invalid_inputs");
        assert!(reply.fault("sealedInputs").contains(part), "{}", reply.text());
    }
    for (field, value) in [
        ("privateInputs", json!({"age": "42"})),
        ("publicInputs", json!({"randomPublicSignal": "7"})),
        ("inputs", json!("lenient")),
    ] {
        let mut body = json!({"circuitId": circuit, "sealedInputs": good});
        body[field] = value;
        server.post("/v1/proofs", &body).await.problem(422, "invalid_inputs");
    }
    let neither = server.post("/v1/proofs", &json!({"circuitId": circuit})).await;
    neither.problem(422, "invalid_inputs");
    assert!(neither.fault("privateInputs").contains("sealedInputs"));
    // Of many requests, each has its own result.
    let proofs = json!([
        {"circuitId": circuit},
        {"circuitId": circuit, "sealedInputs": good},
        {"circuitId": circuit, "sealedInputs": "?"},
        age_proof(&circuit, 42),
    ]);
    let results = server.post("/v1/proofs:batch", &json!({"proofs": proofs})).await.ok();
    let accepted: Vec<bool> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result.get("proofRequestId").is_some())
        .collect();
    assert_eq!(accepted, [false, true, false, true], "{results}");
}

#[tokio::test]
async fn the_key_names_the_tenant_of_the_caller() {
    let server = guarded().await;
    for tenant in ["own", "other"] {
        let caller = server.key(tenant, &[Scope::ProofsCreate]).await;
        assert_eq!(server.get_as(&caller, "/v1/sealing-key").await.ok()["tenant"], tenant);
    }
}

#[tokio::test]
async fn a_repeated_request_has_the_same_sealed_inputs() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let key = server.get("/v1/sealing-key").await.ok();
    let ask = async |blob: &str| {
        let body = json!({"circuitId": circuit, "sealedInputs": blob}).to_string();
        let mut request = crate::support::json_request("/v1/proofs", &body);
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        server.send(request).await
    };
    let blob = sealed(&key, &circuit, None, &age("42").to_string());
    let first = ask(&blob).await.json();
    assert_eq!(ask(&blob).await.json(), first);
    let again = sealed(&key, &circuit, None, &age("42").to_string());
    ask(&again).await.problem(422, "idempotency_key_reused");
}
