//! Private inputs and signing keys appear neither in the data folder nor in the log at level trace nor in
//! answers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rand::RngCore;
use serde_json::{Value, json};
use zkflow_core::field::{Scalar, from_le_bytes, to_decimal};
use zkflow_core::service::chain::TransactionSigner as _;
use zkflow_evm::LocalSigner;
use zkflow_server::client::{LocalChain, LocalServer};

const PATIENCE: Duration = Duration::from_secs(300);

/// A unique random value in all its possible encodings.
struct Canary {
    value: Scalar,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    fn new() -> Self {
        let mut little = [0; 32];
        rand::thread_rng().fill_bytes(&mut little);
        little[31] &= 0x1f;
        let value = from_le_bytes(&little).unwrap();
        let mut big = little;
        big.reverse();
        // The in-memory form of arkworks: Montgomery.
        let montgomery: Vec<u8> = value.0.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        let mut forms = vec![
            ("decimal", to_decimal(&value).into_bytes()),
            ("hex", hex::encode(big).into_bytes()),
            ("HEX", hex::encode_upper(big).into_bytes()),
            ("hex, little endian", hex::encode(little).into_bytes()),
            ("raw, little endian", little.to_vec()),
            ("raw, big endian", big.to_vec()),
            ("raw, Montgomery", montgomery),
        ];
        for bytes in [little, big] {
            forms.push(("base64", STANDARD.encode(bytes).into_bytes()));
            forms.push(("base64 without padding", STANDARD_NO_PAD.encode(bytes).into_bytes()));
            forms.push(("base64 for URLs", URL_SAFE_NO_PAD.encode(bytes).into_bytes()));
        }
        forms.push(("base64 of the decimal", STANDARD_NO_PAD.encode(to_decimal(&value)).into_bytes()));
        Self { value, forms }
    }

    fn decimal(&self) -> String {
        to_decimal(&self.value)
    }

    /// 64 hex digits, also valid as a private key of secp256k1.
    fn hex(&self) -> String {
        let (_, digits) = self.forms.iter().find(|(name, _)| *name == "hex").unwrap();
        String::from_utf8(digits.clone()).unwrap()
    }

