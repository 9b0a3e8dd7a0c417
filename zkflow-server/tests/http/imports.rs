//! Uploads, and circuits from them.

use std::io::Cursor;
use std::path::Path;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::format::ptau::Ptau;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::rng::os_rng;
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactPath, PutMode};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::PART_BYTES;
use zkflow_core::setup::{StepOptions, phase2};
use zkflow_server::service::uploads;
use zkflow_server::work;

use crate::callers::guarded;
use crate::support::{Reply, Server, ready_circuit, request, shared};

/// A file to upload: role, path in a source, bytes.
pub(crate) type Sent = (&'static str, Option<&'static str>, Vec<u8>);

pub(crate) const MAIN: &str = "pragma circom 2.1.0;
include \"lib/square.circom\";
template Main() {
    signal input x; signal input pair[2]; signal input key; signal output y;
    component square = Square();
    square.in <== x;
    y <== square.out + pair[0] * pair[1];
    signal sum <== key * pair[0];
}
component main {public [pair]} = Main();
";
pub(crate) const SQUARE: &str = "pragma circom 2.1.0;
template Square() { signal input in; signal output out; out <== in * in; }
";

fn source() -> Vec<Sent> {
    vec![("source", Some("main.circom"), MAIN.into()), ("source", Some("lib/square.circom"), SQUARE.into())]
}

pub(crate) fn file(role: &'static str, bytes: impl Into<Vec<u8>>) -> Sent {
    (role, None, bytes.into())
}

/// A file of circom and snarkjs.
pub(crate) fn tiny(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data");
    std::fs::read(folder.join(name)).unwrap()
}

fn tiny_source() -> Sent {
    ("source", Some("tiny.circom"), tiny("tiny.circom"))
}

pub(crate) fn declaration((role, path, bytes): &Sent) -> Value {
    let mut file = json!({"role": role, "size": bytes.len(), "sha256": Digest::of(bytes)});
    if let Some(path) = path {
        file["path"] = json!(path);
    }
    file
}

impl Server {
    pub(crate) async fn declare(&self, files: Value) -> Reply {
        self.post("/v1/uploads", &json!({"files": files})).await
    }

    async fn put_part(&self, upload: &str, file: usize, part: usize, bytes: &[u8]) -> Reply {
        let path = format!("/v1/uploads/{upload}/files/{file}/parts/{part}");
        self.send(request(Method::PUT, &path, bytes.to_vec())).await
    }

    /// Uploads all parts of the files, whatever their digests say, and returns the id of the upload.
    async fn upload_as(&self, files: &[Sent], declared: Value) -> String {
        let upload = self.declare(declared).await;
        assert_eq!(upload.status, StatusCode::CREATED, "{}", upload.text());
        let id = upload.json()["uploadId"].as_str().unwrap().to_owned();
        for (number, (_, _, bytes)) in files.iter().enumerate() {
            for (part, bytes) in bytes.chunks(PART_BYTES as usize).enumerate() {
                let reply = self.put_part(&id, number, part, bytes).await;
                assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", reply.text());
            }
        }
        id
    }

    pub(crate) async fn upload(&self, files: &[Sent]) -> String {
        self.upload_as(files, files.iter().map(declaration).collect()).await
    }

    pub(crate) async fn import(&self, request: &Value) -> Reply {
        self.post("/v1/circuits/import", request).await
    }

    /// Uploads and imports files; returns the circuit when it is ready or has failed, and the upload.
    pub(crate) async fn imported(&self, files: &[Sent], mut request: Value) -> (Value, String) {
        let id = self.upload(files).await;
        request["uploadId"] = json!(id);
        let asked = self.import(&request).await;
        assert!(asked.status.is_success(), "{}", asked.text());
        let circuit = asked.json()["circuitId"].as_str().unwrap().to_owned();
        (self.get(&format!("/v1/circuits/{circuit}?wait=60")).await.ok(), id)
    }

