//! Every route with every scope, on documents of the caller's tenant, of another tenant, and on ids without a document. The
//! routes come from the description of the API, so a new route is tested too.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Method;
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Named as _, Scope};
use zkflow_server::http;
use zkflow_testbed::page;

use crate::callers::{Owned, TOKEN, guarded, guarded_with, with_key};
use crate::ceremonies::{later, powers};
use crate::support::{NO_CIRCUIT, NO_PROOF, Server, json_request, request};

/// A route of the description.
struct Route {
    method: Method,
    path: String,
    operation: String,
    needs: Needs,
}

/// Credentials that a route needs.
#[derive(Clone, Copy)]
enum Needs {
    Nothing,
    Credentials,
    Scope(Scope),
}

fn routes() -> Vec<Route> {
    let description = http::description();
    let mut routes = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = operation["security"].as_array();
            let security = security.unwrap_or_else(|| panic!("{method} {path} has no permission"));
            let needs = match security.first().map(|scheme| scheme["bearer"].as_array().unwrap().as_slice()) {
                None => Needs::Nothing,
                Some([]) => Needs::Credentials,
                Some(names) => {
                    let name = names[0].as_str().unwrap();
                    Needs::Scope(*Scope::ALL.iter().find(|scope| scope.as_str() == name).unwrap())
                }
            };
            let method = method.to_uppercase().parse().unwrap();
            let operation = operation["operationId"].as_str().unwrap().to_owned();
            routes.push(Route { method, path: path.clone(), operation, needs });
        }
    }
    routes
}

/// Ids in a path and in a body.
#[derive(Clone)]
struct Ids {
    circuit: String,
    proof: String,
    deployment: String,
    upload: String,
    ceremony: String,
    event: String,
}

impl From<&Owned> for Ids {
    fn from(owned: &Owned) -> Self {
        let Owned { circuit, proof, deployment, upload, ceremony, event } = owned;
        Self {
            circuit: circuit.id.to_string(),
            proof: proof.to_string(),
            deployment: deployment.to_string(),
            upload: upload.to_string(),
            ceremony: ceremony.to_string(),
            event: event.to_string(),
        }
    }
}

impl Ids {
    fn of_nothing() -> Self {
        let [proof, deployment, upload, ceremony, event] = [NO_PROOF; 5].map(str::to_owned);
        Self { circuit: NO_CIRCUIT.to_owned(), proof, deployment, upload, ceremony, event }
    }
}

/// Parts of paths that are no ids of documents, or, for deployments, are compared by themselves.
const NO_DOCUMENT: [&str; 6] = ["{name}", "{queue}", "{file}", "{part}", "{keyId}", "{deploymentId}"];

impl Route {
    /// Whether the route is about a document of a tenant.
    fn is_about_a_document(&self) -> bool {
        ["createProof", "importCircuit", "createCeremony"].contains(&&*self.operation)
            || self
                .path
                .split('/')
                .filter(|part| part.starts_with('{'))
                .any(|part| !NO_DOCUMENT.contains(&part))
    }

    fn request(&self, ids: &Ids, key_id: &str) -> axum::http::Request<Body> {
        let name = match &*self.operation {
            "getArtifact" => "verification_key.json",
            "getCeremonyFile" => "proving_key.zkey",
            _ => "rangeCheck",
        };
        let path = self.path.replace("{circuitId}", &ids.circuit).replace("{proofRequestId}", &ids.proof);
        let path = path.replace("{deploymentId}", &ids.deployment).replace("{keyId}", key_id);
        let path = path.replace("{deliveryId}", &ids.event);
        let path =
            path.replace("{name}", name).replace("{uploadId}", &ids.upload).replace("{queue}", "deploy");
        let path = path.replace("{file}", "0").replace("{part}", "0").replace("{ceremonyId}", &ids.ceremony);
        // Its parameters are required.
        let path = if self.operation == "listJobs" { path + "?queue=deploy&state=failed" } else { path };
        assert!(!path.contains('{'), "{path} has a part that this test does not know");
        let mut request = match (self.method.clone(), self.body(ids)) {
            (method, Some(body)) => {
                let mut request = json_request(&path, &body.to_string());
                *request.method_mut() = method;
                request
            }
            (Method::PUT, None) => request(Method::PUT, &path, "a"),
            (method, None) => request(method, &path, Body::empty()),
        };
        request.headers_mut().insert("contributor-token", TOKEN.parse().unwrap());
        request
    }

