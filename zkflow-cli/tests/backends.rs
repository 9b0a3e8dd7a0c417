//! The binary with remote backends: MongoDB for the documents, S3 for the artifacts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{MongoServer, S3Server, download};

const PATIENCE: Duration = Duration::from_secs(300);

/// Local backends. This process serves S3, so the tests need threads that do not block on the servers.
struct Site {
    mongo: MongoServer,
    s3: S3Server,
    folder: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (mongo, s3) = (MongoServer::start_own().await, S3Server::start_own().await);
        Self { mongo, s3, folder: tempfile::tempdir().unwrap() }
    }

    /// A server with the data folder `machine`, which simulates a machine of that name.
    fn serve(&self, machine: &str, args: &[&str]) -> LocalServer {
        let mut command = command(&self.folder.path().join(machine), args);
        command
            .env("MONGODB_URI", self.mongo.uri())
            .env("S3_BUCKET", self.s3.bucket())
            .env("S3_ENDPOINT", self.s3.endpoint())
            .env("S3_FORCE_PATH_STYLE", "true")
            .env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
        LocalServer::spawn(command).unwrap()
    }
}

fn command(data: &Path, args: &[&str]) -> Command {
    let cache = std::env::temp_dir().join("zkflow-test-modules");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.args([
        "serve",
        "--port",
        "0",
        "--log-level",
        "error",
        "--reconcile-interval-s",
        "1",
        "--module-cache",
    ]);
    command.arg(cache).arg("--data-dir").arg(data).args(args).stderr(Stdio::inherit());
    command.env("ZKFLOW_SECRET_KEY", "00112233445566778899aabbccddeeff".repeat(2));
    command
}

async fn range_check(client: &Client) -> Value {
    client.circuit("rangeCheck", json!({"min": 18, "max": 120}), PATIENCE).await.unwrap()
}

async fn ask(client: &Client, circuit: &Value, age: usize) -> String {
    let (private, public) =
        (json!({"age": age.to_string()}), json!({"randomPublicSignal": (age * 1000).to_string()}));
    client.request_proof(circuit["circuitId"].as_str().unwrap(), private, public).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_with_an_empty_disk_goes_on_where_another_stopped() {
    let site = Site::start().await;
    let server = site.serve("one", &[]);
    let circuit = range_check(&server.client()).await;
    let before = ask(&server.client(), &circuit, 20).await;
    let proof = server.client().proof(&before, PATIENCE).await.unwrap();
    assert_eq!(proof["status"], json!("completed"), "{proof}");
    assert_eq!(server.terminate().unwrap(), Some(0));

    let server = site.serve("two", &["--s3-redirect-s", "60"]);
    assert_eq!(server.client().proof(&before, PATIENCE).await.unwrap(), proof);
    let after = ask(&server.client(), &circuit, 21).await;
    let after = server.client().proof(&after, PATIENCE).await.unwrap();
    assert_eq!(after["status"], json!("completed"), "{after}");
    let kept = std::fs::read_dir(site.folder.path().join("two/artifact-cache")).unwrap().count();
    assert!(kept > 1, "the key is not in the local cache");

    // Downloads are redirected to the bucket, and the file matches the digest in the catalog.
    let id = circuit["circuitId"].as_str().unwrap();
    let name = "verification_key.json";
    let address = format!("{}/v1/circuits/{id}/artifacts/{name}", server.base());
    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = plain.get(&address).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert!(answer.headers()["location"].to_str().unwrap().starts_with(site.s3.endpoint()));
    let (status, bytes) = download(&address).await;
    assert_eq!(status, 200);
    assert_eq!(json!(Digest::of(&bytes)), circuit["artifacts"][name]["sha256"], "{circuit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_used_with_another_key_is_refused() {
    let site = Site::start().await;
    site.serve("one", &[]);
    let mut other = command(&site.folder.path().join("two"), &["--s3-bucket", site.s3.bucket()]);
    other
        .env("ZKFLOW_SECRET_KEY", "ffeeddccbbaa99887766554433221100".repeat(2))
        .env("S3_ENDPOINT", site.s3.endpoint())
        .env("S3_FORCE_PATH_STYLE", "true")
        .env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
    let output = other.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("sealed under another key"), "{said}");
    assert!(!said.contains(S3Server::SECRET_KEY), "{said}");
}

/// A proof that does not fit returns to the queue without a charged attempt; a larger worker makes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_does_not_fit_is_left_for_another_worker() {
    let folder = tempfile::tempdir().unwrap();
    let server = LocalServer::spawn(command(folder.path(), &["--proof-memory-mib", "1"])).unwrap();
    let client = server.client();
    let params = json!({"n": 64, "min": 18, "max": 120});
    let large = client.circuit("batchRangeCheck", params, PATIENCE).await.unwrap();
    let (private, public) = (json!({"values": vec!["20"; 64]}), json!({"randomPublicSignal": "7"}));
    let id = client.request_proof(large["circuitId"].as_str().unwrap(), private, public).await.unwrap();
    let given_back = "zkflow_jobs_given_back_total{queue=\"proof-generation\",kind=\"proof_does_not_fit\"}";
    let began = Instant::now();
    loop {
        let (_, metrics) = download(&format!("{}/metrics", server.base())).await;
        if String::from_utf8(metrics).unwrap().contains(given_back) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "no job was given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The waiting proof does not block others.
    let small = range_check(&client).await;
    let fits = ask(&client, &small, 20).await;
    assert_eq!(client.proof(&fits, PATIENCE).await.unwrap()["status"], json!("completed"));
    let waiting = client.get(&format!("/v1/proofs/{id}")).await.unwrap().body;
    assert_eq!((&waiting["status"], &waiting["attempt"]), (&json!("pending"), &json!(0)), "{waiting}");
    assert_eq!(server.terminate().unwrap(), Some(0));

    let server = LocalServer::spawn(command(folder.path(), &[])).unwrap();
    let proof = server.client().proof(&id, PATIENCE).await.unwrap();
    assert_eq!((&proof["status"], &proof["attempt"]), (&json!("completed"), &json!(1)), "{proof}");
}