    /// Waits until nothing of an upload is stored.
    pub(crate) async fn nothing_is_left(&self, upload: &str) {
        for _ in 0..500 {
            let prefix = ArtifactPath::parts_of(&upload.parse().unwrap());
            let parts: Vec<_> = self.app.store.list(&prefix).try_collect().await.unwrap();
            let session = self.get(&format!("/v1/uploads/{upload}")).await.status;
            if parts.is_empty() && session == StatusCode::NOT_FOUND {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("upload {upload} is still stored");
    }

    /// Imports files that must be refused with this code.
    pub(crate) async fn refused(&self, files: &[Sent], request: Value, code: &str) -> String {
        let (circuit, upload) = self.imported(files, request).await;
        assert_eq!(
            (&circuit["status"], &circuit["error"]["code"]),
            (&json!("failed"), &json!(code)),
            "{circuit}"
        );
        assert_eq!(circuit["artifacts"], json!({}), "{circuit}");
        self.nothing_is_left(&upload).await;
        circuit["error"]["message"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn artifact(&self, circuit: &Value, name: &str) -> Vec<u8> {
        let path = format!("/v1/circuits/{}/artifacts/{name}", circuit["circuitId"].as_str().unwrap());
        let reply = self.get(&path).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text());
        reply.body.to_vec()
    }

    /// Makes a proof, and verifies it.
    pub(crate) async fn proves(&self, circuit: &Value, private: Value, public: Value) -> Value {
        let id = circuit["circuitId"].as_str().unwrap();
        let body = json!({"circuitId": id, "privateInputs": private, "publicInputs": public});
        let asked = self.post("/v1/proofs", &body).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
        let proof = asked.json()["proofRequestId"].as_str().unwrap().to_owned();
        let proof = self.get(&format!("/v1/proofs/{proof}?wait=60")).await.ok();
        assert_eq!(proof["status"], "completed", "{proof}");
        let made = &proof["artifacts"];
        let body = json!({"proof": made["proof"], "publicSignals": made["publicSignals"]});
        let verdict = self.post(&format!("/v1/circuits/{id}/verify"), &body).await.ok();
        assert_eq!(verdict["verified"], true, "{verdict}");
        made["publicSignals"].clone()
    }
}

/// The hash of a name in the table of inputs of a module.
fn fnv1a(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(crate) fn main_circom() -> Value {
    json!({"main": "main.circom"})
}

#[tokio::test]
async fn a_source_alone_gives_all_that_a_template_gives() {
    let server = shared().await;
    let (circuit, upload) = server.imported(&source(), main_circom()).await;
    assert_eq!(circuit["status"], "ready", "{circuit}");
    assert_eq!((&circuit["provenance"], &circuit["claimed"]), (&json!("development"), &Value::Null));
    assert_eq!(circuit["templateName"], Value::Null, "{circuit}");
    let expected = json!([
        {"name": "pair", "shape": "[2]", "values": 2, "public": true},
        {"name": "x", "shape": "a value", "values": 1, "public": false},
        {"name": "key", "shape": "a value", "values": 1, "public": false},
    ]);
    assert_eq!(circuit["import"]["inputs"], expected);
    for name in
        ["circuit.circom", "circuit.r1cs", "circuit.sym", "circuit.tape", "setup.json", "verifier.sol"]
    {
        server.artifact(&circuit, name).await;
    }
    server.nothing_is_left(&upload).await;

    let private = json!({"x": "3", "key": 5});
    let signals = server.proves(&circuit, private.clone(), json!({"pair": [2, "7"]})).await;
    assert_eq!(signals, json!(["23", "2", "7"]));
    let id = &circuit["circuitId"];
    for (public, path, part) in [
        (json!({"pair": [2]}), "publicInputs.pair", "array of 2"),
        (json!({}), "publicInputs.pair", "missing"),
        (json!({"pair": [2, 7], "other": 1}), "publicInputs.other", "unknown"),
    ] {
        let body = json!({"circuitId": id, "privateInputs": private, "publicInputs": public});
        let reply = server.post("/v1/proofs", &body).await;
        reply.problem(422, "invalid_inputs");
        assert!(reply.fault(path).contains(part), "{}", reply.text());
    }
    let hidden =
        json!({"circuitId": id, "privateInputs": {"x": 3}, "publicInputs": {"pair": [2, 7], "key": 5}});
    server.post("/v1/proofs", &hidden).await.problem(422, "wrong_place");

    // The same files, in another order, are the same circuit.
    let reversed: Vec<Sent> = source().into_iter().rev().collect();
    let (again, upload) = server.imported(&reversed, main_circom()).await;
    assert_eq!(again["circuitId"], circuit["circuitId"]);
    server.nothing_is_left(&upload).await;
}

/// A key of `tiny.r1cs` from published powers of tau, with one contribution, and its verification key.
pub(crate) fn tiny_key() -> (Vec<u8>, String) {
    let r1cs = R1cs::read(&tiny("tiny.r1cs")).unwrap();
    let mut powers = Ptau::open(Cursor::new(tiny(POWERS))).unwrap();
    let (mut initial, mut key) = (Vec::new(), Vec::new());
    phase2::create(&r1cs, &mut powers, &mut initial, StepOptions::default()).unwrap();
    let mut initial = ZKeyFile::open(Cursor::new(initial)).unwrap();
    let head =
        phase2::contribute(&mut initial, &mut key, None, "", &mut os_rng(), StepOptions::default()).unwrap();
    (key, zkflow_core::format::json::vkey_text(&head.vk))
}

pub(crate) const POWERS: &str = "powersOfTau28_hez_final_08.ptau";

#[tokio::test]
async fn a_key_is_verified_with_published_powers_of_tau() {
    let server = shared().await;
    let (zkey, verification_key) = tiny_key();
    let files = [
        tiny_source(),
        file("r1cs", tiny("tiny.r1cs")),
        file("sym", tiny("tiny.sym")),
        file("zkey", zkey.clone()),
        file("verification_key", verification_key),
        file("ptau", tiny(POWERS)),
    ];
    let (circuit, _) = server.imported(&files, json!({})).await;
    assert_eq!(circuit["status"], "ready", "{circuit}");
    assert_eq!((&circuit["provenance"], &circuit["claimed"]), (&json!("single-operator"), &Value::Null));
    assert_eq!(server.artifact(&circuit, "proving_key.zkey").await, zkey);
    let setup: Value = serde_json::from_slice(&server.artifact(&circuit, "setup.json").await).unwrap();
    assert_eq!(setup["provenance"], "single-operator");
    assert!(setup["phase1"]["origin"].as_str().unwrap().contains("Hermez"), "{setup}");
    // The name of a published file means those of the server, which has none.
    let published = json!({"powers": "powersOfTau28_hez_final_14.ptau"});
    server.refused(&files[..5], published, "powers_not_published").await;
    let upload = server.upload(&files[..5]).await;
    for powers in ["other", "powersOfTau28_hez_final_29.ptau", "../powersOfTau28_hez_final_14.ptau"] {
        server.import(&json!({"uploadId": upload, "powers": powers})).await.problem(422, "invalid_body");
    }
    // The same key without the powers of tau is another circuit, whose label is claimed.
    let (claimed, _) = server.imported(&files[..5], json!({})).await;
    assert_ne!(claimed["circuitId"], circuit["circuitId"]);
    assert_eq!((&claimed["claimed"], &claimed["provenance"]), (&json!("single-operator"), &Value::Null));
}

#[tokio::test]
async fn a_key_without_powers_of_tau_is_only_claimed_and_proves() {
    let server = shared().await;
    let (circuit, _) = server.imported(&[tiny_source(), file("zkey", tiny("tiny.zkey"))], json!({})).await;
    assert_eq!((&circuit["status"], &circuit["provenance"]), (&json!("ready"), &Value::Null), "{circuit}");
    assert!(!circuit["claimed"].is_null(), "{circuit}");
    assert!(circuit["artifacts"]["setup.json"].is_null(), "{circuit}");
    let contract = String::from_utf8(server.artifact(&circuit, "verifier.sol").await).unwrap();
    assert!(contract.contains("claimed") && contract.contains("not verified"), "{contract}");
    let inputs: Value = serde_json::from_slice(&tiny("tiny.input.json")).unwrap();
    let inputs = inputs.as_object().unwrap();
    let names = |public: bool| -> Value {
        let named = circuit["import"]["inputs"].as_array().unwrap().iter();
        let named = named.filter(|input| input["public"] == json!(public));
        named
            .map(|input| input["name"].as_str().unwrap())
            .map(|name| (name.to_owned(), inputs[name].clone()))
            .collect()
    };
    server.proves(&circuit, names(false), names(true)).await;
    let id = circuit["circuitId"].as_str().unwrap();
    // The published key verifies the proof that snarkjs made.
    let [proof, public] = ["tiny.proof.json", "tiny.public.json"]
        .map(|name| serde_json::from_slice::<Value>(&tiny(name)).unwrap());
    let body = json!({"proof": proof, "publicSignals": public});
    let verdict = server.post(&format!("/v1/circuits/{id}/verify"), &body).await.ok();
    assert_eq!(verdict["verified"], true, "{verdict}");
    let asked =
        server.post(&format!("/v1/circuits/{id}/deploy"), &json!({"chainId": 1, "unsigned": true})).await;
    asked.problem(409, "key_claimed");
}

#[tokio::test]
async fn a_key_of_the_server_is_verified_with_its_own_powers_of_tau() {
    let server = shared().await;
    let id = ready_circuit().await;
    let made = server.get(&format!("/v1/circuits/{id}")).await.ok();
    let mut files = Vec::new();
    for (role, name) in [
        ("r1cs", "circuit.r1cs"),
        ("wasm", "circuit.wasm"),
        ("sym", "circuit.sym"),
        ("zkey", "proving_key.zkey"),
    ] {
        files.push(file(role, server.artifact(&made, name).await));
    }
    let (circuit, _) = server.imported(&files, json!({"powers": "configured"})).await;
    assert_eq!(
        (&circuit["status"], &circuit["provenance"]),
        (&json!("ready"), &json!("development")),
        "{circuit}"
    );
    assert!(
        circuit["artifacts"]["circuit.circom"].is_null() && !circuit["artifacts"]["setup.json"].is_null()
    );
    server.proves(&circuit, json!({"age": "42"}), json!({"randomPublicSignal": "7"})).await;
    // Without a key, the server makes one.
    let (own, _) = server.imported(&files[..3], json!({})).await;
    assert_eq!(own["provenance"], "development", "{own}");
    assert_ne!(
        own["artifacts"]["proving_key.zkey"]["sha256"],
        circuit["artifacts"]["proving_key.zkey"]["sha256"]
    );
}

#[tokio::test]
async fn files_that_do_not_belong_together_are_refused_and_leave_nothing() {
    let server = shared().await;
    let made = server.get(&format!("/v1/circuits/{}", ready_circuit().await)).await.ok();
    let of = async |role, name| file(role, server.artifact(&made, name).await);
    let (r1cs, wasm) = (of("r1cs", "circuit.r1cs").await, of("wasm", "circuit.wasm").await);
    let (sym, zkey) = (of("sym", "circuit.sym").await, of("zkey", "proving_key.zkey").await);
    let main = main_circom;
    let with = |others: Vec<Sent>| source().into_iter().chain(others).collect::<Vec<_>>();

    let message = server.refused(&with(vec![r1cs.clone()]), main(), "not_of_source").await;
    assert!(message.contains("r1cs") && message.contains("circom 2"), "{message}");
    server.refused(&with(vec![wasm.clone()]), main(), "not_of_source").await;
    server.refused(&with(vec![sym.clone()]), main(), "not_of_source").await;
    server.refused(&with(vec![zkey.clone()]), main(), "key_of_other_circuit").await;

    // A module with other inputs, and names of another circuit.
    let (own, _) = server.imported(&source(), main()).await;
    let [own_wasm, own_sym] = [("wasm", "circuit.wasm"), ("sym", "circuit.sym")];
    let own_wasm = file(own_wasm.0, server.artifact(&own, own_wasm.1).await);
    let own_sym = file(own_sym.0, server.artifact(&own, own_sym.1).await);
    server.refused(&[r1cs.clone(), own_wasm, sym.clone()], json!({}), "parts_differ").await;
    server.refused(&[r1cs.clone(), wasm.clone(), own_sym], json!({}), "parts_differ").await;
    let renamed = String::from_utf8(sym.2.clone()).unwrap().replace("main.age", "main.agf");
    server.refused(&[r1cs.clone(), wasm.clone(), file("sym", renamed)], json!({}), "parts_differ").await;
    // A module that reports another number of values, or another name, in its table of inputs.
    let lies = |change: &dyn Fn(&mut [u8])| {
        let mut module = wasm.2.clone();
        let hash = fnv1a("age").to_le_bytes();
        let at = module.windows(8).position(|window| window == hash).unwrap();
        change(&mut module[at..at + 16]);
        [r1cs.clone(), file("wasm", module), sym.clone()]
    };
    server.refused(&lies(&|entry| entry[12] = 2), json!({}), "parts_differ").await;
    server.refused(&lies(&|entry| entry[0] ^= 1), json!({}), "parts_differ").await;
    server.refused(&lies(&|entry| entry[8] = 0), json!({}), "parts_differ").await;
    let deep = format!("1,1,0,main{}\n", ".a".repeat(100_000));
    server.refused(&[r1cs.clone(), wasm.clone(), file("sym", deep)], json!({}), "parts_differ").await;

    // Keys.
    let key = |name: &str| file("zkey", tiny(name));
    let other = file("verification_key", server.artifact(&made, "verification_key.json").await);
    server
        .refused(&[tiny_source(), key("tiny.zkey"), other], json!({}), "verification_key_of_other_key")
        .await;
    server.refused(&[tiny_source(), key("tiny.initial.zkey")], json!({}), "key_refused").await;
    let ptau = file("ptau", tiny(POWERS));
    server
        .refused(
            &[r1cs.clone(), wasm.clone(), sym.clone(), zkey.clone(), ptau],
            json!({}),
            "ceremony_invalid",
        )
        .await;
    server
        .refused(&[tiny_source(), key("tiny.zkey")], json!({"powers": "configured"}), "ceremony_invalid")
        .await;

    // Rubbish.
    for (role, code) in
        [("zkey", "malformed_file"), ("verification_key", "malformed_json"), ("ptau", "malformed_file")]
    {
        let files = match role {
            "zkey" => vec![tiny_source(), file("zkey", "rubbish")],
            _ => vec![tiny_source(), key("tiny.zkey"), file(role, "rubbish")],
        };
        server.refused(&files, json!({}), code).await;
    }
    let mut short = tiny("tiny.zkey");
    short.truncate(short.len() - 1);
    server.refused(&[tiny_source(), file("zkey", short)], json!({}), "malformed_file").await;
    server.refused(&[file("r1cs", "rubbish"), wasm, sym], json!({}), "malformed_file").await;
    server.refused(&[("source", Some("a.circom"), vec![0xff, 0xfe])], json!({}), "malformed_file").await;
}

#[tokio::test]
async fn a_source_reads_its_own_files_only() {
    let server = shared().await;
    for include in ["/etc/passwd", "../../../../../../etc/passwd", "../Wasm", "lib/../../Wasm"] {
        let main = format!("pragma circom 2.1.0;\ninclude \"{include}\";\ncomponent main = A();\n");
        let files = [("source", Some("a/main.circom"), main.into_bytes()), file("wasm", "x")];
        let (circuit, upload) = server.imported(&files, json!({})).await;
        let code = circuit["error"]["code"].as_str().unwrap();
        assert!(["include_outside_roots", "include_not_found"].contains(&code), "{include}: {circuit}");
        server.nothing_is_left(&upload).await;
    }
}

#[tokio::test]
async fn a_file_with_another_digest_is_refused() {
    let server = shared().await;
    let mut files = source();
    let mut declared: Value = files.iter().map(declaration).collect();
    declared[1]["sha256"] = json!(Digest::of("something else"));
    let id = server.upload_as(&files, declared.clone()).await;
    let asked = server.import(&json!({"uploadId": id, "main": "main.circom"})).await.json();
    let path = format!("/v1/circuits/{}?wait=60", asked["circuitId"].as_str().unwrap());
    let circuit = server.get(&path).await.ok();
    assert_eq!(circuit["error"]["code"], "upload_digest", "{circuit}");
    server.nothing_is_left(&id).await;
    // The right file brings the same circuit to life.
    files[1].2 = b"something else".to_vec();
    declared[1]["size"] = json!(files[1].2.len());
    let id = server.upload_as(&files, declared).await;
    let again = server.import(&json!({"uploadId": id, "main": "main.circom"})).await.json();
    assert_eq!(again["circuitId"], asked["circuitId"]);
    let circuit = server.get(&path).await.ok();
    assert_eq!(circuit["error"]["code"], "circom_rejected", "{circuit}");
}

#[tokio::test]
async fn parts_have_one_place_each() {
    let server = Server::idle().await;
    let large = vec![7; PART_BYTES as usize + 3];
    let files = [file("zkey", large.clone()), file("r1cs", "abc")];
    let upload = server.declare(files.iter().map(declaration).collect()).await.json();
    let id = upload["uploadId"].as_str().unwrap();
    assert_eq!(
        (&upload["files"][0]["missing"], &upload["files"][1]["missing"]),
        (&json!([0, 1]), &json!([0]))
    );
    for (file, part, bytes) in
        [(0, 1, &large[..4]), (0, 1, &large[..2]), (0, 0, &large[..3]), (1, 0, &b""[..])]
    {
        server.put_part(id, file, part, bytes).await.problem(422, "upload_part_length");
    }
    server.put_part(id, 0, 0, &large).await.problem(413, "body_too_large");
    for (file, part) in [(0, 2), (1, 1), (2, 0), (0, 4_294_967_295)] {
        server.put_part(id, file, part, b"abc").await.problem(404, "upload_part_not_found");
    }
    for place in ["0/parts/-1", "0/parts/x", "..%2F0/parts/0", "99999999999/parts/0"] {
        let put = request(Method::PUT, &format!("/v1/uploads/{id}/files/{place}"), "abc");
        server.send(put).await.problem(404, "upload_part_not_found");
    }
    // Nothing is unpacked: compressed bytes are bytes.
    let packed = [31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 75, 76, 74, 6, 0, 194, 65, 36, 53, 3, 0, 0, 0];
    let mut put = request(Method::PUT, &format!("/v1/uploads/{id}/files/1/parts/0"), packed.to_vec());
    put.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    server.send(put).await.problem(422, "upload_part_length");
    assert_eq!(server.put_part(id, 0, 1, &large[..3]).await.status, 204);
    assert_eq!(server.put_part(id, 0, 1, &large[..3]).await.status, 204, "again");
    let upload = server.get(&format!("/v1/uploads/{id}")).await.ok();
    assert_eq!((&upload["files"][0]["missing"], &upload["files"][1]["missing"]), (&json!([0]), &json!([0])));
    let gone = server.delete(&format!("/v1/uploads/{id}")).await;
    assert_eq!(gone.status, 204);
    server.nothing_is_left(id).await;
    server.put_part(id, 0, 1, &large[..3]).await.problem(404, "upload_not_found");
}

#[tokio::test]
async fn an_import_names_what_is_missing() {
    let server = Server::idle().await;
    let import = async |files: &[Sent], mut body: Value| {
        body["uploadId"] = json!(server.upload(files).await);
        server.import(&body).await
    };
    let reply = import(&[file("r1cs", "a"), file("verification_key", "{}")], json!({})).await;
    reply.problem(422, "import_incomplete");
    for path in ["wasm", "sym", "zkey"] {
        assert!(reply.fault(path).contains("missing"), "{}", reply.text());
    }
    let reply = import(&source(), json!({})).await;
    reply.problem(422, "import_incomplete");
    assert!(reply.fault("main").contains("several"), "{}", reply.text());
    let reply = import(&source(), json!({"main": "other.circom"})).await;
    assert!(reply.fault("main").contains("no such"), "{}", reply.text());
    let reply = import(&[tiny_source(), file("ptau", "a")], json!({"powers": "configured"})).await;
    assert!(reply.fault("powers").contains("only one"), "{}", reply.text());

    let upload = server.declare(json!([declaration(&tiny_source())])).await.json();
    let reply = server.import(&json!({"uploadId": upload["uploadId"]})).await;
    reply.problem(409, "upload_incomplete");
    // A pending import keeps its upload.
    let id = server.upload(&[tiny_source()]).await;
    assert_eq!(server.import(&json!({"uploadId": id})).await.status, 202);
    server.put_part(&id, 0, 0, &tiny("tiny.circom")).await.problem(409, "upload_in_use");
    server.delete(&format!("/v1/uploads/{id}")).await.problem(409, "upload_in_use");
    assert_eq!(server.import(&json!({"uploadId": id})).await.status, 202, "the same request again");
}

#[tokio::test]
async fn a_pending_import_outlives_the_time_of_its_upload() {
    let server = Server::idle().await;
    let id = server.upload(&source()).await;
    let asked = server.import(&json!({"uploadId": id, "main": "main.circom"})).await.json();
    let (app, tenant) = (&server.app, TenantId::default());
    let mut upload = uploads::get(app, &tenant, &id.parse().unwrap()).await.unwrap();
    upload.expires_at = app.now();
    let session = serde_json::to_vec(&upload).unwrap();
    app.store.put(&upload.key(), session.into(), PutMode::Overwrite).await.unwrap();
    server.get(&format!("/v1/uploads/{id}")).await.problem(404, "upload_not_found");
    tokio::spawn(work::run(server.app.clone(), &[QueueName::KeyGeneration]));
    let path = format!("/v1/circuits/{}?wait=60", asked["circuitId"].as_str().unwrap());
    let circuit = server.get(&path).await.ok();
    assert_eq!(circuit["status"], "ready", "{circuit}");
    server.nothing_is_left(&id).await;
}

#[tokio::test]
async fn declarations_are_checked_before_any_byte() {
    let server = Server::idle_with(|config| {
        config.limits.upload_mib = 8;
        config.limits.upload_parts_mib = 4;
        config.limits.compile_source_mib = 1;
        config.limits.tenant_upload_mib = 10;
    })
    .await;
    let sha256 = Digest::of("");
    let one = |role: &str, size: u64| json!({"role": role, "size": size, "sha256": sha256});
    let source = |path: &str| json!({"role": "source", "path": path, "size": 1, "sha256": sha256});
    for path in
        ["../a.circom", "/a.circom", "a/../b.circom", "a.txt", "a\0.circom", "a\\b.circom", "./a.circom"]
    {
        server.declare(json!([source(path)])).await.problem(422, "invalid_body");
    }
    for (files, path) in [
        (json!([]), "files"),
        (json!([one("r1cs", 0)]), "files[0].size"),
        (json!([one("source", 1)]), "files[0].path"),
        (json!([one("r1cs", 1), one("r1cs", 2)]), "files[1].role"),
        (json!([source("a.circom"), source("a.circom")]), "files[1].path"),
        (json!([source("a.circom/b.circom"), source("a.circom")]), "files[0].path"),
    ] {
        let reply = server.declare(files).await;
        reply.problem(422, "invalid_upload");
        reply.fault(path);
    }
    let mut named = one("r1cs", 1);
    named["path"] = json!("a.circom");
    server.declare(json!([named])).await.problem(422, "invalid_upload");
    let many: Value = (0..1025).map(|number| source(&format!("{number}.circom"))).collect();
    server.declare(many).await.problem(413, "body_too_large");
    let mebibyte = 1 << 20;
    for files in [
        json!([one("zkey", 8 * mebibyte + 1)]),
        json!([one("zkey", u64::MAX), one("ptau", u64::MAX)]),
        json!([one("r1cs", 2 * mebibyte), one("sym", 2 * mebibyte), one("wasm", 1)]),
        json!([one("verification_key", 4 * mebibyte + 1), one("zkey", 1)]),
        json!([one("transcript", 4 * mebibyte + 1), one("zkey", 1)]),
    ] {
        server.declare(files).await.problem(422, "upload_too_large");
    }
    let mut large = source("a.circom");
    large["size"] = json!(mebibyte + 1);
    server.declare(json!([large])).await.problem(422, "upload_too_large");

    let first = server.declare(json!([one("zkey", 8 * mebibyte)])).await.json();
    server.declare(json!([one("zkey", 2 * mebibyte + 1)])).await.problem(429, "too_many_uploads");
    server.delete(&format!("/v1/uploads/{}", first["uploadId"].as_str().unwrap())).await;
    assert_eq!(server.declare(json!([one("zkey", 2 * mebibyte + 1)])).await.status, 201);
}

#[tokio::test]
async fn uploads_and_imports_belong_to_a_tenant() {
    use zkflow_core::service::catalog::Scope::CircuitsBuild;

    let server = guarded().await;
    let (own, other) =
        (server.key("own", &[CircuitsBuild]).await, server.key("other", &[CircuitsBuild]).await);
    let declared = json!({"files": [declaration(&tiny_source())]});
    let asked = async |key: &str| server.post_as(key, "/v1/uploads", &declared).await.json();
    let import = async |key: &str, upload: &Value| {
        let path = format!("/v1/uploads/{}/files/0/parts/0", upload["uploadId"].as_str().unwrap());
        server.send_as(key, request(Method::PUT, &path, tiny("tiny.circom"))).await;
        server.post_as(key, "/v1/circuits/import", &json!({"uploadId": upload["uploadId"]})).await
    };
    let (mine, theirs) = (asked(&own).await, asked(&other).await);
    import(&other, &mine).await.problem(404, "upload_not_found");
    let path = format!("/v1/uploads/{}", mine["uploadId"].as_str().unwrap());
    server.get_as(&other, &path).await.problem(404, "upload_not_found");
    server
        .send_as(&other, request(Method::DELETE, &path, Body::empty()))
        .await
        .problem(404, "upload_not_found");
    let (mine, theirs) = (import(&own, &mine).await.json(), import(&other, &theirs).await.json());
    assert!(mine["circuitId"].is_string() && theirs["circuitId"].is_string(), "{mine} {theirs}");
    assert_ne!(mine["circuitId"], theirs["circuitId"], "the same files of two tenants are two circuits");
}

#[tokio::test]
async fn an_upload_serves_one_import_at_a_time() {
    let server = Server::idle().await;
    let upload = server.upload(&source()).await;
    let asked = |main: &str| json!({"uploadId": upload, "main": main});
    assert_eq!(server.import(&asked("main.circom")).await.status, StatusCode::ACCEPTED);
    assert_eq!(server.import(&asked("main.circom")).await.status, StatusCode::ACCEPTED);
    server.import(&asked("lib/square.circom")).await.problem(409, "upload_in_use");
}

/// Forged keys whose contributions are consistent: they are claims as long as no powers of tau are given.
const CLAIMS: [&str; 5] =
    ["powers-of-a-beacon", "key-of-other-powers", "A-of-another-key", "C-not-divided", "H-not-divided"];

#[tokio::test]
async fn no_forged_key_is_imported() {
    let server = shared().await;
    let honest = [tiny_source(), file("zkey", tiny("tiny.zkey"))];
    let (circuit, _) = server.imported(&honest, json!({})).await;
    let wasm = server.artifact(&circuit, "circuit.wasm").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-cli/tests/forgeries");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let keys: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "zkey")).collect();
    assert!(keys.len() >= 60, "{}", keys.len());
    for path in keys {
        let (case, powers) = path.file_stem().unwrap().to_str().unwrap().split_once('.').unwrap();
        let mut files = vec![
            file("r1cs", tiny("tiny.r1cs")),
            file("wasm", wasm.clone()),
            file("sym", tiny("tiny.sym")),
            file("zkey", std::fs::read(&path).unwrap()),
        ];
        let (claimed, _) = server.imported(&files, json!({})).await;
        let expected = if CLAIMS.contains(&case) { "ready" } else { "failed" };
        assert_eq!(claimed["status"], expected, "{case}: {claimed}");
        assert!(claimed["provenance"].is_null(), "{case}: {claimed}");
        files.push(file("ptau", std::fs::read(folder.join(format!("{powers}.ptau"))).unwrap()));
        let (verified, upload) = server.imported(&files, json!({})).await;
        assert_eq!(
            (&verified["status"], &verified["artifacts"]),
            (&json!("failed"), &json!({})),
            "{case}: {verified}"
        );
        server.nothing_is_left(&upload).await;
    }
}