    fn body(&self, ids: &Ids) -> Option<Value> {
        Some(match &*self.operation {
            "createCircuit" => {
                json!({"templateName": "rangeCheck", "params": {"min": 1, "max": 9, "bits": 8}})
            }
            "createProof" => json!({
                "circuitId": ids.circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "7"},
            }),
            // Its entries have problems of their own: the tests of tenants look at them.
            "createProofs" => json!({"proofs": [{
                "circuitId": ids.circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "7"},
            }]}),
            "createUpload" => json!({"files": [{"role": "wasm", "size": 1, "sha256": Digest::of("a")}]}),
            "signParts" => json!({"parts": [{"part": 0, "sha256": Digest::of("a")}]}),
            "importCircuit" => json!({"uploadId": ids.upload}),
            "createCeremony" => json!({
                "circuitId": ids.circuit, "minContributions": 1, "deadline": later(1),
                "beacon": {"source": "a block", "at": later(2)},
            }),
            "finishCeremony" => json!({"value": "0a"}),
            "declareContribution" => json!({"size": 1, "sha256": Digest::of("a")}),
            "verifyProof" => json!({"proof": {}, "publicSignals": []}),
            "deployContract" => json!({"chainId": 31337, "signer": "deployer"}),
            "bindContract" => json!({"chainId": 31337, "address": format!("0x{}", "11".repeat(20))}),
            "createKey" => json!({"name": "a", "tenant": "own", "scopes": ["verify"]}),
            "retryJobs" | "deleteJobs" => json!({"queue": "deploy", "subjects": [ids.deployment]}),
            "purgeJobs" => json!({"before": "2020-01-01T00:00:00Z"}),
            "setWebhooks" => json!({"url": "https://1.1.1.1/hooks", "every": true}),
            "cancelProof" | "rotateKey" | "pauseQueue" | "resumeQueue" | "joinCeremony" | "takeTurn"
            | "submitContribution" | "rotateWebhooks" | "replayDelivery" | "startSession" => return None,
            other if self.method == Method::POST => panic!("{other} has no body in this test"),
            _ => return None,
        })
    }
}

#[tokio::test]
async fn every_route_asks_for_its_scope_and_shows_a_tenant_its_own_documents_only() {
    let server = guarded_with(|config| {
        config.circuits.ptau_path = Some(powers());
        config.webhooks.callbacks = true;
    })
    .await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((*scope, server.key("own", &[*scope]).await));
    }
    let unknown = format!("zk_{}", "0".repeat(64));
    for route in routes() {
        let shown = format!("{} {}", route.method, route.path);
        // A tenant may have a limited number of uploads.
        let uploads: Vec<_> = server.app.store.list("uploads").try_collect().await.unwrap();
        for upload in uploads {
            server.app.store.delete(&upload).await.unwrap();
        }
        let (own, other) = (server.documents_of("own").await, server.documents_of("other").await);
        let (own, other) = (Ids::from(&own), Ids::from(&other));
        let (victim, _) = server.key_until("own", &[], None).await;
        let send = async |key: Option<&str>, ids: &Ids| {
            let request = route.request(ids, victim.id.as_str());
            server.open(key.into_iter().fold(request, |request, key| with_key(key, request))).await
        };
        if matches!(route.needs, Needs::Nothing) {
            assert!(send(None, &own).await.status().is_success(), "{shown} is not public");
            assert!(send(Some(&unknown), &own).await.status().is_success(), "{shown} is not public");
            continue;
        }
        assert_eq!(send(None, &own).await.status(), 401, "{shown} without a key");
        assert_eq!(send(Some(&unknown), &own).await.status(), 401, "{shown} with an unknown key");
        let Needs::Scope(needed) = route.needs else {
            for (scope, key) in &keys {
                let status = send(Some(key), &own).await.status();
                assert!(status.is_success(), "{shown} with {}: {status}", scope.as_str());
            }
            continue;
        };
        for (scope, key) in keys.iter().filter(|(scope, _)| *scope != needed) {
            let refused = problem(&server, &route, key, &own).await;
            assert_eq!(refused.0, 403, "{shown} with {} in place of {}", scope.as_str(), needed.as_str());
            // The answer does not show whether there is such a document, or whose it is.
            for ids in [&other, &Ids::of_nothing()] {
                assert_eq!(
                    problem(&server, &route, key, ids).await,
                    refused,
                    "{shown} with {}",
                    scope.as_str()
                );
            }
        }
        let (_, key) = keys.iter().find(|(scope, _)| *scope == needed).unwrap();
        if route.is_about_a_document() {
            let nothing = problem(&server, &route, key, &Ids::of_nothing()).await;
            assert_eq!(problem(&server, &route, key, &other).await, nothing, "{shown} of another tenant");
            assert_eq!(nothing.0, 404, "{shown} of nobody");
        }
        if route.path.contains("{deploymentId}") {
            // A part of another document under an own one.
            let foreign = Ids { deployment: other.deployment.clone(), ..own.clone() };
            let missing = Ids { deployment: NO_PROOF.to_owned(), ..own.clone() };
            let nothing = problem(&server, &route, key, &missing).await;
            assert_eq!(problem(&server, &route, key, &foreign).await, nothing, "{shown} of another circuit");
            assert_eq!(nothing.0, 404, "{shown} of nobody");
        }
        let status = send(Some(key), &own).await.status();
        assert!(
            ![401, 403, 404].contains(&status.as_u16()) && !status.is_server_error(),
            "{shown}: {status}"
        );
    }
}