    fn form_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let within = |form: &[u8]| bytes.windows(form.len()).any(|window| window == form);
        self.forms.iter().find(|(_, form)| within(form)).map(|(name, _)| *name)
    }

    fn assert_not_in(&self, what: &str, bytes: &[u8]) {
        if let Some(form) = self.form_in(bytes) {
            panic!("{what} contains a private input ({form})");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

/// Searches every file in the data folder for canaries and returns the number of files.
fn assert_folder_clean(folder: &Path, canaries: &[Canary]) -> usize {
    let files = files(folder);
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        canaries.iter().for_each(|canary| canary.assert_not_in(&path.display().to_string(), &bytes));
    }
    files.len()
}

#[test]
fn the_search_finds_a_canary_in_each_of_its_forms() {
    let canary = Canary::new();
    for (name, form) in &canary.forms {
        let hidden = [b"before", form.as_slice(), b"after"].concat();
        assert!(canary.form_in(&hidden).is_some(), "{name}");
    }
}

#[tokio::test]
async fn private_inputs_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let start = |args: &[&str]| {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let loud = ["--log-level", "trace", "--module-cache", modules.to_str().unwrap()];
        let args = [&loud, args].concat();
        LocalServer::start(Path::new(env!("CARGO_BIN_EXE_zkflow")), &data, &args, file.into()).unwrap()
    };
    let canaries: Vec<Canary> = (0..6).map(|_| Canary::new()).collect();
    let mut answers: Vec<Value> = Vec::new();

    let server = start(&[]);
    let client = server.client();
    let preimage =
        client.circuit("poseidonPreimage", example_params(&client, "poseidonPreimage").await, PATIENCE);
    let preimage = preimage.await.unwrap()["circuitId"].as_str().unwrap().to_owned();
    let range = client.circuit("rangeCheck", json!({"min": 18, "max": 120}), PATIENCE).await.unwrap();
    let range = range["circuitId"].as_str().unwrap().to_owned();
    let inputs = |value: &Canary, example: &Value| -> Value {
        let replace = |item: &Value| match item {
            Value::Array(items) => Value::Array(items.iter().map(|_| json!(value.decimal())).collect()),
            _ => json!(value.decimal()),
        };
        example
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, item)| (name.clone(), replace(item)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let example =
        client.get("/v1/templates/poseidonPreimage").await.unwrap().body["example"]["inputs"].clone();
    assert_eq!(server.terminate().unwrap(), Some(0));

    // Sealed and waiting, without workers.
    let server = start(&["--workers", "false"]);
    let client = server.client();
    let waiting = client.request_proof(&preimage, inputs(&canaries[0], &example), json!({})).await.unwrap();
    let failing = client
        .request_proof(&range, json!({"age": canaries[1].decimal()}), json!({"randomPublicSignal": "1"}))
        .await
        .unwrap();
    let cancelled = client.request_proof(&preimage, inputs(&canaries[5], &example), json!({})).await.unwrap();
    assert!(assert_folder_clean(&data, &canaries) > 10);
    answers.push(client.post(&format!("/v1/proofs/{cancelled}/cancel"), &json!({})).await.unwrap().body);
    assert_eq!(server.terminate().unwrap(), Some(0));

    // Proved, refused by the circuit, and refused by the API for several reasons.
    let server = start(&[]);
    let client = server.client();
    let done = client.proof(&waiting, PATIENCE).await.unwrap();
    assert_eq!(done["status"], json!("completed"), "{done}");
    let failed = client.proof(&failing, PATIENCE).await.unwrap();
    assert_eq!(failed["status"], json!("failed"), "{failed}");
    answers.extend([done, failed]);
    let secret = canaries[2].decimal();
    for inputs in [
        json!({"age": format!("{secret}x")}),
        json!({"age": [secret]}),
        json!({"nobody": secret}),
        json!({"age": {"deep": secret}}),
        json!({"age": "42", "randomPublicSignal": secret}),
        json!({ secret.clone(): "1" }),
    ] {
        let public = json!({"randomPublicSignal": "1"});
        let body = json!({"circuitId": range, "privateInputs": inputs, "publicInputs": public});
        let reply = client.post("/v1/proofs", &body).await.unwrap();
        if let Some(id) = reply.body["proofRequestId"].as_str() {
            answers.push(client.proof(id, PATIENCE).await.unwrap());
        }
        // A name from the caller may appear only in the error about that name.
        let is_name = inputs.as_object().unwrap().contains_key(&secret);
        if !is_name {
            answers.push(reply.body);
        }
    }
    let http = reqwest::Client::new();
    let url = format!("{}/v1/proofs", server.base());
    let secret = canaries[3].decimal();
    for body in [
        format!(r#"{{"circuitId":"{range}","privateInputs":{{"age":{secret}}}}}"#),
        format!(r#"{{"circuitId":"{range}","privateInputs":{{"age":"{secret}""#),
        format!(r#"{{"circuitId":"{range}","privateInputs":"{secret}"}}"#),
        format!(r#"{{"circuitId":{secret},"privateInputs":{{}}}}"#),
    ] {
        let request = http.post(&url).header("content-type", "application/json").body(body);
        answers.push(json!(request.send().await.unwrap().text().await.unwrap()));
    }
    let secret = canaries[4].decimal();
    let body = json!({"circuitId": preimage, "privateInputs": inputs(&canaries[4], &example)}).to_string();
    for _ in 0..2 {
        let request =
            http.post(&url).header("content-type", "application/json").header("idempotency-key", "k1");
        answers.push(json!(request.body(body.clone()).send().await.unwrap().text().await.unwrap()));
    }
    let other = body.replace(&secret, "1");
    let request = http.post(&url).header("content-type", "application/json").header("idempotency-key", "k1");
    answers.push(json!(request.body(other).send().await.unwrap().text().await.unwrap()));
    for path in ["/v1/proofs", "/v1/circuits", "/metrics", "/ready", "/health"] {
        let text = reqwest::get(format!("{}{path}", server.base())).await.unwrap().text().await.unwrap();
        answers.push(json!(text));
    }
    let pending: Vec<String> = client.get("/v1/proofs?status=pending").await.unwrap().body["proofs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["proofRequestId"].as_str().unwrap().to_owned())
        .collect();
    for id in pending {
        answers.push(client.proof(&id, PATIENCE).await.unwrap());
    }
    assert_folder_clean(&data, &canaries);
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert_folder_clean(&data, &canaries);

    let logged = std::fs::read(&log).unwrap();
    assert!(String::from_utf8_lossy(&logged).contains("TRACE"), "the log contains no trace messages");
    for canary in &canaries {
        canary.assert_not_in("the log", &logged);
        for answer in &answers {
            canary.assert_not_in(&format!("the answer {answer:.80}"), answer.to_string().as_bytes());
        }
    }
    let sealed =
        files(&data).into_iter().filter(|path| path.display().to_string().contains("sealed")).count();
    assert_eq!(sealed, 0, "sealed inputs of final requests still exist");
}

#[tokio::test]
async fn keys_and_addresses_of_deployments_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let chain = LocalChain::start(&["--chain-id", "31337"]).unwrap();
    // The operator's signer, a key in a request, and the URLs of nodes, which may contain access keys.
    let canaries: Vec<Canary> = (0..4).map(|_| Canary::new()).collect();
    let key = |canary: &Canary| format!("0x{}", canary.hex());
    let url = |canary: &Canary| format!("{}/?key={}", chain.url(), canary.hex());
    for canary in &canaries[..2] {
        let address = LocalSigner::from_hex(&canary.hex()).unwrap().address().to_string();
        chain.call("anvil_setBalance", json!([address, "0xde0b6b3a7640000"])).await.unwrap();
    }
    let start = |args: &[&str]| {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let nodes = format!("31337={}", url(&canaries[2]));
        let usual = [
            "--log-level",
            "trace",
            "--module-cache",
            modules.to_str().unwrap(),
            "--signers",
            "ops=env:OPS_KEY",
            "--allow-request-keys",
            "true",
            "--allow-request-rpc",
            "true",
            "--development",
            "true",
        ];
        let variables = [("OPS_KEY", key(&canaries[0])), ("ZKFLOW_RPC_URLS", nodes)];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let binary = Path::new(env!("CARGO_BIN_EXE_zkflow"));
        LocalServer::start_with(binary, &data, &[&usual, args].concat(), &variables, file.into()).unwrap()
    };
    let mut answers = Vec::new();

    let server = start(&[]);
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = server.client().circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let path = format!("/v1/circuits/{}/deploy", circuit["circuitId"].as_str().unwrap());
    assert_eq!(server.terminate().unwrap(), Some(0));

    // Sealed and waiting, without workers.
    let server = start(&["--workers", "false"]);
    let requests = [
        json!({"chainId": 31337, "signer": "ops"}),
        json!({"chainId": 31337, "privateKey": key(&canaries[1])}),
        json!({"rpcUrl": url(&canaries[3]), "privateKey": key(&canaries[1])}),
    ];
    let mut waiting = Vec::new();
    for request in &requests {
        let taken = server.client().post(&path, request).await.unwrap();
        assert_eq!(taken.status, 202, "{taken:?}");
        waiting.push(taken.body["deploymentId"].as_str().unwrap().to_owned());
        answers.push(taken.body);
    }
    // Invalid requests.
    for body in [
        json!({"chainId": 31337, "privateKey": format!("{}00", key(&canaries[1]))}),
        json!({"chainId": 31337, "privateKey": [key(&canaries[1])]}),
        json!({"chainId": key(&canaries[1]), "signer": "ops"}),
        json!({"chainId": 31337, "signer": "ops", "privateKey": key(&canaries[1])}),
        json!({"rpcUrl": format!("http://10.0.0.1/{}", canaries[3].hex()), "privateKey": key(&canaries[1])}),
        json!({"rpcUrl": format!("{} ", key(&canaries[3])), "privateKey": key(&canaries[1])}),
    ] {
        let refused = server.client().post(&path, &body).await.unwrap();
        assert_eq!(refused.status, 422, "{refused:?}");
        answers.push(refused.body);
    }
    assert_folder_clean(&data, &canaries);
    let sealed =
        || files(&data).into_iter().filter(|path| path.display().to_string().contains("sealed")).count();
    assert_eq!(sealed(), 2);
    assert_eq!(server.terminate().unwrap(), Some(0));

    let server = start(&[]);
    for id in &waiting {
        let path = path.replace("/deploy", &format!("/deployments/{id}?wait=60"));
        let done = server.client().get(&path).await.unwrap().body;
        assert_eq!(done["status"], "confirmed", "{done}");
        answers.push(done);
    }
    // An unreachable node.
    let gone = json!({"chainId": 31337, "rpcUrl": format!("http://127.0.0.1:9/{}", canaries[3].hex()), "privateKey": key(&canaries[1])});
    let taken = server.client().post(&path, &gone).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    answers.push(taken.body);
    for path in ["/metrics", "/ready", "/v1/circuits"] {
        let text = reqwest::get(format!("{}{path}", server.base())).await.unwrap().text().await.unwrap();
        answers.push(json!(text));
    }
    answers.push(server.client().get(&path.replace("/deploy", "/deployments")).await.unwrap().body);
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert_folder_clean(&data, &canaries);
    assert_eq!(sealed(), 1, "only the secrets of the deployment that waits for its node");

    let logged = std::fs::read(&log).unwrap();
    assert!(String::from_utf8_lossy(&logged).contains("deployed"), "the log contains no deployment");
    for canary in &canaries {
        canary.assert_not_in("the log", &logged);
        for answer in &answers {
            canary.assert_not_in(&format!("the answer {answer:.80}"), answer.to_string().as_bytes());
        }
    }
}

async fn example_params(client: &zkflow_server::client::Client, template: &str) -> Value {
    client.get(&format!("/v1/templates/{template}")).await.unwrap().body["example"]["params"].clone()
}
