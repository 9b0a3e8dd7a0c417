//! The data of the Node service moves to a server, and the requests of its clients are answered.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod changed;
mod module;
mod old;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{self, Bson, DateTime};
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::chain::SolidityCompiler as _;
use zkflow_core::solidity::CONTRACT_NAME;
use zkflow_evm::Solc;
use zkflow_server::client::LocalServer;
use zkflow_testbed::{MongoServer, S3Server};

use old::{OldService, Recipe, powers};

/// Ids of circuits: of the old recipe, with a contribution, without any contribution.
const FORGEABLE: &str = "65f1a2b3c4d5e6f708192a01";
const SOUND: &str = "65f1a2b3c4d5e6f708192a02";
const SETUP_ONLY: &str = "65f1a2b3c4d5e6f708192a03";
/// Address of the contract with the forgeable key.
const CONTRACT: &str = "0xAbCdEf0123456789abcdef0123456789ABCDEF01";

/// A new installation.
struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        let cache = std::env::temp_dir().join("zkflow-test-modules");
        command.args(line).args(["--log-level", "warn"]).arg("--data-dir").arg(self.data());
        command.arg("--module-cache").arg(cache);
        command
    }

    /// Runs `zkflow import node`.
    fn import(&self, old: &OldService, line: &[&str]) -> Imported {
        let (templates, report) = (old.path("templates"), self.folder.path().join("report.json"));
        let mut command = self.command(&[&["import", "node"][..], line].concat());
        command.arg("--templates").arg(templates).arg("--report").arg(&report);
        Imported::of(command.output().unwrap(), &report)
    }

    fn serve(&self, line: &[&str]) -> LocalServer {
        LocalServer::spawn(self.command(&[&["serve", "--port", "0"][..], line].concat())).unwrap()
    }
}

/// What an import said.
struct Imported {
    complete: bool,
    printed: String,
    alarm: String,
    report: Value,
}

impl Imported {
    fn of(output: Output, report: &Path) -> Self {
        let alarm = String::from_utf8(output.stderr).unwrap();
        let report = fs::read(report).unwrap_or_else(|error| panic!("{error}: {alarm}"));
        Self {
            complete: output.status.success(),
            printed: String::from_utf8(output.stdout).unwrap(),
            alarm,
            report: serde_json::from_slice(&report).unwrap(),
        }
    }

    fn circuit(&self, old_id: &str) -> &Value {
        let circuits = self.report["circuits"].as_array().unwrap();
        circuits
            .iter()
            .find(|line| line["oldId"] == old_id)
            .unwrap_or_else(|| panic!("{old_id}: {:#}", self.report))
    }

    fn refused(&self, old_id: &str) -> &str {
        let line = self.circuit(old_id);
        assert_eq!(line["outcome"], "refused", "{line}");
        line["code"].as_str().unwrap()
    }
}

/// A client of the Node service.
struct OldClient {
    base: String,
    http: reqwest::Client,
}

