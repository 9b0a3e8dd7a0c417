//! `zkflow-client` has a call for every route of the description, or reaches it by its path.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::Request;
use serde_json::{Value, json};
use zkflow_client::{
    CircuitFilter, Client, ClientError, Inputs, JobFilter, Page, ProofFilter, UploadFile, UsageFilter,
    blocking,
};
use zkflow_server::http;

use crate::server::{PATIENCE, Server};

/// Routes that have no call of their own.
const BY_PATH: [&str; 19] = [
    "createKey",
    "deleteWebhooks",
    "endSession",
    "getKey",
    "getSession",
    "getWebhooks",
    "health",
    "listAuditLog",
    "listDeliveries",
    "listKeys",
    "listTenants",
    "metrics",
    "ready",
    "replayDelivery",
    "revokeKey",
    "rotateKey",
    "rotateWebhooks",
    "setWebhooks",
    "startSession",
];

/// Method, path and id of an operation.
type Operation = (String, String, String);

fn operations() -> Vec<Operation> {
    let description = http::description();
    let paths = description["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().iter();
        let one = |(method, operation): (&String, &Value)| {
            (method.to_uppercase(), path.clone(), operation["operationId"].as_str().unwrap().to_owned())
        };
        operations.map(one).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// The id of the operation that a request is of.
fn operation_of(operations: &[Operation], method: &str, path: &str) -> String {
    let fits = |template: &str| {
        let (parts, given) = (template.split('/'), path.split('/'));
        parts.clone().count() == given.clone().count()
            && parts.zip(given).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let of_method = || operations.iter().filter(|one| one.0 == method);
    let exact = of_method().find(|one| one.1 == path);
    let found = exact.or_else(|| of_method().find(|one| fits(&one.1)));
    found.unwrap_or_else(|| panic!("{method} {path} is not in the description")).2.clone()
}

/// Makes every call. The answers are empty objects, so most calls fail after their first request.
fn call_everything(client: &blocking::Client) {
    let (id, page, empty) = ("0".repeat(32), Page::default(), json!({}));
    let (id, none) = (id.as_str(), &mut |_: &Value| {});
    let inputs = Inputs { private: json!({}), public: json!({}), user: None };
    drop(client.request_circuit("t", json!({})));
    drop(client.circuits(&CircuitFilter::default(), &page));
    drop(client.circuit_by_id(id));
    drop(client.follow_circuit(id, PATIENCE, none));
    drop(client.contract(id));
    drop(client.file(id, "circuit.wasm"));
    drop(client.delete_circuit(id, false));
    drop(client.create_upload(&[UploadFile::of_bytes("r1cs", *b"r1cs")]));
    drop(client.upload(id));
    drop(client.put_part(id, 0, 0, vec![1]));
    drop(client.sign_parts(id, 0, &[]));
    drop(client.delete_upload(id));
    drop(client.request_import(id, &empty));
    drop(client.request_proof_with(id, &inputs, zkflow_client::ProofOptions::default()));
    drop(client.request_proofs(&[]));
    drop(client.proofs(&ProofFilter::default(), &page));
    drop(client.proof_by_id(id));
    drop(client.follow_proof(id, PATIENCE, none));
    drop(client.calldata(id));
    drop(client.cancel_proof(id));
    drop(client.delete_proof(id));
    drop(client.sealing_key());
    drop(client.verify(id, &empty, &[]));
    drop(client.request_deployment(id, &empty, "key"));
    drop(client.deployments(id, &page));
    drop(client.deployment(id, id));
    drop(client.follow_deployment(id, id, PATIENCE, none));
    drop(client.bind_contract(id, 1, "0x"));
    drop(client.templates());
    drop(client.template("t"));
    drop(client.jobs("deploy", &JobFilter::default(), None));
    drop(client.retry_jobs("deploy", &[]));
    drop(client.delete_jobs("deploy", &[]));
    drop(client.purge_jobs("2027-01-01T00:00:00Z"));
    drop(client.pause_queue("deploy"));
    drop(client.resume_queue("deploy"));
    drop(client.overview());
    drop(client.usage(&UsageFilter::default(), &page));
    drop(client.ceremonies(None, &page));
    drop(client.create_ceremony(&empty, None));
    drop(client.ceremony(id));
    drop(client.ceremony_file(id, "ceremony.json", 0..1));
    drop(client.finish_ceremony(id, "0a"));
    drop(client.delete_ceremony(id, false));
    drop(client.join_ceremony(id));
    drop(client.take_turn(id, "token"));
    drop(client.leave_ceremony(id, "token"));
    drop(client.declare_contribution(id, "token", 1, id));
    drop(client.put_contribution_part(id, "token", 0, vec![1]));
    drop(client.submit_contribution(id, "token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_a_call_or_is_reached_by_its_path() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let note = move |request: Request| {
        let noted = Arc::clone(&noted);
        async move {
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            noted.lock().unwrap().push((method, path));
            Json(json!({}))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async { axum::serve(listener, axum::Router::new().fallback(note)).await });
    let calls = tokio::task::spawn_blocking(move || call_everything(&blocking::Client::of(client).unwrap()));
    calls.await.unwrap();

    let operations = operations();
    let called: BTreeSet<String> =
        seen.lock().unwrap().iter().map(|(method, path)| operation_of(&operations, method, path)).collect();
    let all: BTreeSet<String> = operations.iter().map(|one| one.2.clone()).collect();
    let without: Vec<&String> = all.difference(&called).collect();
    assert_eq!(without, BY_PATH, "operations without a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_every_route_that_is_reached_by_its_path() {
    let (server, key) = Server::start_with_keys(&[]);
    let client = Client::new(server.base()).with_api_key(&key).unwrap();
    let walked = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::of(client)?;
        for (method, path, id) in operations() {
            let parts = path.split('/').map(|part| if part.starts_with('{') { "0" } else { part });
            let (path, body) = (parts.collect::<Vec<_>>().join("/"), json!({}));
            let reply = match method.as_str() {
                "GET" => client.get(&path)?,
                "POST" => client.post(&path, &body)?,
                "PUT" => client.put(&path, &body)?,
                _ => client.delete(&path)?,
            };
            let code = reply.body["code"].as_str().unwrap_or_default();
            assert!(reply.status < 500 || id == "ready", "{id}: {reply:?}");
            assert!(!["method_not_allowed", "route_not_found"].contains(&code), "{id}: {reply:?}");
        }
        assert!(client.read("/metrics")?.starts_with(b"#"));
        assert!(matches!(client.get("@localhost/v1/circuits"), Err(ClientError::Unexpected(_))));

        let unknown = "0".repeat(32);
        let refused = [
            client.finish_ceremony(&unknown, "0a").unwrap_err(),
            client.delete_ceremony(&unknown, true).unwrap_err(),
            client.create_ceremony(&json!({}), None).unwrap_err(),
            client.create_ceremony(&json!({}), Some("a\nb")).unwrap_err(),
        ];
        let statuses = refused.map(|error| match error {
            ClientError::Refused { status, .. } => status / 100,
            _ => 0,
        });
        assert_eq!(statuses, [4, 4, 4, 0]);
        client.ceremonies(Some("open"), &Page::default())
    });
    assert_eq!(walked.await.unwrap().unwrap()["ceremonies"], json!([]));
}
