//! `zkflow-client`: lists, documents, keys of the caller, sealing and progress, against a real server.

use serde_json::{Value, json};
use zkflow_client::{CircuitFilter, Client, ClientError, Inputs, Page, ProofFilter, ProofOptions, blocking};

use crate::server::{PATIENCE, Server};

fn inputs(age: &str, user: Option<&str>) -> Inputs {
    let user = user.map(str::to_owned);
    Inputs { private: json!({"age": age}), public: json!({"randomPublicSignal": "7"}), user }
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or_else(|| panic!("{error}"))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn documents_are_read_and_listed() {
    let server = Server::start();
    let client = Client::new(server.base()).with_retries(1).with_timeout(PATIENCE);
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let unknown = "0".repeat(32);

    let again =
        client.request_circuit("rangeCheck", json!({"min": 18, "max": 120, "bits": 8})).await.unwrap();
    assert_eq!((&again["circuitId"], &again["status"]), (&json!(circuit), &json!("ready")));
    assert_eq!(client.circuit_by_id(&circuit).await.unwrap()["status"], "ready");
    assert_eq!(code(&client.circuit_by_id(&unknown).await.unwrap_err()), "circuit_not_found");
    let listed = |status: &str| CircuitFilter { status: some(status), ..CircuitFilter::default() };
    let found = client.circuits(&listed("ready"), &Page::default()).await.unwrap();
    assert_eq!(found["circuits"][0]["circuitId"], circuit);
    let found = client.circuits(&listed("failed"), &Page::default()).await.unwrap();
    assert_eq!(found["circuits"], json!([]));
    for (provenance, search, tenant, number) in
        [("development", "rangeC", "*", 1), ("ceremony", "rangeC", "*", 0), ("development", "angeC", "*", 0)]
    {
        let filter = CircuitFilter {
            provenance: some(provenance),
            search: some(search),
            tenant: some(tenant),
            ..CircuitFilter::default()
        };
        let found = client.circuits(&filter, &Page::default()).await.unwrap();
        assert_eq!(found["circuits"].as_array().unwrap().len(), number, "{filter:?}");
    }
    let sha256 = again["artifacts"]["proving_key.zkey"]["sha256"].as_str().unwrap();
    let module = again["artifacts"]["circuit.wasm"]["sha256"].as_str().unwrap();
    let absent = "0".repeat(64);
    for (digests, found) in [
        (&[sha256][..], true),
        (&[sha256, module], true),
        (&[sha256, &absent], false),
        (&[&absent], false),
        (&[], false),
    ] {
        let circuit_with = client.circuit_with_files(digests).await.unwrap();
        assert_eq!(
            circuit_with.map(|found| found["circuitId"] == *circuit),
            found.then_some(true),
            "{digests:?}"
        );
    }
    assert_eq!(client.template("rangeCheck").await.unwrap()["name"], "rangeCheck");
    assert!(client.template("no/template").await.is_err());

    let empty = client.deployments(&circuit, &Page::default()).await.unwrap();
    assert_eq!(empty["deployments"], json!([]));
    let none = uuid::Uuid::now_v7().to_string();
    assert_eq!(code(&client.deployment(&circuit, &none).await.unwrap_err()), "deployment_not_found");
    assert_eq!(code(&client.contract(&unknown).await.unwrap_err()), "circuit_not_found");
    assert_eq!(code(&client.unsigned_deployment(&unknown, 1, None).await.unwrap_err()), "circuit_not_found");

    let mut ids = Vec::new();
    for user in ["ann", "bob&co", "ann"] {
        let proved = client.prove(&circuit, &inputs("42", Some(user)), PATIENCE).await.unwrap();
        assert_eq!(client.proof_by_id(&proved.id).await.unwrap()["status"], "completed");
        ids.insert(0, proved.id);
    }
    let page =
        |limit, cursor: &Value| Page { limit: Some(limit), cursor: cursor.as_str().map(str::to_owned) };
    let asked = async |user: &str, page: Page| {
        let filter = ProofFilter { circuit: some(&circuit), user: some(user), ..ProofFilter::default() };
        client.proofs(&filter, &page).await.unwrap()
    };
    let first = asked("ann", page(1, &Value::Null)).await;
    assert_eq!(first["proofs"].as_array().unwrap().len(), 1);
    assert_eq!(first["proofs"][0]["proofRequestId"], ids[0]);
    let second = asked("ann", page(1, &first["nextCursor"])).await;
    assert_eq!(second["proofs"][0]["proofRequestId"], ids[2]);
    let other = asked("bob&co", Page::default()).await;
    assert_eq!(other["proofs"].as_array().unwrap().len(), 1);
    assert_eq!(other["proofs"][0]["proofRequestId"], ids[1]);

    let base = server.base().to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        client.proofs(&ProofFilter { status: some("failed"), ..ProofFilter::default() }, &Page::default())
    });
    assert_eq!(found.await.unwrap().unwrap()["proofs"], json!([]));
}

