//! Hosted ceremonies: turns, refused contributions, the end by a beacon, and what strangers cannot do.

mod few;
mod spliced;

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::TryStreamExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::format::zkey::{ContributionName, ZKeyFile};
use zkflow_core::rng::{SecureRng, os_rng};
use zkflow_core::service::catalog::{Ceremony, Named as _, Scope};
use zkflow_core::service::ceremony::{CeremonyFiles, CeremonyRecord, ReceivedContribution};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;
use zkflow_core::setup::{Beacon, StepOptions, phase2};
use zkflow_server::config::{AuthMethod, Config};
use zkflow_server::work;

use crate::callers::with_key;
use crate::imports::file;
use crate::support::{Reply, Server, json_request, ready_circuit, request};

/// The published powers of tau for 2^8 rows.
pub(crate) fn powers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau")
}

/// A time in some hours.
pub(crate) fn later(hours: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    (Timestamp::from_millis(now as i64) + Duration::from_secs(hours * 3600)).to_string()
}

fn announcement(circuit: &str) -> Value {
    json!({
        "circuitId": circuit, "minContributions": 2, "deadline": later(1), "turnSeconds": 600,
        "beacon": {"source": "drand quicknet, round 7", "exponent": 10, "at": later(2)},
    })
}

/// A server with workers and an open ceremony.
struct Hosted {
    server: Server,
    id: String,
}