impl OldClient {
    fn of(server: &LocalServer) -> Self {
        Self { base: server.base().to_owned(), http: reqwest::Client::new() }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn file(&self, path: &str) -> Vec<u8> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap().to_vec()
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.http.post(format!("{}{path}", self.base)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Requests a proof, and polls until it is final.
    async fn prove(&self, circuit: &str, age: u32) -> Value {
        let body = json!({
            "circuitId": circuit, "privateInputs": {"age": age}, "publicInputs": {"randomPublicSignal": 7},
        });
        let (status, taken) = self.post("/v1/proofs", body).await;
        assert_eq!(status, 202, "{taken}");
        let id = taken["proofRequestId"].as_str().unwrap();
        let (status, proof) = self.get(&format!("/v1/proofs/{id}?wait=60")).await;
        assert_eq!((status, &proof["status"]), (200, &json!("completed")), "{proof}");
        proof
    }
}

fn inputs(age: u32) -> Value {
    json!({"age": age, "randomPublicSignal": 7})
}

/// The service with a forgeable circuit that is deployed, and two others.
fn old_service() -> OldService {
    let mut old = OldService::new();
    old.make(FORGEABLE, "rangeCheck", json!({"min": 18, "max": 120}), Recipe::Beacon);
    let hash = format!("0x{}", "12".repeat(32));
    old.deploy(FORGEABLE, json!({"address": CONTRACT, "chainId": 1, "txHash": hash}));
    old.make(SOUND, "rangeCheck", json!({"min": 1, "max": 9}), Recipe::Contribution);
    old
}

/// The rules that `zkflow audit` finds broken in a file. It ends with 1 if there are any.
fn errors(file: &Path) -> Vec<String> {
    let audit =
        Command::new(env!("CARGO_BIN_EXE_zkflow")).args(["audit", "--format", "json"]).arg(file).output();
    let output = audit.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let findings = report["audits"][0]["findings"].as_array().unwrap_or_else(|| panic!("{report}"));
    let errors = findings.iter().filter(|finding| finding["level"] == "error");
    let rules: Vec<String> = errors.map(|error| error["rule"].as_str().unwrap().to_owned()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!rules.is_empty())), "{report}");
    rules
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_the_node_service_are_answered() {
    let mut old = old_service();
    old.make(SETUP_ONLY, "product", json!({"n": 20}), Recipe::Setup);
    let proof_id = "65f1b2b3c4d5e6f708192a01";
    let (proof, public) = old.prove(proof_id, FORGEABLE, &inputs(42));
    old.request("65f1b2b3c4d5e6f708192a02", FORGEABLE, json!({"status": "failed", "error": "age 17"}));
    old.export("");
    let site = Installation::new();
    let bucket = old.path("bucket").display().to_string();

    let dry = site.import(&old, &["--folder", &bucket, "--dry-run"]);
    assert!(dry.complete, "{}\n{}", dry.printed, dry.alarm);
    assert!(!site.data().exists(), "a dry run makes a data folder");
    assert_eq!(dry.report["dryRun"], true);

    let first = site.import(&old, &["--folder", &bucket]);
    assert!(first.complete, "{}\n{}", first.printed, first.alarm);
    for (id, label) in
        [(FORGEABLE, "forgeable"), (SOUND, "claimed single-operator"), (SETUP_ONLY, "forgeable")]
    {
        let line = first.circuit(id);
        assert_eq!((&line["outcome"], &line["label"]), (&json!("imported"), &json!(label)), "{line}");
        assert_eq!(dry.circuit(id)["circuitId"], line["circuitId"], "the id follows from the content");
        assert_eq!(line["notes"], Value::Null, "{line}");
    }
    assert_eq!(first.report["proofs"]["imported"], 2);
    let address = CONTRACT.to_lowercase();
    assert!(first.alarm.contains("FORGEABLE") && first.alarm.contains(&address), "{}", first.alarm);
    assert!(!first.alarm.contains(SOUND), "{}", first.alarm);

    // The audit sees how a key was made in its contract, in source and in code, and in its verification key.
    for (id, rule) in [(FORGEABLE, Some("beacon-only")), (SOUND, None), (SETUP_ONLY, Some("gamma-is-delta"))]
    {
        let contract = old.object(id, "verifier.sol");
        let source = fs::read_to_string(&contract).unwrap();
        let code = Solc::find(None).unwrap().compile(&source, CONTRACT_NAME).unwrap().runtime_code;
        let compiled = site.folder.path().join("code.hex");
        fs::write(&compiled, hex::encode(code)).unwrap();
        for file in [&contract, &compiled, &old.object(id, "verification_key.json")] {
            assert_eq!(errors(file), Vec::from_iter(rule), "{id}: {}", file.display());
        }
    }

    // A repetition changes nothing, and adds the contract that was deployed since.
    let later = "0x0123456789012345678901234567890123456789";
    old.deploy(SOUND, json!({"address": later, "chainId": "31337"}));
    old.export("");
    let second = site.import(&old, &["--folder", &bucket]);
    assert!(second.complete, "{}", second.printed);
    for id in [FORGEABLE, SOUND, SETUP_ONLY] {
        let (line, before) = (second.circuit(id), first.circuit(id));
        assert_eq!((&line["outcome"], &line["circuitId"]), (&json!("present"), &before["circuitId"]));
    }
    assert_eq!(
        (&second.report["proofs"]["present"], &second.report["proofs"]["imported"]),
        (&json!(2), &json!(0))
    );
    assert!(second.alarm.contains(&address), "it is as loud as before: {}", second.alarm);

    let server = site.serve(&[]);
    let client = OldClient::of(&server);
    let (_, list) = client.get("/v1/circuits").await;
    assert_eq!(list["circuits"].as_array().unwrap().len(), 3, "{list}");

    // GET /v1/circuits/:id
    let (status, circuit) = client.get(&format!("/v1/circuits/{FORGEABLE}")).await;
    assert_eq!((status, &circuit["status"]), (200, &json!("ready")), "{circuit}");
    assert_eq!(circuit["circuitId"], first.circuit(FORGEABLE)["circuitId"]);
    assert_eq!(circuit["import"]["node"]["circuitId"], FORGEABLE);
    assert_eq!(circuit["artifacts"]["deployment"]["address"].as_str().unwrap().to_lowercase(), address);
    let at_risk = &circuit["forgeable"]["contractAtRisk"];
    assert_eq!(at_risk["address"].as_str().unwrap().to_lowercase(), address, "{circuit}");
    assert_eq!((&circuit["provenance"], &circuit["claimed"]), (&Value::Null, &Value::Null));
    let (_, sound) = client.get(&format!("/v1/circuits/{SOUND}")).await;
    assert_eq!(
        sound["artifacts"]["deployment"],
        json!({"recordedBy": "node", "chainId": 31337, "address": later})
    );
    assert_eq!((&sound["forgeable"], &sound["claimed"]), (&Value::Null, &json!("single-operator")));
    let (status, problem) = client.get("/v1/circuits/65f1a2b3c4d5e6f708192aff").await;
    assert_eq!((status, &problem["code"]), (404, &json!("circuit_not_found")));

    // GET /v1/circuits/:id/artifacts/:name
    for id in [FORGEABLE, SOUND] {
        let path = |name: &str| format!("/v1/circuits/{id}/artifacts/{name}");
        for (name, object) in [("wasm", "circuit.wasm"), ("zkey", "circuit_final.zkey")] {
            assert!(
                client.file(&path(name)).await == fs::read(old.object(id, object)).unwrap(),
                "{id} {name}"
            );
        }
        let served: Value = serde_json::from_slice(&client.file(&path("vkey")).await).unwrap();
        assert_eq!(served, old.json(&format!("bucket/circuits/{id}/verification_key.json")));
        let contract = String::from_utf8(client.file(&path("verifier")).await).unwrap();
        assert!(contract.contains("contract Groth16Verifier"), "{contract}");
        assert_eq!(contract.contains("NEVER DEPLOY THIS CONTRACT"), id == FORGEABLE);
    }

    // POST /v1/proofs, GET /v1/proofs/:id, POST /v1/circuits/:id/verify
    for (id, age) in [(FORGEABLE, 42), (SOUND, 5)] {
        let made = client.prove(id, age).await;
        let (made, signals) = (&made["artifacts"]["proof"], &made["artifacts"]["publicSignals"]);
        assert_eq!(signals, &json!(["49", "7"]));
        old.verifies(id, made, signals);
        let body = json!({"proof": made, "publicSignals": signals});
        let (status, verdict) = client.post(&format!("/v1/circuits/{id}/verify"), body).await;
        assert_eq!((status, &verdict), (200, &json!({"verified": true})));
    }
    let (status, request) = client.get(&format!("/v1/proofs/{proof_id}")).await;
    assert_eq!((status, &request["status"]), (200, &json!("completed")), "{request}");
    assert_eq!((&request["artifacts"]["proof"], &request["artifacts"]["publicSignals"]), (&proof, &public));
    assert_eq!((&request["userId"], &request["artifacts"]["prover"]), (&json!("ann"), &json!("snarkjs")));
    let (_, failed) = client.get("/v1/proofs/65f1b2b3c4d5e6f708192a02").await;
    assert_eq!(failed["error"]["code"], "failed_before_import");
    assert!(!failed.to_string().contains("age 17"), "the old text may contain inputs: {failed}");
    let (_, listed) = client.get(&format!("/v1/proofs?circuitId={FORGEABLE}")).await;
    assert_eq!(listed["proofs"].as_array().unwrap().len(), 3, "{listed}");

    // POST /v1/circuits/:id/deploy: never for a forgeable key, in no way.
    let key = "12".repeat(32);
    for body in [
        json!({"chainId": 31337, "signer": "any"}),
        json!({"rpcUrl": "https://node.example", "privateKey": key}),
        json!({"chainId": 31337, "unsigned": true}),
    ] {
        let (status, problem) = client.post(&format!("/v1/circuits/{FORGEABLE}/deploy"), body.clone()).await;
        assert_eq!((status, &problem["code"]), (409, &json!("key_forgeable")), "{body}: {problem}");
    }
    let (status, problem) = client.get(&format!("/v1/circuits/{FORGEABLE}/contract")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("key_forgeable")), "{problem}");
    let unsigned = json!({"chainId": 31337, "unsigned": true});
    let (status, transaction) = client.post(&format!("/v1/circuits/{SOUND}/deploy"), unsigned).await;
    assert_eq!(status, 200, "{transaction}");