#[tokio::test]
async fn a_request_has_the_callers_key_and_is_sealed_and_observed() {
    let server = Server::start();
    let client = Client::new(server.base());
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();

    let keyed = || ProofOptions { idempotency_key: Some("order-17"), ..ProofOptions::default() };
    let one = client.request_proof_with(&circuit, &inputs("42", None), keyed()).await.unwrap();
    assert_eq!(client.prove_with(&circuit, &inputs("42", None), PATIENCE, keyed()).await.unwrap().id, one);
    let refused = client.request_proof_with(&circuit, &inputs("43", None), keyed()).await.unwrap_err();
    assert_eq!(code(&refused), "idempotency_key_reused");
    let broken = ProofOptions { idempotency_key: Some("a\nb"), ..ProofOptions::default() };
    assert!(client.request_proof_with(&circuit, &inputs("42", None), broken).await.is_err());

    let key = client.sealing_key().await.unwrap();
    let mut seen = Vec::new();
    let mut note = |request: &Value| seen.push(request["status"].as_str().unwrap().to_owned());
    let options = ProofOptions { seal: Some(&key), on_change: Some(&mut note), ..ProofOptions::default() };
    let sealed = client.prove_with(&circuit, &inputs("44", Some("ann")), PATIENCE, options).await.unwrap();
    assert_eq!(sealed.public_signals, ["7"]);
    assert_eq!(seen.pop().as_deref(), Some("completed"));
    assert!(seen.iter().all(|status| status == "pending"), "{seen:?}");

    // Sealed inputs are checked by the worker.
    let options = ProofOptions { seal: Some(&key), ..ProofOptions::default() };
    let failed = client.prove_with(&circuit, &inputs("17", None), PATIENCE, options).await.unwrap_err();
    assert!(failed.to_string().contains("constraint_failed"), "{failed}");

    let mut seen = 0;
    let done = client.follow_proof(&sealed.id, PATIENCE, &mut |_| seen += 1).await.unwrap();
    assert_eq!((done["status"].as_str(), seen), (Some("completed"), 1));
    let none = uuid::Uuid::now_v7().to_string();
    let unknown = client.follow_proof(&none, PATIENCE, &mut |_| panic!("there is no document")).await;
    assert_eq!(code(&unknown.unwrap_err()), "proof_not_found");

    let base = server.base().to_owned();
    let followed = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        client.follow_circuit(&circuit, PATIENCE, &mut |circuit| assert_eq!(circuit["status"], "ready"))
    });
    assert_eq!(followed.await.unwrap().unwrap()["status"], "ready");
}

/// A server, or a proxy before it, that sends no events: the client polls.
#[tokio::test]
async fn without_events_a_document_is_polled_and_a_silent_or_endless_server_is_given_up() {
    use axum::Json;
    use axum::routing::get;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    static POLLS: AtomicU32 = AtomicU32::new(0);
    let document = || async {
        let status = if POLLS.fetch_add(1, Ordering::SeqCst) < 2 { "pending" } else { "completed" };
        Json(json!({"status": status}))
    };
    let silent = || std::future::pending::<Json<Value>>();
    let endless = || async {
        let more = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]));
        axum::body::Body::from_stream(more)
    };
    let routes = axum::Router::new()
        .route("/v1/proofs/{id}", get(document))
        .route("/v1/proofs/{id}/events", get(|| async { "a page of a proxy" }))
        .route("/v1/circuits/{id}", get(|| async { "a page of a proxy" }))
        .route("/v1/templates/{name}", get(silent))
        .route("/v1/ceremonies/{id}", get(endless))
        .route("/v1/ceremonies/{id}/files/{name}", get(endless));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async { axum::serve(listener, routes).await });

    let mut seen = Vec::new();
    let mut note = |request: &Value| seen.push(request["status"].as_str().unwrap().to_owned());
    client.follow_proof("x", PATIENCE, &mut note).await.unwrap();
    assert_eq!(seen, ["pending", "completed"]);
    assert_eq!(POLLS.load(Ordering::SeqCst), 3);

    let page = client.circuit_by_id("x").await.unwrap_err();
    assert!(page.to_string().contains("not JSON"), "{page}");

    let hasty = client.with_retries(0).with_timeout(Duration::from_millis(50));
    let error = hasty.template("x").await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    // Contributors to ceremonies ask servers that they need not trust.
    let patient = hasty.with_timeout(PATIENCE);
    let key = patient.ceremony_file("x", "proving_key.zkey", 5..8 << 20).await.unwrap_err().to_string();
    assert!(key.contains("the answer is longer than 8388603 bytes"), "{key}");
    let announced = patient.ceremony("x").await.unwrap_err().to_string();
    assert!(announced.contains("the answer is longer than 67108864 bytes"), "{announced}");
}
