//! `zkflow-client`: a circuit from own files, and many sealed proofs, against a real server.

use serde_json::json;
use zkflow_client::{Client, ClientError, Inputs, ProofOptions, UploadFile, UploadProgress, blocking};

use crate::server::{PATIENCE, Server};

const SOURCE: &str = "pragma circom 2.0.0;\ninclude \"square.circom\";\ncomponent main = Square();\n";
const SQUARE: &str = "pragma circom 2.0.0;\n\
    template Square() { signal input a; signal output b; b <== a * a; }\n";

fn source() -> [UploadFile; 2] {
    [
        UploadFile::of_source("main.circom", SOURCE.as_bytes()),
        UploadFile::of_source("square.circom", SQUARE.as_bytes()),
    ]
}

fn inputs(a: &str) -> Inputs {
    Inputs { private: json!({"a": a}), public: json!({}), user: None }
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test]
async fn a_circuit_of_own_files_is_uploaded_imported_and_proved_with() {
    let server = Server::start();
    let client = Client::new(server.base());
    let mut steps = Vec::new();
    let mut note = |step: UploadProgress<'_>| match step {
        UploadProgress::Sent { sent, total } => steps.push((sent, total)),
        other => panic!("{other:?}"),
    };
    let choices = json!({"main": "main.circom", "simplification": "O2"});
    let circuit = client.import_circuit(&source(), &choices, PATIENCE, Some(&mut note)).await.unwrap();
    let id = circuit["circuitId"].as_str().unwrap().to_owned();
    let [first, all] = [SOURCE.len() as u64, (SOURCE.len() + SQUARE.len()) as u64];
    assert_eq!(steps, [(0, all), (first, all), (all, all)]);
    let proved = client.prove(&id, &inputs("3"), PATIENCE).await.unwrap();
    assert_eq!(proved.public_signals, ["9"]);

    // The files of a circuit that the server made are a circuit too, with the same key.
    let mut files = Vec::new();
    for (role, name) in [
        ("r1cs", "circuit.r1cs"),
        ("wasm", "circuit.wasm"),
        ("sym", "circuit.sym"),
        ("zkey", "proving_key.zkey"),
    ] {
        let path = server.folder().join(name);
        std::fs::write(&path, client.file(&id, name).await.unwrap()).unwrap();
        files.push(UploadFile::open(role, &path).unwrap());
    }
    let base = server.base().to_owned();
    let expected = circuit["artifacts"]["verification_key.json"]["sha256"].clone();
    let moved = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        let circuit = client.import_circuit(&files, &json!({}), PATIENCE, None)?;
        let id = circuit["circuitId"].as_str().unwrap().to_owned();
        Ok::<_, ClientError>((circuit, client.prove(&id, &inputs("4"), PATIENCE)?))
    });
    let (moved, proved) = moved.await.unwrap().unwrap();
    assert_eq!(moved["artifacts"]["verification_key.json"]["sha256"], expected);
    assert_eq!(proved.public_signals, ["16"]);
}

#[tokio::test]
async fn an_upload_that_fails_is_named_and_leaves_nothing() {
    let server = Server::start();
    let client = Client::new(server.base());
    let uploads = || {
        let folder = server.folder().join("data/artifacts/uploads/default");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    // Files in another order are of another upload.
    let upload = client.create_upload(&source()).await.unwrap();
    assert_eq!(uploads(), 1);
    let id = upload["uploadId"].as_str().unwrap();
    client.put_part(id, 1, 0, SQUARE.as_bytes().to_vec()).await.unwrap();
    let mut reversed = source();
    reversed.reverse();
    let refused = client.send_upload(&upload, &reversed, None).await.unwrap_err();
    assert!(refused.to_string().contains("other files"), "{refused}");
    let mut sent = Vec::new();
    let mut note = |step: UploadProgress<'_>| {
        if let UploadProgress::Sent { sent: bytes, .. } = step {
            sent.push(bytes);
        }
    };
    let upload = client.upload(id).await.unwrap();
    client.send_upload(&upload, &source(), Some(&mut note)).await.unwrap();
    assert_eq!(sent, [SQUARE.len() as u64, (SOURCE.len() + SQUARE.len()) as u64]);
    client.delete_upload(id).await.unwrap();
    assert_eq!(code(&client.delete_upload(id).await.unwrap_err()), "upload_not_found");

    // A choice that is not valid is refused, and the upload is deleted.
    let lonely = [UploadFile::of_bytes("r1cs", *b"r1cs")];
    let refused = client.import_circuit(&lonely, &json!({"main": 7}), PATIENCE, None).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { status: 400..=422, .. }), "{refused}");
    assert_eq!(uploads(), 0);

    // A file that becomes shorter while it is sent is named.
    let path = server.folder().join("main.r1cs");
    std::fs::write(&path, "0123456789").unwrap();
    let file = [UploadFile::open("r1cs", &path).unwrap()];
    std::fs::write(&path, "0").unwrap();
    let failed = client.import_circuit(&file, &json!({}), PATIENCE, None).await.unwrap_err();
    assert!(
        matches!(failed, ClientError::File { .. }) && failed.to_string().contains("main.r1cs"),
        "{failed}"
    );
}

#[tokio::test]
async fn many_proofs_are_sealed_and_repeated_together() {
    let server = Server::start();
    let client = Client::new(server.base());
    let circuit =
        client.import_circuit(&source(), &json!({"main": "main.circom"}), PATIENCE, None).await.unwrap();
    let id = circuit["circuitId"].as_str().unwrap().to_owned();
    let key = client.sealing_key().await.unwrap();
    let asked = ["5", "6"].map(|a| (id.clone(), inputs(a)));
    let options = ProofOptions { seal: Some(&key), ..ProofOptions::default() };
    let results = client.request_proofs_with(&asked, options).await.unwrap();
    for (result, square) in results.into_iter().zip(["25", "36"]) {
        let request = client.proof(&result.unwrap(), PATIENCE).await.unwrap();
        assert_eq!(request["artifacts"]["publicSignals"], json!([square]), "{request}");
    }

    let keyed = || ProofOptions { idempotency_key: Some("night-3"), ..ProofOptions::default() };
    let ids = async || {
        let results = client.request_proofs_with(&asked, keyed()).await.unwrap();
        results.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ids().await);
    let other = ["5", "7"].map(|a| (id.clone(), inputs(a)));
    let refused = client.request_proofs_with(&other, keyed()).await;
    let refused = refused.map(|results| results.into_iter().find_map(Result::err));
    let refused = refused.unwrap_or_else(Some).expect("a key is of one request");
    assert_eq!(code(&refused), "idempotency_key_reused");
}