    // The circuit of a contract is not deleted by the way.
    let own = first.circuit(FORGEABLE)["circuitId"].as_str().unwrap();
    for id in [FORGEABLE, own] {
        let answer = client.http.delete(format!("{}/v1/circuits/{id}", client.base)).send().await.unwrap();
        assert_eq!(answer.status(), 409);
    }
    assert_eq!(server.terminate().unwrap(), Some(0));

    // A catalog that is made again from the store has the same circuits, with the same labels.
    for file in ["zkflow.db", "zkflow.db-wal", "zkflow.db-shm"] {
        let _ = fs::remove_file(site.data().join(file));
    }
    let rebuilt = site.command(&["store", "rebuild-catalog"]).output().unwrap();
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    let server = site.serve(&[]);
    let (_, again) = OldClient::of(&server).get(&format!("/v1/circuits/{FORGEABLE}")).await;
    assert_eq!(again["forgeable"], circuit["forgeable"], "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_come_is_reported_and_hinders_nothing() {
    let mut old = old_service();
    let proof_id = "65f1b2b3c4d5e6f708192a01";
    let (proof, public) = old.prove(proof_id, SOUND, &inputs(5));

    // Circuits: keys of others, damaged and missing files, unknown templates, documents of any form.
    let id = |last: u32| format!("65f1a2b3c4d5e6f7081{last:05x}");
    let (product, range) = (json!({"n": 3}), json!({"min": 1, "max": 9}));
    old.copied(&id(1), FORGEABLE, "product", product.clone());
    old.copied(&id(2), SOUND, "rangeCheck", range.clone());
    fs::copy(old.object(FORGEABLE, "verification_key.json"), old.object(&id(2), "verification_key.json"))
        .unwrap();
    old.copied(&id(3), SOUND, "rangeCheck", range.clone());
    fs::remove_file(old.object(&id(3), "circuit_final.zkey")).unwrap();
    old.copied(&id(4), SOUND, "rangeCheck", range.clone());
    let key = fs::read(old.object(SOUND, "circuit_final.zkey")).unwrap();
    fs::write(old.object(&id(4), "circuit_final.zkey"), &key[..key.len() / 2]).unwrap();
    old.copied(&id(5), SOUND, "unknown", range.clone());
    old.copied(&id(6), SOUND, "rangeCheck", json!({"min": "1; signal input x", "max": 9}));
    old.copied(&id(7), SOUND, "rangeCheck", json!({"min": {"$gt": ""}, "max": [[[]]]}));
    old.copied(&id(8), SOUND, "rangeCheck", json!({"min": "9".repeat(2 << 20), "max": 9}));
    old.copied(&id(9), SOUND, "rangeCheck", range.clone());
    fs::remove_file(old.object(&id(9), "circuit_final.zkey")).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", old.object(&id(9), "circuit_final.zkey")).unwrap();
    for (id, fields) in [
        (id(10), json!({"status": "pending"})),
        (id(11), json!({"status": 7})),
        (id(12), json!({"status": "ready", "template": "../../x"})),
    ] {
        let mut document = json!({"_id": {"$oid": id}, "template": "product", "params": {}});
        document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        old.document(document);
    }
    old.document(json!([1, 2, 3]));
    old.document(json!({"_id": {"$oid": ["x"]}, "status": "ready"}));
    // The same circuit again comes as the same circuit, with what is missing made again.
    old.copied(&id(13), SOUND, "rangeCheck", range);
    old.document(json!({
        "_id": id(14), "template": "rangeCheck", "params": {"min": "1", "max": 9}, "status": "ready",
        "artifacts": {"zkey": format!("s3://bucket/circuits/{SOUND}/circuit_final.zkey"), "deployment": {"address": 7}},
    }));

    // Proof requests.
    let artifacts = json!({"proof": proof, "public": public});
    let wrong = json!({"proof": proof, "public": ["50", "7"]});
    for (last, circuit, more) in [
        (1, SOUND, json!({"status": "completed", "artifacts": wrong})),
        (2, SOUND, json!({"status": "completed", "artifacts": {"proof": {"pi_a": "x"}, "public": {}}})),
        (3, SOUND, json!({"status": "completed"})),
        (4, SOUND, json!({"status": "pending"})),
        (5, FORGEABLE, json!({"status": "completed", "artifacts": artifacts})),
        (6, "65f1a2b3c4d5e6f708192aff", json!({"status": "completed", "artifacts": artifacts})),
    ] {
        old.request(&format!("65f1c2b3c4d5e6f70819{last:04x}"), circuit, more);
    }
    let over = json!({"status": "completed", "artifacts": artifacts, "expires_at": {"$date": "2020-01-01T00:00:00Z"}});
    old.request("65f1c2b3c4d5e6f708190007", SOUND, over);
    old.export("{\"_id\": \u{1b}[2K\n\"x\"\n");

    let site = Installation::new();
    let bucket = old.path("bucket").display().to_string();
    let imported = site.import(&old, &["--folder", &bucket]);
    assert!(!imported.complete, "something could not come");
    for id in [FORGEABLE, SOUND] {
        assert_eq!(imported.circuit(id)["outcome"], "imported", "{}", imported.printed);
    }
    for (last, code) in [
        (1, "key_of_other_circuit"),
        (2, "verification_key_of_other_key"),
        (3, "import_incomplete"),
        (4, "malformed_file"),
        (5, "unknown_template"),
        (8, "malformed_document"),
        (9, "file_unreadable"),
        (10, "circuit_pending"),
        (11, "malformed_document"),
        (12, "malformed_document"),
    ] {
        assert_eq!(imported.refused(&id(last)), code, "{:#}", imported.circuit(&id(last)));
    }
    for last in [6, 7] {
        assert!(imported.refused(&id(last)).contains("parameter"), "{}", imported.circuit(&id(last)));
    }
    assert_eq!(imported.refused("unknown"), "malformed_document");
    let same = imported.circuit(&id(13));
    assert_eq!(
        (&same["outcome"], &same["circuitId"]),
        (&json!("present"), &imported.circuit(SOUND)["circuitId"])
    );
    let bare = imported.circuit(&id(14));
    assert_eq!(bare["outcome"], "imported", "{bare}");
    assert_eq!(bare["notes"].as_array().unwrap().len(), 3, "{bare}");

    let proofs = &imported.report["proofs"];
    assert_eq!((&proofs["imported"], &proofs["expired"]), (&json!(1), &json!(1)), "{proofs}");
    let codes: Vec<&str> =
        proofs["refusals"].as_array().unwrap().iter().map(|line| line["code"].as_str().unwrap()).collect();
    let malformed = "malformed_document";
    let expected = [
        "proof_invalid",
        malformed,
        malformed,
        "proof_pending",
        "proof_invalid",
        "circuit_not_found",
        malformed,
        malformed,
    ];
    assert_eq!(codes, expected, "{proofs:#}");
    assert!(!imported.printed.contains('\u{1b}'), "control characters of foreign texts are printed");
    assert!(imported.printed.len() < 20_000, "foreign texts are cut");
    for code in expected {
        assert!(imported.printed.contains(code), "{code} is not printed");
    }

    // Nothing is left behind.
    let scratch = fs::read_dir(site.data().join("scratch")).unwrap().count();
    assert_eq!(scratch, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_come_from_mongodb_and_the_objects_from_s3() {
    let mut old = old_service();
    old.prove("65f1b2b3c4d5e6f708192a01", SOUND, &inputs(5));
    let (mongo, s3) = (MongoServer::start().await, S3Server::start_own().await);
    let uri = mongo.fresh_uri();
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    let database = client.default_database().unwrap();
    for (name, documents) in old.collections() {
        let documents = documents.iter().map(stored);
        database.collection::<bson::Document>(name).insert_many(documents).await.unwrap();
    }
    for id in [FORGEABLE, SOUND] {
        for name in ["circuit.wasm", "circuit_final.zkey", "verification_key.json", "verifier.sol"] {
            let bytes = fs::read(old.object(id, name)).unwrap();
            let key = format!("circuits/{id}/{name}");
            s3.client().put_object().bucket(s3.bucket()).key(key).body(bytes.into()).send().await.unwrap();
        }
    }
    let before = objects(&s3).await;

    let site = Installation::new();
    let report = site.folder.path().join("report.json");
    let import = || {
        let mut command = site.command(&["import", "node", "--s3", s3.bucket()]);
        command.arg("--templates").arg(old.path("templates")).arg("--report").arg(&report);
        command.env("NODE_MONGODB_URI", &uri).env("S3_ENDPOINT", s3.endpoint());
        command.env("S3_FORCE_PATH_STYLE", "true");
        command.env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY);
        command.env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
        // Keys that are made from the powers of tau of the settings are verified.
        command.env("PTAU_PATH", powers()).stderr(Stdio::piped());
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        Imported::of(output, &report)
    };
    let imported = import();
    assert!(imported.complete, "{}\n{}", imported.printed, imported.alarm);
    assert_eq!(imported.circuit(FORGEABLE)["label"], "forgeable");
    assert_eq!(imported.circuit(SOUND)["label"], "single-operator", "{}", imported.printed);
    for id in [FORGEABLE, SOUND] {
        assert_eq!(imported.circuit(id)["notes"], Value::Null, "both keys are those of the powers of tau");
    }
    assert_eq!(imported.report["proofs"]["imported"], 1);
    assert_eq!(import().circuit(SOUND)["outcome"], "present");
    assert_eq!(objects(&s3).await, before, "the bucket of the Node service is only read");

    let server = site.serve(&[]);
    let client = OldClient::of(&server);
    let (_, circuit) = client.get(&format!("/v1/circuits/{SOUND}")).await;
    assert_eq!(circuit["provenance"], "single-operator", "{circuit}");
    let zkey = Digest::of(fs::read(old.object(SOUND, "circuit_final.zkey")).unwrap());
    assert_eq!(circuit["artifacts"]["proving_key.zkey"]["sha256"], json!(zkey));
    let made = client.prove(SOUND, 5).await;
    old.verifies(SOUND, &made["artifacts"]["proof"], &made["artifacts"]["publicSignals"]);
}

async fn objects(s3: &S3Server) -> Vec<String> {
    let listed = s3.client().list_objects_v2().bucket(s3.bucket()).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// A document as Mongoose stores it.
fn stored(document: &Value) -> bson::Document {
    let fields = document.as_object().unwrap().iter();
    fields.map(|(name, value)| (name.clone(), stored_value(value))).collect()
}

fn stored_value(value: &Value) -> Bson {
    if let Some(id) = value["$oid"].as_str() {
        return ObjectId::parse_str(id).unwrap().into();
    }
    if let Some(at) = value["$date"].as_str() {
        return DateTime::parse_rfc3339_str(at).unwrap().into();
    }
    match value {
        Value::Object(_) => stored(value).into(),
        Value::Array(items) => Bson::Array(items.iter().map(stored_value).collect()),
        Value::String(text) => text.clone().into(),
        Value::Number(number) => Bson::Int32(number.as_i64().unwrap().try_into().unwrap()),
        Value::Bool(value) => (*value).into(),
        Value::Null => Bson::Null,
    }
}

/// An import takes hours, and its report is written at the end.
#[test]
fn a_report_without_a_folder_is_refused_before_the_import() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("circuits.json"), "[]").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.args(["import", "node", "--folder", ".", "--dry-run", "--report", "nowhere/report.json"]);
    let output = command.current_dir(place.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("nowhere: there is no such folder"), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}