impl Hosted {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (server, circuit) = Server::idle_with_circuit_and(|config| {
            config.circuits.ptau_path = Some(powers());
            config.workers.reconcile_interval_s = 1;
            change(config);
        })
        .await;
        let app = server.app.clone();
        // The worker of the clean-up also pushes jobs that are missing.
        let queues = [QueueName::Ceremony, QueueName::KeyGeneration, QueueName::Cleanup];
        tokio::spawn(async move { work::run(app, &queues).await });
        let mut hosted = Self { server, id: String::new() };
        hosted.id = hosted.announce(&circuit).await;
        hosted
    }

    /// Announces a ceremony; returns its id when it is open.
    async fn announce(&self, circuit: &str) -> String {
        let key = self.server.key("default", Scope::ALL).await;
        let asked = json_request("/v1/ceremonies", &announcement(circuit).to_string());
        let reply = self.server.send(with_key(&key, asked)).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
        let id = reply.json()["ceremonyId"].as_str().unwrap().to_owned();
        self.until(&id, "open").await;
        id
    }

    async fn document(&self, id: &str) -> Ceremony {
        self.server.app.catalog.ceremonies().get(&id.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Waits until a worker has ended its work.
    async fn until(&self, id: &str, status: &str) -> Ceremony {
        for _ in 0..3000 {
            let ceremony = self.document(id).await;
            match ceremony.life.status.as_str() {
                present if present == status => return ceremony,
                "failed" => panic!("{:?}", ceremony.life.error),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("ceremony {id} is not {status}");
    }

    /// Changes the document, as if time had passed.
    async fn turn_back(&self, change: impl FnOnce(&mut Ceremony)) {
        let mut ceremony = self.document(&self.id).await;
        change(&mut ceremony);
        self.server.app.catalog.ceremonies().replace(ceremony).await.unwrap();
    }

    /// The deadline and the time of the beacon come with the last contribution.
    async fn passes_the_deadline(&self) {
        self.turn_back(|ceremony| {
            let now = ceremony.contributions.last().unwrap().contribution.received_at;
            (ceremony.rules.deadline, ceremony.rules.beacon.at) = (now, now);
        })
        .await;
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/ceremonies/{}{rest}", self.id)
    }

    async fn with_token(&self, token: &str, mut request: Request<Body>) -> Reply {
        request.headers_mut().insert("contributor-token", token.parse().unwrap());
        self.server.send(request).await
    }

    async fn join(&self) -> String {
        let reply = self.server.send(request(Method::POST, &self.path("/join"), Body::empty())).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    async fn turn(&self, token: &str) -> Value {
        self.with_token(token, request(Method::POST, &self.path("/turn"), Body::empty())).await.ok()
    }

    async fn present_key(&self) -> Vec<u8> {
        let reply = self.server.get(&self.path("/files/proving_key.zkey")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        reply.body.to_vec()
    }

    async fn declare(&self, token: &str, bytes: &[u8]) -> Reply {
        let body = json!({"size": bytes.len(), "sha256": Digest::of(bytes)}).to_string();
        let mut asked = json_request(&self.path("/turn/upload"), &body);
        *asked.method_mut() = Method::PUT;
        self.with_token(token, asked).await
    }

    async fn put_part(&self, token: &str, bytes: &[u8]) -> Reply {
        let asked = request(Method::PUT, &self.path("/turn/parts/0"), bytes.to_vec());
        self.with_token(token, asked).await
    }

    async fn submit(&self, token: &str) -> Reply {
        self.with_token(token, request(Method::POST, &self.path("/turn/submit"), Body::empty())).await
    }

    /// Takes the turn, sends a key and waits until it is verified; returns the state of the place.
    async fn send(&self, token: &str, bytes: &[u8]) -> Value {
        assert_eq!(self.turn(token).await["state"], "turn");
        self.declare(token, bytes).await.ok();
        assert_eq!(self.put_part(token, bytes).await.status, StatusCode::NO_CONTENT);
        let reply = self.submit(token).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
        self.until(&self.id, "open").await;
        self.turn(token).await
    }

    /// Joins, and contributes to the present key.
    async fn contribute(&self, name: &str) -> Value {
        let token = self.join().await;
        let key = contributed(&self.present_key().await, name, &mut os_rng());
        let state = self.send(&token, &key).await;
        assert_eq!(state["state"], "accepted", "{state}");
        assert_eq!(state["contribution"]["name"], name);
        state
    }

    /// Joins, and sends a key that must be refused.
    async fn refused(&self, bytes: &[u8], code: &str) -> String {
        let before = self.document(&self.id).await;
        let token = self.join().await;
        let state = self.send(&token, bytes).await;
        assert_eq!((&state["state"], &state["error"]["code"]), (&json!("refused"), &json!(code)), "{state}");
        let after = self.document(&self.id).await;
        assert_eq!((after.key, after.contributions), (before.key, before.contributions));
        state["error"]["message"].as_str().unwrap().to_owned()
    }

    async fn finish(&self, value: &str) -> Reply {
        self.server.post(&self.path("/finish"), &json!({"value": value})).await
    }
}

fn contributed(key: &[u8], name: &str, rng: &mut dyn SecureRng) -> Vec<u8> {
    let (mut key, mut out) = (ZKeyFile::open(Cursor::new(key)).unwrap(), Vec::new());
    let name = ContributionName::new(name);
    phase2::contribute(&mut key, &mut out, name, "", rng, StepOptions::default()).unwrap();
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_gives_a_circuit_with_its_key_and_a_record() {
    let hosted = Hosted::new().await;
    let ceremony = hosted.server.get(&hosted.path("")).await.ok();
    assert_eq!((&ceremony["open"], &ceremony["contributionCount"]), (&json!(true), &json!(0)));
    assert!(ceremony["circuit"]["powersOrigin"].as_str().unwrap().contains("Hermez"), "{ceremony}");
    hosted.contribute("ann").await;
    hosted.finish("0a").await.problem(409, "ceremony_not_due");
    hosted.contribute("ben").await;

    // The deadline and the time of the beacon have come.
    hosted.passes_the_deadline().await;
    let joined = hosted.server.send(request(Method::POST, &hosted.path("/join"), Body::empty())).await;
    joined.problem(409, "ceremony_closed");
    hosted.finish("no hex").await.problem(422, "invalid_inputs");
    hosted.finish("").await.problem(422, "invalid_inputs");
    let value = "6f9ba0f15ce1c3a8a52eb6ea07b6b6ac";
    assert_eq!(hosted.finish(&format!("0x{value}")).await.status, StatusCode::ACCEPTED);
    let ended = hosted.until(&hosted.id, "completed").await;
    hosted.finish("0b").await.problem(409, "ceremony_ended");

    let shown = hosted.server.get(&hosted.path("")).await.ok();
    assert_eq!(shown["result"]["provenance"], json!({"ceremony": 2}), "{shown}");
    let circuit = shown["result"]["circuitId"].as_str().unwrap().to_owned();
    assert_ne!(circuit, ready_circuit().await, "the circuit keeps its own key");
    let circuit = hosted.server.get(&format!("/v1/circuits/{circuit}?wait=60")).await.ok();
    assert_eq!((&circuit["status"], &circuit["provenance"]), (&json!("ready"), &json!({"ceremony": 2})));

    // The record fits the key, and nothing else is left.
    let text = hosted.server.get(&hosted.path("/files/ceremony.json")).await.body;
    let record = CeremonyRecord::from_json(&text).unwrap();
    let (key, r1cs) =
        (hosted.present_key().await, hosted.server.get(&hosted.path("/files/circuit.r1cs")).await.body);
    let head = ZKeyFile::open(Cursor::new(&key)).unwrap().head().clone();
    let (r1cs, zkey) = (Digest::of(&r1cs), Digest::of(&key));
    let files = CeremonyFiles { r1cs: &r1cs, zkey: &zkey, head: &head, powers: &record.circuit.powers };
    record.check(files).unwrap();
    assert_eq!((record.beacon.value.as_str(), record.contributions.len()), (value, 2));
    let served =
        format!("/v1/circuits/{}/artifacts/proving_key.zkey", circuit["circuitId"].as_str().unwrap());
    assert_eq!(hosted.server.get(&served).await.body, key);
    let files = hosted.files().await;
    // The initial and the final key, the constraints, the record.
    assert!(files.len() == 4 && files.iter().any(|file| file.contains(&zkey.to_string())), "{files:?}");
    // Each change of the record is noticed.
    let mut other = record.clone();
    other.contributions.swap(0, 1);
    assert!(other.check(files_of(&r1cs, &zkey, &head, &record)).is_err());
    let changes: [fn(&mut CeremonyRecord); 7] = [
        |record| record.beacon.value = "0b".to_owned(),
        |record| record.rules.min_contributions = 3,
        |record| record.rules.beacon.at = Timestamp::LATEST,
        |record| record.contributions[0].name = Some("eve".to_owned()),
        |record| drop(record.contributions.pop()),
        |record| record.zkey = Digest::of("another key"),
        |record| record.rules.deadline = record.announced_at,
    ];
    for change in changes {
        let mut other = record.clone();
        change(&mut other);
        assert!(other.check(files_of(&r1cs, &zkey, &head, &record)).is_err());
    }

    // Key and record are imported elsewhere. A record spliced from two ceremonies is refused.
    let of = |name: &str| format!("/v1/circuits/{}/artifacts/{name}", circuit["circuitId"].as_str().unwrap());
    let part = async |role, name| file(role, hosted.server.get(&of(name)).await.body.to_vec());
    let files = async |transcript: Vec<u8>| {
        vec![
            part("r1cs", "circuit.r1cs").await,
            part("wasm", "circuit.wasm").await,
            part("sym", "circuit.sym").await,
            part("zkey", "proving_key.zkey").await,
            file("ptau", std::fs::read(powers()).unwrap()),
            file("transcript", transcript),
        ]
    };
    let (imported, _) = hosted.server.imported(&files(text.to_vec()).await, json!({})).await;
    assert_eq!(imported["provenance"], json!({"ceremony": 2}), "{imported}");
    let mut spliced = record.clone();
    spliced.contributions[1] = {
        let other = contributed(&contributed(&key, "eve", &mut os_rng()), "eve", &mut os_rng());
        let head = ZKeyFile::open(Cursor::new(&other)).unwrap().head().clone();
        let at = record.contributions[1].received_at;
        ReceivedContribution::new(2, head.contributions.last().unwrap(), Digest::of(&other), at)
    };
    let refused = files(spliced.to_json().into_bytes()).await;
    let message = hosted.server.refused(&refused, json!({}), "transcript_of_other_key").await;
    assert!(message.contains("contribution 2 differs"), "{message}");
    hosted.server.refused(&files(b"{}".to_vec()).await, json!({}), "transcript_of_other_key").await;

    assert_eq!(ended.contributions.len(), 2);
    hosted.server.delete(&hosted.path("")).await.problem(409, "ceremony_ended");
    assert_eq!(hosted.server.delete(&hosted.path("?force=true")).await.status, StatusCode::NO_CONTENT);
    hosted.server.get(&hosted.path("")).await.problem(404, "ceremony_not_found");
    assert!(hosted.files().await.is_empty());
    let log = hosted.server.app.catalog.audit_log().entries(0, 99).await.unwrap();
    let ours = log.iter().filter(|entry| entry.event.subject == hosted.id);
    let actions: Vec<_> = ours.map(|entry| entry.event.action.as_str()).collect();
    assert_eq!(actions, ["ceremony.announce", "ceremony.finish", "ceremony.delete"]);
}

fn files_of<'a>(
    r1cs: &'a Digest,
    zkey: &'a Digest,
    head: &'a zkflow_core::format::zkey::KeyHead,
    record: &'a CeremonyRecord,
) -> CeremonyFiles<'a> {
    CeremonyFiles { r1cs, zkey, head, powers: &record.circuit.powers }
}

impl Hosted {
    /// Keys of the artifacts of the ceremony.
    async fn files(&self) -> Vec<String> {
        let prefix = format!("ceremonies/{}", self.id);
        let keys: Vec<_> = self.server.app.store.list(&prefix).try_collect().await.unwrap();
        keys.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_next_secret_contribution_is_refused_and_the_next_turn_begins() {
    let hosted = Hosted::new().await;
    let initial = hosted.present_key().await;
    let seeded = || StdRng::seed_from_u64(7);
    // Rubbish; an empty file cannot be declared.
    hosted.refused(b"rubbish", "malformed_file").await;
    let token = hosted.join().await;
    hosted.turn(&token).await;
    hosted.declare(&token, b"").await.problem(422, "invalid_upload");
    hosted.declare(&token, &vec![0; initial.len() + 2000]).await.problem(422, "upload_too_large");
    // Another file than declared.
    hosted.declare(&token, b"declared").await.ok();
    assert_eq!(hosted.put_part(&token, b"received").await.status, StatusCode::NO_CONTENT);
    assert_eq!(hosted.submit(&token).await.status, StatusCode::ACCEPTED);
    hosted.until(&hosted.id, "open").await;
    assert_eq!(hosted.turn(&token).await["error"]["code"], "upload_digest");

    let first = contributed(&initial, "ann", &mut seeded());
    let token = hosted.join().await;
    assert_eq!(hosted.send(&token, &first).await["state"], "accepted");
    // Nothing, an old file, a fork, the key of another ceremony of the circuit.
    hosted.refused(&first, "contribution_not_next").await;
    hosted.refused(&initial, "contribution_not_next").await;
    let fork = contributed(&contributed(&initial, "fork", &mut os_rng()), "ben", &mut os_rng());
    let message = hosted.refused(&fork, "contribution_not_next").await;
    assert!(message.contains("contribution 1 differs"), "{message}");
    // Two at once, a beacon, a secret that was used before, the name of development.
    let two = contributed(&contributed(&first, "ben", &mut os_rng()), "cleo", &mut os_rng());
    hosted.refused(&two, "contribution_not_next").await;
    let (mut key, mut ended) = (ZKeyFile::open(Cursor::new(&first)).unwrap(), Vec::new());
    let beacon = Beacon::new(b"value", 10).unwrap();
    phase2::beacon(&mut key, &mut ended, None, &beacon, StepOptions::default()).unwrap();
    hosted.refused(&ended, "ceremony_invalid").await;
    hosted.refused(&contributed(&first, "ben", &mut seeded()), "contribution_not_secret").await;
    let development = contributed(&first, "zkflow development", &mut os_rng());
    hosted.refused(&development, "contribution_not_secret").await;
    // A changed point, and a cut file.
    let mut changed = contributed(&first, "ben", &mut os_rng());
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let token = hosted.join().await;
    assert_eq!(hosted.send(&token, &changed).await["state"], "refused");
    let token = hosted.join().await;
    assert_eq!(hosted.send(&token, &changed[..middle]).await["state"], "refused");

    // Nothing of the refused keys is left, and the ceremony goes on.
    hosted.contribute("ben").await;
    let uploads: Vec<_> = hosted.server.app.store.list("upload-parts").try_collect().await.unwrap();
    assert!(uploads.is_empty(), "{uploads:?}");
    let files = hosted.files().await;
    assert_eq!(files.len(), 3, "the initial and the present key, and the constraints: {files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_has_its_token_and_its_time() {
    let hosted = Hosted::new().await;
    let (ann, ben) = (hosted.join().await, hosted.join().await);
    assert_ne!(ann, ben);
    assert_eq!(hosted.turn(&ben).await, json!({"state": "waiting", "before": 1}));
    let key = contributed(&hosted.present_key().await, "ben", &mut os_rng());
    // Without the turn, without a place, and without a token.
    hosted.declare(&ben, &key).await.problem(409, "not_your_turn");
    hosted.put_part(&ben, &key).await.problem(409, "not_your_turn");
    hosted.submit(&ben).await.problem(409, "not_your_turn");
    hosted.declare(&ann, &key).await.problem(409, "not_your_turn");
    hosted.declare("a guess", &key).await.problem(404, "place_not_found");
    let bare = request(Method::POST, &hosted.path("/turn"), Body::empty());
    hosted.server.send(bare).await.problem(404, "place_not_found");
    // Ann takes the turn, declares, and vanishes: ben contributes, and ann's upload is gone.
    assert_eq!(hosted.turn(&ann).await["state"], "turn");
    hosted.declare(&ann, &key).await.ok();
    assert_eq!(hosted.put_part(&ann, &key).await.status, StatusCode::NO_CONTENT);
    hosted.put_part(&ann, b"short").await.problem(422, "upload_part_length");
    hosted.turn_back(|ceremony| ceremony.places[0].until = Some(ceremony.life.created_at)).await;
    hosted.submit(&ann).await.problem(409, "not_your_turn");
    let ended = hosted.turn(&ann).await;
    assert_eq!((&ended["state"], &ended["taken"]), (&json!("expired"), &json!(true)));
    let uploads: Vec<_> = hosted.server.app.store.list("uploads").try_collect().await.unwrap();
    assert!(uploads.is_empty(), "{uploads:?}");
    assert_eq!(hosted.send(&ben, &key).await["state"], "accepted");
    // An incomplete upload, an upload that is continued, and a place that is given back.
    let cleo = hosted.join().await;
    assert_eq!(hosted.turn(&cleo).await["state"], "turn");
    let key = contributed(&hosted.present_key().await, "cleo", &mut os_rng());
    assert_eq!(hosted.declare(&cleo, &key).await.ok()["missing"], json!([0]));
    hosted.submit(&cleo).await.problem(409, "upload_incomplete");
    assert_eq!(hosted.put_part(&cleo, &key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hosted.declare(&cleo, &key).await.ok()["missing"], json!([]));
    let left = request(Method::DELETE, &hosted.path("/turn"), Body::empty());
    assert_eq!(hosted.with_token(&cleo, left).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hosted.turn(&cleo).await["state"], "left");
    // No secret is shown or stored.
    let shown = hosted.server.get(&hosted.path("")).await;
    let stored = serde_json::to_string(&hosted.document(&hosted.id).await).unwrap();
    for token in [&ann, &ben, &cleo] {
        assert!(!shown.text().contains(token.as_str()) && !stored.contains(token.as_str()));
        assert!(!shown.text().contains(&Digest::of(token).to_string()), "not even its digest");
    }
    // The upload of a turn goes with its ceremony.
    let dora = hosted.join().await;
    assert_eq!(hosted.turn(&dora).await["state"], "turn");
    hosted.declare(&dora, &key).await.ok();
    assert_eq!(hosted.put_part(&dora, &key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hosted.server.delete(&hosted.path("")).await.status, StatusCode::NO_CONTENT);
    let uploads: Vec<_> = hosted.server.app.store.list("uploads").try_collect().await.unwrap();
    assert!(uploads.is_empty(), "{uploads:?}");
}

#[tokio::test]
async fn the_rules_are_checked_before_they_are_announced() {
    let (server, circuit) =
        Server::idle_with_circuit_and(|config| config.circuits.ptau_path = Some(powers())).await;
    let changed = |path: &str, value: Value| {
        let mut body = announcement(&circuit);
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    for (path, fault, value) in [
        ("/minContributions", "minContributions", json!(0)),
        ("/minContributions", "minContributions", json!(251)),
        ("/deadline", "deadline", json!("2020-01-01T00:00:00Z")),
        ("/deadline", "deadline", json!("9999-01-01T00:00:00Z")),
        ("/turnSeconds", "turnSeconds", json!(0)),
        ("/turnSeconds", "turnSeconds", json!(10_000_000)),
        ("/beacon/source", "beacon.source", json!(" ")),
        ("/beacon/source", "beacon.source", json!("a\nb")),
        ("/beacon/exponent", "beacon.exponent", json!(9)),
        ("/beacon/exponent", "beacon.exponent", json!(31)),
        ("/beacon/at", "beacon.at", json!(later(0))),
    ] {
        let reply = server.post("/v1/ceremonies", &changed(path, value)).await;
        reply.problem(422, "invalid_inputs");
        assert!(reply.fault(fault).starts_with("expected"), "{}", reply.text());
    }
    server.post("/v1/ceremonies", &changed("/beacon", json!({}))).await.problem(422, "invalid_body");
    let unknown = changed("/circuitId", json!("0".repeat(32)));
    server.post("/v1/ceremonies", &unknown).await.problem(404, "circuit_not_found");
    // A repeated key makes one ceremony, and a tenant has few at once.
    let keyed = |body: &Value| {
        let mut asked = json_request("/v1/ceremonies", &body.to_string());
        asked.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        asked
    };
    let body = announcement(&circuit);
    let first = server.send(keyed(&body)).await.json();
    assert_eq!(server.send(keyed(&body)).await.json()["ceremonyId"], first["ceremonyId"]);
    let other = changed("/minContributions", json!(3));
    server.send(keyed(&other)).await.problem(422, "idempotency_key_reused");
    for _ in 1..16 {
        assert_eq!(server.post("/v1/ceremonies", &body).await.status, StatusCode::ACCEPTED);
    }
    server.post("/v1/ceremonies", &body).await.problem(429, "too_many_ceremonies");
    let listed = server.get("/v1/ceremonies?status=pending&limit=200").await.ok();
    assert_eq!(listed["ceremonies"].as_array().unwrap().len(), 16);

    // Without powers of tau of a ceremony, none can be hosted.
    let (server, circuit) = Server::idle_with_circuit().await;
    server.post("/v1/ceremonies", &announcement(&circuit)).await.problem(403, "not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_contributes_once_and_a_public_ceremony_is_open_to_other_tenants() {
    let hosted = Hosted::with(|config| config.auth.methods = vec![AuthMethod::Keys]).await;
    let contributor = [Scope::CeremoniesContribute];
    let (ann, eve) =
        (hosted.server.key("guests", &contributor).await, hosted.server.key("guests", &contributor).await);
    let join = async |key: &str| {
        let asked = request(Method::POST, &hosted.path("/join"), Body::empty());
        hosted.server.send_as(key, asked).await
    };
    join(&ann).await.problem(404, "ceremony_not_found");
    hosted
        .turn_back(|ceremony| ceremony.visibility = zkflow_core::service::catalog::Visibility::Public)
        .await;
    let first = join(&ann).await.json();
    let again = join(&ann).await.json();
    assert_eq!(first["place"], again["place"], "a caller has one place");
    let old = with_key(&ann, request(Method::POST, &hosted.path("/turn"), Body::empty()));
    let token = first["token"].as_str().unwrap();
    hosted.with_token(token, old).await.problem(404, "place_not_found");
    // The key of the API does not replace the token.
    assert_eq!(join(&eve).await.status, StatusCode::CREATED);
    let foreign = with_key(&eve, request(Method::POST, &hosted.path("/turn"), Body::empty()));
    let state = hosted.with_token(again["token"].as_str().unwrap(), foreign).await.ok();
    assert_eq!(state["state"], "turn", "the token is what counts");
    for _ in 0..2 {
        let token = join(&ann).await.json()["token"].as_str().unwrap().to_owned();
        let left = with_key(&ann, request(Method::DELETE, &hosted.path("/turn"), Body::empty()));
        assert_eq!(hosted.with_token(&token, left).await.status, StatusCode::NO_CONTENT);
    }
    let token = join(&ann).await.json()["token"].as_str().unwrap().to_owned();
    let left = with_key(&ann, request(Method::DELETE, &hosted.path("/turn"), Body::empty()));
    hosted.with_token(&token, left).await;
    join(&ann).await.problem(409, "too_many_attempts");
    // Others read it by its id, and only its owner ends or deletes it.
    let operator = hosted.server.key("guests", Scope::ALL).await;
    assert_eq!(hosted.server.get_as(&operator, &hosted.path("")).await.ok()["ceremonyId"], json!(hosted.id));
    assert_eq!(hosted.server.get_as(&operator, "/v1/ceremonies").await.ok()["ceremonies"], json!([]));
    let body = json!({"value": "0a"});
    hosted.server.post_as(&operator, &hosted.path("/finish"), &body).await.problem(403, "not_owner");
    hosted.server.delete_as(&operator, &hosted.path("")).await.problem(403, "not_owner");
}
