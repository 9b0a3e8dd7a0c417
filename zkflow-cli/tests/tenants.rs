//! Two tenants over the whole life of a proof: each sees its own documents only, and keys leave no trace.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{MongoServer, RedisServer, S3Server};

const PATIENCE: Duration = Duration::from_secs(300);
const SCOPES: &str =
    "circuits:read,circuits:build,circuits:delete,proofs:create,proofs:read,verify,deploy,webhooks,operate";

/// Where the state is, and what the log contains.
struct Site {
    variables: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(variables: Vec<(&'static str, String)>) -> Self {
        Self { variables, folder: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("ZKFLOW_DATA_DIR", self.data());
        command
    }

    fn keys(&self, args: &[&str]) -> String {
        let output = self.command().arg("keys").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a key and returns it with its id.
    fn key(&self, tenant: &str) -> (String, String) {
        let printed = self.keys(&["create", "--name", "test", "--tenant", tenant, "--scopes", SCOPES]);
        let value = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        (value("key "), value("id "))
    }

    fn serve(&self) -> LocalServer {
        let cache = std::env::temp_dir().join("zkflow-test-modules");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command();
        command.args([
            "serve",
            "--port",
            "0",
            "--auth",
            "keys",
            "--callbacks",
            "true",
            "--local-callbacks",
            "true",
        ]);
        command.args(["--log-level", "trace", "--module-cache"]);
        LocalServer::spawn({
            command.arg(cache).stderr(log);
            command
        })
        .unwrap()
    }
}

/// What a tenant made.
struct Made {
    client: Client,
    base: String,
    key: String,
    circuit: String,
    proof: String,
    /// A text that no answer to another tenant may contain.
    mark: String,
    /// Texts of its webhooks: address, secret, id of a delivery.
    hooks: Vec<String>,
}

impl Made {
    /// Texts that no answer to another tenant may contain.
    fn marks(&self) -> impl Iterator<Item = &String> {
        [&self.circuit, &self.proof, &self.mark].into_iter().chain(&self.hooks)
    }

    /// Sends a request as this tenant, and returns the status. The answer, with its header fields, contains no mark of `other`
    /// beside those that the request contains.
    async fn asks(&self, path: &str, body: Option<&Value>, other: &Self) -> u16 {
        let (url, http) = (format!("{}{path}", self.base), reqwest::Client::new());
        let request = body.map_or_else(|| http.get(&url), |body| http.post(&url).json(body));
        let reply = request.bearer_auth(&self.key).send().await.unwrap();
        let status = reply.status().as_u16();
        let field = |(name, value): (_, &reqwest::header::HeaderValue)| {
            format!("{name:?}: {}\n", String::from_utf8_lossy(value.as_bytes()))
        };
        let head: String = reply.headers().iter().map(field).collect();
        let text = head + &reply.text().await.unwrap();
        let sent = format!("{path} {}", body.map_or_else(String::new, Value::to_string));
        for mark in other.marks().filter(|mark| !sent.contains(mark.as_str())) {
            assert!(!text.contains(mark.as_str()), "{path}: {mark} in {text}");
        }
        status
    }
}

async fn make(server: &LocalServer, key: &str, name: &str) -> Made {
    let client = server.client().with_api_key(key).unwrap();
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = client.circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
    let mark = format!("user-of-{name}");
    // Nothing listens there: its events wait.
    let address = format!("http://127.0.0.1:9/hook-of-{name}");
    let put = reqwest::Client::new().put(format!("{}/v1/webhooks", server.base())).bearer_auth(key);
    let hooks = put.json(&json!({"url": address, "every": true})).send().await.unwrap();
    let hooks: Value = hooks.error_for_status().unwrap().json().await.unwrap();
    let secret = hooks["secret"].as_str().unwrap().to_owned();
    let body = json!({
        "circuitId": circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "7"}, "userId": mark,
    });
    let asked = client.post("/v1/proofs", &body).await.unwrap();
    assert_eq!(asked.status, 202, "{asked:?}");
    let proof = asked.body["proofRequestId"].as_str().unwrap().to_owned();
    let done = client.proof(&proof, PATIENCE).await.unwrap();
    assert_eq!(done["status"], "completed", "{done}");
    let events = client.get("/v1/webhooks/deliveries").await.unwrap().body;
    let event =
        events["deliveries"][0]["deliveryId"].as_str().unwrap_or_else(|| panic!("{events}")).to_owned();
    let (base, key) = (server.base().to_owned(), key.to_owned());
    Made { client, base, key, circuit, proof, mark, hooks: vec![address, secret, event] }
}

async fn two_tenants_see_nothing_of_each_other(site: &Site) {
    let ((one_key, one_id), (other_key, _)) = (site.key("one"), site.key("other"));
    let server = site.serve();
    assert_eq!(server.client().get("/v1/circuits").await.unwrap().status, 401);
    let (one, other) = tokio::join!(make(&server, &one_key, "one"), make(&server, &other_key, "other"));
    assert_ne!(one.circuit, other.circuit);
    for (own, foreign) in [(&one, &other), (&other, &one)] {
        let (circuit, proof) = (&foreign.circuit, &foreign.proof);
        for path in [
            "/v1/circuits".to_owned(),
            "/v1/circuits?status=ready".to_owned(),
            "/v1/proofs".to_owned(),
            format!("/v1/proofs?userId={}", foreign.mark),
            format!("/v1/circuits/{}", own.circuit),
            format!("/v1/circuits/{}/deployments", own.circuit),
            format!("/v1/proofs/{}", own.proof),
            "/v1/templates".to_owned(),
            "/v1/webhooks".to_owned(),
            "/v1/webhooks/deliveries".to_owned(),
            "/v1/usage?from=2020-01-01".to_owned(),
            "/v1/sealing-key".to_owned(),
            "/metrics".to_owned(),
            "/ready".to_owned(),
        ] {
            assert_eq!(own.asks(&path, None, foreign).await, 200, "{path}");
        }
        for entry in ["circuits", "proofs"] {
            let list = own.client.get(&format!("/v1/{entry}")).await.unwrap().body;
            assert_eq!(list[entry].as_array().unwrap().len(), 1, "{list}");
        }
        // The log of changes shows all tenants: it is for administrators.
        for path in ["/v1/audit-log", "/v1/keys"] {
            assert_eq!(own.asks(path, None, foreign).await, 403, "{path}");
        }
        let usage = own.client.get("/v1/usage").await.unwrap().body;
        assert_eq!(usage["usage"].as_array().unwrap().len(), 1, "{usage}");
        let replay = format!("/v1/webhooks/deliveries/{}/replay", foreign.hooks[2]);
        assert_eq!(own.asks(&replay, Some(&json!({})), foreign).await, 404);
        let statement = json!({"proof": {}, "publicSignals": []});
        for path in [
            format!("/v1/circuits/{circuit}"),
            format!("/v1/circuits/{circuit}/events"),
            format!("/v1/circuits/{circuit}/contract"),
            format!("/v1/circuits/{circuit}/deployments"),
            format!("/v1/circuits/{circuit}/artifacts/proving_key.zkey"),
            format!("/v1/proofs/{proof}"),
            format!("/v1/proofs/{proof}/events"),
            format!("/v1/proofs/{proof}/calldata"),
        ] {
            assert_eq!(own.asks(&path, None, foreign).await, 404, "{path}");
        }
        let body = json!({"circuitId": circuit, "privateInputs": {}, "publicInputs": {}});
        for (path, body) in [
            (format!("/v1/circuits/{circuit}/verify"), &statement),
            (format!("/v1/circuits/{circuit}/deploy"), &json!({"chainId": 31337, "signer": "x"})),
            (format!("/v1/proofs/{proof}/cancel"), &json!({})),
            ("/v1/proofs".to_owned(), &body),
        ] {
            assert_eq!(own.asks(&path, Some(body), foreign).await, 404, "{path}");
        }
        // Errors that name what is wrong, and one of no route.
        for path in ["/v1/proofs?cursor=x", "/v1/circuits?status=x", "/v1/proofs/x", "/v1/nothing"] {
            let status = own.asks(path, None, foreign).await;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
        for body in
            [json!({}), json!({"circuitId": own.circuit}), json!({"circuitId": own.circuit, "userId": "é"})]
        {
            let status = own.asks("/v1/proofs", Some(&body), foreign).await;
            assert!((400..500).contains(&status), "{body}: {status}");
        }
    }

    // A key that is revoked on the catalog is refused by the running server, others are not.
    let listed = site.keys(&["list"]);
    assert!(listed.contains(&one_id) && !listed.contains(&one_key[3..]), "{listed}");
    site.keys(&["revoke", &one_id]);
    let began = Instant::now();
    while one.client.get("/v1/circuits").await.unwrap().status == 200 {
        assert!(began.elapsed() < PATIENCE, "the revoked key is accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(other.client.get("/v1/circuits").await.unwrap().status, 200);
    assert_eq!(server.terminate().unwrap(), Some(0));
    assert!(site.keys(&["list", "--tenant", "one"]).contains("used "), "the use of a key is noted");

    // The log of changes is whole, names the callers, and its export is too.
    let audit = |args: &[&str]| site.command().arg("audit-log").args(args).output().unwrap();
    let verified = audit(&["verify"]);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success(), "{said}{}", String::from_utf8_lossy(&verified.stderr));
    let head = said.lines().find_map(|line| line.strip_prefix("head ")).unwrap().trim();
    let exported = audit(&["export"]).stdout;
    let entries: Vec<Value> = exported
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..2], ["key.create", "key.create"]);
    assert_eq!(actions.iter().filter(|action| **action == "circuit.build").count(), 2, "{actions:?}");
    assert_eq!(actions.last(), Some(&"key.revoke"));
    assert!(entries.iter().any(|entry| entry["actor"] == format!("key:{one_id}")));
    let file = site.folder.path().join("audit.jsonl");
    let verify = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        audit(&["verify", "--head", head, "--file", file.to_str().unwrap()]).status.success()
    };
    assert!(verify(&exported));
    let text = String::from_utf8(exported.clone()).unwrap();
    assert!(
        !verify(text.replacen("key.create", "key.revoke", 1).as_bytes()),
        "a changed entry is not noticed"
    );
    let without_last = text.trim_end().rsplit_once('\n').unwrap().0;
    assert!(!verify(without_last.as_bytes()), "a missing entry at the end is not noticed");
    let (number, digest) = head.split_once(':').unwrap();
    assert_eq!(number, entries.len().to_string());
    let heads = |head: &str| audit(&["verify", "--head", head]).status.success();
    assert!(heads(head) && heads(digest) && heads(&format!("1:{}", entries[0]["digest"].as_str().unwrap())));
    for wrong in [format!("1:{digest}"), format!("{number}:{}", "0".repeat(64)), format!("x:{digest}")] {
        assert!(!heads(&wrong), "{wrong}");
    }

    let logged = std::fs::read(site.log()).unwrap();
    assert!(String::from_utf8_lossy(&logged).contains(&format!("key:{one_id}")), "the log names no caller");
    for key in [&one_key, &other_key] {
        let digits = &key.as_bytes()["zk_".len()..];
        let within = |bytes: &[u8]| bytes.windows(digits.len()).any(|window| window == digits);
        assert!(!within(&logged), "the log contains a key");
        for path in files(&site.data()) {
            assert!(!within(&std::fs::read(&path).unwrap()), "{} contains a key", path.display());
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_of_one_machine_see_nothing_of_each_other() {
    two_tenants_see_nothing_of_each_other(&Site::new(Vec::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_of_remote_backends_see_nothing_of_each_other() {
    let redis = RedisServer::for_tests().unwrap();
    let (mongo, s3) = (MongoServer::start_own().await, S3Server::start_own().await);
    let site = Site::new(vec![
        ("ZKFLOW_SECRET_KEY", "00112233445566778899aabbccddeeff".repeat(2)),
        ("REDIS_URL", redis.url().to_owned()),
        ("REDIS_NAMESPACE", RedisServer::fresh_namespace()),
        ("MONGODB_URI", mongo.uri().to_owned()),
        ("S3_BUCKET", s3.bucket().to_owned()),
        ("S3_ENDPOINT", s3.endpoint().to_owned()),
        ("S3_FORCE_PATH_STYLE", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY.to_owned()),
    ]);
    two_tenants_see_nothing_of_each_other(&site).await;
}

#[test]
fn an_api_that_others_reach_is_not_started_without_authentication() {
    let site = Site::new(Vec::new());
    for bind in ["0.0.0.0", "::", "192.0.2.1"] {
        let output = site.command().args(["serve", "--bind", bind, "--port", "0"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{bind}");
        assert!(said.contains("without authentication") && said.contains("--insecure-no-auth"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_with_a_certificate_speaks_https_and_listens_on_a_socket() {
    use std::io::{Read as _, Write as _};

    let site = Site::new(Vec::new());
    let (tls, socket) = (RedisServer::authority(), site.folder.path().join("api.sock"));
    let tls = tls.parent().unwrap();
    let mut command = site.command();
    command.args(["serve", "--port", "0", "--no-workers", "--tls-certificate"]).arg(tls.join("server.pem"));
    command.arg("--tls-key").arg(tls.join("server.key")).arg("--unix-socket").arg(&socket);
    command.stderr(File::create(site.log()).unwrap());
    let server = LocalServer::spawn(command).unwrap();
    assert!(server.base().starts_with("https://"), "{}", server.base());
    let authority = std::fs::read(tls.join("ca.pem")).unwrap();
    let trusting = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&authority).unwrap())
        .build()
        .unwrap();
    let url = format!("{}/health", server.base());
    let health = trusting.get(&url).send().await.unwrap();
    assert_eq!(health.status(), 200);
    assert!(reqwest::Client::new().get(&url).send().await.is_err(), "a foreign certificate is trusted");
    assert!(reqwest::get(url.replace("https", "http")).await.is_err(), "the port speaks http too");
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.terminate().unwrap(), Some(0));
    let half = site.command().args(["serve", "--tls-key", "x"]).output().unwrap();
    assert!(String::from_utf8_lossy(&half.stderr).contains("tls_certificate"));
}
