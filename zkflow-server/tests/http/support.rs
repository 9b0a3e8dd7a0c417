//! Servers in memory, and requests to them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use zkflow_core::prove::Provers;
use zkflow_core::service::catalog::Circuit;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactPath, PutMode};
use zkflow_server::config::Config;
use zkflow_server::state::App;
use zkflow_server::{backends, http, work};

use crate::described;

/// An id without a circuit.
pub(crate) const NO_CIRCUIT: &str = "00000000000000000000000000000000";
/// An id without a proof request.
pub(crate) const NO_PROOF: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
/// Size limit of a request body in bytes.
pub(crate) const BODY_LIMIT: usize = 32 * 1024;

/// Size limit of a request for proofs in bytes: sealed inputs are base64.
pub(crate) const SEALED_LIMIT: usize = BODY_LIMIT + BODY_LIMIT.div_ceil(3) + 128 * 1024;

/// Request for the circuit of most tests; eight bits make it small.
pub(crate) fn range_check() -> Value {
    json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120, "bits": 8}})
}

/// The API with an app in memory.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
    router: Router,
}

impl Server {
    /// A server without workers: requests stay pending.
    pub(crate) async fn idle() -> Self {
        Self::idle_with(|_| ()).await
    }

    /// Like [`idle`](Self::idle), with changed settings.
    pub(crate) async fn idle_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::idle_with_provers(Provers::default(), change).await
    }

    /// Like [`idle_with`](Self::idle_with), with provers of the test.
    pub(crate) async fn idle_with_provers(provers: Provers, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.circuits.module_cache = Some(std::env::temp_dir().join("zkflow-test-modules"));
        config.http.max_body_bytes = BODY_LIMIT;
        change(&mut config);
        let app = backends::in_memory(config, provers, CancellationToken::new()).await.unwrap();
        Self { router: http::router(app.clone()), app }
    }

    /// The server with a changed app. No other part may have the app.
    pub(crate) fn changed(self, change: impl FnOnce(App) -> App) -> Self {
        let Self { app, router } = self;
        drop(router);
        let app = Arc::new(change(Arc::into_inner(app).unwrap()));
        Self { router: http::router(app.clone()), app }
    }

    /// An idle server and the id of a ready circuit on it.
    pub(crate) async fn idle_with_circuit() -> (Self, String) {
        Self::idle_with_circuit_and(|_| ()).await
    }

    /// Like [`idle_with_circuit`](Self::idle_with_circuit), with changed settings.
    pub(crate) async fn idle_with_circuit_and(change: impl FnOnce(&mut Config)) -> (Self, String) {
        let (shared, server) = (shared().await, Self::idle_with(change).await);
        let id = ready_circuit().await;
        server.adopt(shared, shared.circuit(id).await).await;
        (server, id.to_owned())
    }

    /// Copies a circuit and its artifacts from another server.
    pub(crate) async fn adopt(&self, other: &Server, circuit: Circuit) {
        for meta in circuit.artifacts.values() {
            let body = other.app.store.get(&meta.key).await.unwrap().body;
            self.app.store.put(&meta.key, body, PutMode::Create).await.unwrap();
        }
        self.app.catalog.circuits().insert(circuit).await.unwrap();
    }

    /// The stored document of a circuit.
    pub(crate) async fn circuit(&self, id: &str) -> Circuit {
        self.app.catalog.circuits().get(&id.parse().unwrap()).await.unwrap().unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let reply = Reply::of(self.open(request).await).await;
        described::check(&method, &path, &reply);
        reply
    }

    /// Like [`send`](Self::send), without reading the body.
    pub(crate) async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, Body::empty())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(request(Method::DELETE, path, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, &body.to_string()).await
    }

    pub(crate) async fn post_text(&self, path: &str, body: &str) -> Reply {
        self.send(json_request(path, body)).await
    }

    /// Requests a proof that an age is in the range of [`range_check`] and returns its id.
    pub(crate) async fn ask_for_proof(&self, circuit: &str, age: u64) -> String {
        let reply = self.post("/v1/proofs", &age_proof(circuit, age)).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
        reply.json()["proofRequestId"].as_str().unwrap().to_owned()
    }

    /// Whether sealed inputs of a proof request exist.
    pub(crate) async fn has_sealed(&self, proof: &str) -> bool {
        let id = proof.parse().unwrap();
        let document = self.app.catalog.proofs().get(&id).await.unwrap();
        let artifact = ArtifactPath::SealedInputs(id).key();
        document.is_some_and(|proof| proof.inputs.is_some()) || self.app.store.head(&artifact).await.is_ok()
    }

    /// Waits until the sealed inputs are destroyed, which happens shortly after the result is visible.
    pub(crate) async fn inputs_are_destroyed(&self, proof: &str) {
        for _ in 0..500 {
            if !self.has_sealed(proof).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the inputs of proof {proof} still exist");
    }
}

/// Body of a request for a proof of an age.
pub(crate) fn age_proof(circuit: &str, age: u64) -> Value {
    json!({
        "circuitId": circuit,
        "privateInputs": {"age": age.to_string()},
        "publicInputs": {"randomPublicSignal": "7"},
    })
}

/// A request without headers.
pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body.into()).unwrap()
}

/// A POST request with a JSON body.
pub(crate) fn json_request(path: &str, body: &str) -> Request<Body> {
    let mut request = request(Method::POST, path, body.to_owned());
    request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    request
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) async fn of(response: axum::response::Response) -> Self {
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Self { status: head.status, headers: head.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON body; asserts status 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.json()
    }

    /// The JSON body; asserts a complete and consistent problem document.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{shown}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{shown}");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["type"], format!("urn:zkflow:problem:{code}"), "{body}");
        assert_eq!(body["title"], json!(self.status.canonical_reason()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        body
    }

    /// The message in `errors` for `path`.
    #[track_caller]
    pub(crate) fn fault(&self, path: &str) -> String {
        let body = self.json();
        let faults = body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {body}"));
        let fault = faults.iter().find(|fault| fault["path"] == path);
        fault.unwrap_or_else(|| panic!("no fault for {path}: {body}"))["message"].as_str().unwrap().to_owned()
    }
}

/// Runtime for the workers of [`shared`], since the runtime of a test ends with the test.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// The server with workers that all tests share. Tests must not delete anything on it.
pub(crate) async fn shared() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let server = RUNTIME.spawn(Server::idle()).await.unwrap();
            RUNTIME.spawn(work::run(server.app.clone(), &QueueName::ALL));
            server
        })
        .await
}

/// Id of the circuit of [`range_check`], ready on [`shared`].
pub(crate) async fn ready_circuit() -> &'static str {
    static CIRCUIT: OnceCell<String> = OnceCell::const_new();
    CIRCUIT
        .get_or_init(|| async {
            let server = shared().await;
            let asked = server.post("/v1/circuits", &range_check()).await.json();
            let id = asked["circuitId"].as_str().unwrap().to_owned();
            let circuit = server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok();
            assert_eq!(circuit["status"], "ready", "{circuit}");
            id
        })
        .await
}

/// A completed proof of an age of 42, on [`shared`].
pub(crate) async fn completed_proof() -> &'static Value {
    static PROOF: OnceCell<Value> = OnceCell::const_new();
    PROOF
        .get_or_init(|| async {
            let server = shared().await;
            let id = server.ask_for_proof(ready_circuit().await, 42).await;
            let proof = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
            assert_eq!(proof["status"], "completed", "{proof}");
            proof
        })
        .await
}