/// Status and body of an answer, without ids.
async fn problem(server: &Server, route: &Route, key: &str, ids: &Ids) -> (u16, String) {
    let reply = server.send_as(key, route.request(ids, NO_PROOF)).await;
    let text = [&ids.circuit, &ids.proof, &ids.deployment, &ids.upload, &ids.ceremony, &ids.event]
        .into_iter()
        .fold(reply.text().to_owned(), |text, id| text.replace(id.as_str(), "ID"));
    (reply.status.as_u16(), text)
}

#[tokio::test]
async fn a_failure_says_what_is_missing_and_repeats_no_credentials() {
    let server = guarded().await;
    let key = server.key("own", &[Scope::Verify]).await;
    let missing = server.get("/v1/circuits").await;
    missing.problem(401, "unauthenticated");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    let detail = server.get_as(&key, "/v1/circuits").await.problem(403, "scope_missing")["detail"].clone();
    assert!(detail.as_str().unwrap().contains("circuits:read"), "{detail}");
    let last = if key.ends_with('1') { '2' } else { '1' };
    for value in [
        format!("Bearer {}{last}", &key[..key.len() - 1]),
        "Bearer secret-31415".to_owned(),
        "Basic secret-31415".to_owned(),
        "secret-31415".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer {}", "x".repeat(20_000)),
    ] {
        let mut request = request(Method::GET, "/v1/circuits", Body::empty());
        request.headers_mut().insert("authorization", value.parse().unwrap());
        let reply = server.send(request).await;
        reply.problem(401, "credentials_refused");
        assert!(!reply.text().contains("31415") && !reply.text().contains(&key[3..20]), "{}", reply.text());
    }
    // Two headers may be a client's beside a proxy's.
    let mut twice = with_key(&key, request(Method::GET, "/v1/circuits", Body::empty()));
    twice.headers_mut().append("authorization", format!("Bearer {key}").parse().unwrap());
    server.send(twice).await.problem(401, "credentials_refused");
}

const HEAD: &str = "\
# Authorization

Every route needs one scope, or none. A key, a token, a session or a proxy names the tenant of a request and its scopes. `any`: any
credentials are enough.

| scope | permits |
|---|---|
";

const RULES: &str = "
- A tenant sees its own circuits, proof requests and deployments. Another tenant's document is 404, as one that does not exist.
- With `\"visibility\": \"tenant\"`, the default, all keys of the tenant see a circuit. Give a key a tenant of its own to keep its circuits
  from other keys.
