//! The binary with remote backends: MongoDB for the documents, S3 for the artifacts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zkflow_client::UploadFile;
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
        let mut command = serve(&self.folder.path().join(machine), args);
        on_s3(&mut command, &self.s3).env("MONGODB_URI", self.mongo.uri());
        LocalServer::spawn(command).unwrap()
    }
}

/// `zkflow ARGS`, with a key that all machines share.
fn zkflow(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.args(args).arg("--data-dir").arg(data).stderr(Stdio::inherit());
    command.env("ZKFLOW_SECRET_KEY", "00112233445566778899aabbccddeeff".repeat(2));
    command
}

fn serve(data: &Path, args: &[&str]) -> Command {
    let settings = ["serve", "--port", "0", "--log-level", "error", "--reconcile-interval-s", "1"];
    let mut command = zkflow(data, &[&settings, args].concat());
    command.arg("--module-cache").arg(std::env::temp_dir().join("zkflow-test-modules"));
    command
}

/// Sets the bucket of `s3` for a command.
fn on_s3<'a>(command: &'a mut Command, s3: &S3Server) -> &'a mut Command {
    command
        .env("S3_BUCKET", s3.bucket())
        .env("S3_ENDPOINT", s3.endpoint())
        .env("S3_FORCE_PATH_STYLE", "true")
        .env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY)
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
async fn files_of_an_import_are_sent_to_the_bucket_directly() {
    let site = Site::start().await;
    let folder = site.folder.path();
    let main = "pragma circom 2.0.0;\ntemplate Main() { signal input a; signal output b; b <== a * a; }\n\
                component main = Main();\n";
    std::fs::write(folder.join("main.circom"), main).unwrap();
    let server = site.serve("one", &["--s3-upload-s", "60"]);
    let import = |line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(["circuit", "import", "main.circom", "--server", server.base()]).args(line);
        command.current_dir(folder).output().unwrap()
    };
    let output = import(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("through the server"), "{said}");
    // A part that is not the announced one fails the import, and is removed.
    let client = server.client();
    let declared = [UploadFile::of_source("main.circom", main.as_bytes())];
    let upload = client.create_upload(&declared).await.unwrap();
    assert_eq!(upload["direct"], true);
    let id = upload["uploadId"].as_str().unwrap();
    let signed = client.sign_parts(id, 0, &[(0, Digest::of(main).to_string())]).await.unwrap();
    client.put_signed(&signed["parts"][0], main.replace('a', "c").into_bytes()).await.unwrap();
    assert_eq!(client.upload(id).await.unwrap()["files"][0]["missing"], json!([]));
    let circuit = client.request_import(id, &json!({"simplification": "O2"})).await.unwrap();
    let failed = client.wait_for_circuit(circuit["circuitId"].as_str().unwrap(), PATIENCE).await;
    let failed = failed.unwrap_err().to_string();
    assert!(failed.contains("upload_digest"), "{failed}");
    for _ in 0..100 {
        if objects(&site.s3, "upload-parts/").await.is_empty() && client.upload(id).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(objects(&site.s3, "upload-parts/").await, Vec::<String>::new());
    let other = client.create_upload(&declared).await.unwrap();
    for (upload, part, code) in [(&upload, 0, "upload_not_found"), (&other, 1, "upload_part_not_found")] {
        let id = upload["uploadId"].as_str().unwrap();
        let refused = client.sign_parts(id, 0, &[(part, Digest::of(main).to_string())]).await;
        assert_eq!(refused.unwrap_err().code(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_used_with_another_key_is_refused() {
    let site = Site::start().await;
    site.serve("one", &[]);
    let mut other = serve(&site.folder.path().join("two"), &[]);
    on_s3(&mut other, &site.s3).env("MONGODB_URI", site.mongo.uri());
    other.env("ZKFLOW_SECRET_KEY", "ffeeddccbbaa99887766554433221100".repeat(2));
    let output = other.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("sealed under another key"), "{said}");
    assert!(!said.contains(S3Server::SECRET_KEY), "{said}");
}

#[test]
fn a_bucket_without_a_region_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path(), &[]);
    command.env("S3_BUCKET", "bucket").env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "secret");
    // Neither this machine nor its user has one.
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", folder.path().join("none"));
    for name in ["S3_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("set AWS_REGION"), "{said}");
    assert!(!said.contains("Metadata"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_environment_on_one_bucket_does_not_start_and_changes_nothing() {
    let site = Site::start().await;
    let server = site.serve("one", &[]);
    let before = objects(&site.s3, "").await;
    // Before any circuit: the second environment would take those of the first for garbage.
    let mut other = serve(&site.folder.path().join("two"), &[]);
    on_s3(&mut other, &site.s3).env("MONGODB_URI", site.mongo.fresh_uri());
    let output = other.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("check MONGODB_URI"), "{said}");
    assert_eq!(objects(&site.s3, "").await, before);
    let circuit = range_check(&server.client()).await;
    let proof = ask(&server.client(), &circuit, 20).await;
    assert_eq!(server.client().proof(&proof, PATIENCE).await.unwrap()["status"], json!("completed"));
}

/// Keys of the objects below `prefix`.
async fn objects(s3: &S3Server, prefix: &str) -> Vec<String> {
    let listed = s3.client().list_objects_v2().bucket(s3.bucket()).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// A backup is restored into another bucket. Under an old catalog, a circuit goes through the trash of its bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_in_a_bucket_is_backed_up_restored_and_moved_to_the_trash() {
    let (s3, other, folder) =
        (S3Server::start_own().await, S3Server::start_own().await, tempfile::tempdir().unwrap());
    let [one, two, old, backup] = ["one", "two", "old", "backup"].map(|name| folder.path().join(name));
    let start = |data: &Path, s3: &S3Server| {
        let mut command = serve(data, &[]);
        on_s3(&mut command, s3);
        LocalServer::spawn(command).unwrap()
    };
    let run = |data: &Path, s3: &S3Server, args: &[&str], grace: [&str; 2]| {
        let mut command = zkflow(data, args);
        on_s3(&mut command, s3).env("ZKFLOW_UNCLAIMED_GRACE_S", grace[0]).env("ZKFLOW_TRASH_S", grace[1]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success(), "{args:?}");
    };
    const DAY: &str = "86400";

    assert_eq!(start(&one, &s3).terminate().unwrap(), Some(0));
    std::fs::create_dir(&old).unwrap();
    std::fs::copy(one.join("zkflow.db"), old.join("zkflow.db")).unwrap();

    let server = start(&one, &s3);
    let circuit = range_check(&server.client()).await;
    let before = ask(&server.client(), &circuit, 20).await;
    let proof = server.client().proof(&before, PATIENCE).await.unwrap();
    assert_eq!(server.terminate().unwrap(), Some(0));
    run(&one, &s3, &["backup", backup.to_str().unwrap()], [DAY; 2]);

    std::fs::create_dir(&two).unwrap();
    run(&two, &other, &["restore", backup.to_str().unwrap()], [DAY; 2]);
    let server = start(&two, &other);
    assert_eq!(server.client().proof(&before, PATIENCE).await.unwrap(), proof);
    let after = ask(&server.client(), &circuit, 21).await;
    let after = server.client().proof(&after, PATIENCE).await.unwrap();
    assert_eq!(after["status"], json!("completed"), "{after}");
    drop(server);

    // The first pass notes the files, the second moves them, the last empties the trash.
    let files = objects(&s3, "circuits/").await.len();
    run(&old, &s3, &["store", "gc"], [DAY; 2]);
    assert_eq!(objects(&s3, "circuits/").await.len(), files);
    run(&old, &s3, &["store", "gc"], ["0", DAY]);
    assert_eq!(objects(&s3, "circuits/").await, Vec::<String>::new());
    let trash = objects(&s3, "trash/").await;
    let key = trash.iter().find(|key| key.ends_with("/proving_key.zkey")).unwrap();
    let object = s3.client().get_object().bucket(s3.bucket()).key(key).send().await.unwrap();
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(json!(Digest::of(&bytes)), circuit["artifacts"]["proving_key.zkey"]["sha256"]);
    run(&old, &s3, &["store", "gc"], [DAY, "0"]);
    assert_eq!(objects(&s3, "trash/").await, Vec::<String>::new());
}

/// A proof that does not fit returns to the queue without a charged attempt; a larger worker makes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_does_not_fit_is_left_for_another_worker() {
    let folder = tempfile::tempdir().unwrap();
    let server = LocalServer::spawn(serve(folder.path(), &["--proof-memory-mib", "1"])).unwrap();
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

    let server = LocalServer::spawn(serve(folder.path(), &[])).unwrap();
    let proof = server.client().proof(&id, PATIENCE).await.unwrap();
    assert_eq!((&proof["status"], &proof["attempt"]), (&json!("completed"), &json!(1)), "{proof}");
}