- A circuit with `\"visibility\": \"public\"` can be read, proved with and verified with by every tenant that knows its id. Only its
  owner can deploy and delete it; others get 403 with `not_owner`. Lists contain own circuits only, without `?tenant=`.
- The same template with the same parameters is another circuit for each tenant, with keys of its own.
- Uploads, webhooks and deliveries belong to their tenant. A `callback` is on the host of the tenant's address.
- A ceremony with `\"visibility\": \"public\"` can be read and contributed to by every tenant that knows its id. The turn of a
  contributor needs its secret token too, in the header `Contributor-Token`.
- `userId` of a proof request is a label within the tenant, which has one turn for all its users. Without authentication, users take turns.
- Documents of earlier versions belong to the tenant `default`, as everything does on a server without authentication.
- `operate` is for operators: its routes show ids, tenants and errors of every tenant's work, and no inputs, proofs or signals. A key of
  Prometheus needs it too; with a listener for operations, Prometheus needs no key.
- With `operate` and `circuits:read`, `GET /v1/circuits?tenant=` lists the circuits of another tenant, or with `*` of every tenant: their
  template, status, sizes, origin of the keys and error. Parameters, files and names of signals are left out, and the circuit itself is 404.
  `search` compares the name of an import too, which is the path of its main file. `sha256` is refused.
- `admin` manages the keys of every tenant, and so can make a key with any scope.
- A session of the dashboard has the scopes of its key or token. With `admin`, it can make keys, which outlive it: each has its entry in the
  audit log, under the name of the key that began the session. A session begins no other session.

| status | code | meaning |
|---|---|---|
| 401 | `unauthenticated` | there are no credentials |
| 401 | `credentials_refused` | the credentials are unknown, revoked, expired or not valid |
| 403 | `scope_missing` | the caller has no such scope |
| 403 | `not_owner` | the circuit or ceremony is public and belongs to another tenant |
| 404 | | the document does not exist, or belongs to another tenant |
| 409 | `no_session` | a session does not begin with these credentials |

## Routes

| route | scope |
|---|---|
";

const FOOT: &str = "
With a listener for operations (`operations_port`), its routes need no scope there. The files of the [dashboard](dashboard.md) and of
`/docs` need none: they contain no data.

This page is generated from the description of the API: `UPDATE_PAGES=1 make test` writes it again.
";

#[test]
fn the_page_of_authorization_is_up_to_date() {
    const SCOPES: [(&str, &str); 11] = [
        ("circuits:read", "reading templates, circuits, their files, contracts and deployments"),
        ("circuits:build", "requesting circuits, and changing their visibility"),
        ("circuits:delete", "deleting circuits with their keys"),
        ("proofs:create", "requesting, cancelling and deleting proofs"),
        ("proofs:read", "reading proof requests and proofs"),
        ("verify", "verifying proofs"),
        (
            "deploy",
            "deploying contracts, with the operator's signers that serve the tenant too, and binding contracts",
        ),
        ("ceremonies:contribute", "reading ceremonies and their files, and contributing to them"),
        (
            "webhooks",
            "setting the address and the secrets of the tenant's webhooks, reading and repeating deliveries",
        ),
        (
            "operate",
            "reading metrics, the overview and the jobs of every tenant, and lists of its circuits; repeating jobs, deleting failed ones, pausing queues; \
             announcing, finishing and deleting ceremonies",
        ),
        ("admin", "managing the keys of every tenant, reading the list of tenants and the audit log"),
    ];
    let names: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(SCOPES.map(|(name, _)| name).to_vec(), names);
    let scopes: String = SCOPES.iter().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n")).collect();
    let rows: BTreeSet<_> = routes()
        .into_iter()
        .map(|route| {
            let scope = match route.needs {
                Needs::Nothing => "none".to_owned(),
                Needs::Credentials => "any".to_owned(),
                Needs::Scope(scope) => format!("`{}`", scope.as_str()),
            };
            (route.path.clone(), format!("| `{} {}` | {scope} |\n", route.method, route.path))
        })
        .collect();
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    page::check("docs/authorization.md", &[HEAD, &scopes, RULES, &rows, FOOT].concat());
}
