//! `zkflow-client`, against a real server.

use std::time::Duration;

use serde_json::{Value, json};
use zkflow_client::{Client, ClientError, Inputs, Page, UsageFilter, blocking};
use zkflow_testbed::{Fault, Proxy};

use crate::server::{PATIENCE, Server};

fn inputs(age: &str) -> Inputs {
    Inputs { private: json!({"age": age}), public: json!({"randomPublicSignal": "7"}), user: None }
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test]
async fn a_proof_is_made_verified_and_deleted() {
    let server = Server::start();
    let client = Client::new(server.base());
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();

    let proved = client.prove(&circuit, &inputs("42"), PATIENCE).await.unwrap();
    assert_eq!(proved.public_signals, ["7"]);
    assert!(client.verify(&circuit, &proved.proof, &proved.public_signals).await.unwrap().verified);
    let other = client.verify(&circuit, &proved.proof, &["8".to_owned()]).await.unwrap();
    assert!(!other.verified && other.reason.unwrap().contains("not valid"));
    assert!(client.calldata(&proved.id).await.unwrap().starts_with("[\"0x"));
    let key: Value =
        serde_json::from_slice(&client.file(&circuit, "verification_key.json").await.unwrap()).unwrap();
    assert_eq!(key["protocol"], "groth16");
    assert!(client.templates().await.unwrap().as_array().unwrap().len() > 3);

    let filter = UsageFilter { circuit: Some(circuit.clone()), ..UsageFilter::default() };
    let use_of_it = client.usage(&filter, &Page { limit: Some(1), cursor: None }).await.unwrap();
    assert_eq!(use_of_it["usage"][0]["circuitId"], *circuit, "{use_of_it}");

    let refused = client.cancel_proof(&proved.id).await.unwrap_err();
    assert_eq!(code(&refused), "proof_final");
    client.delete_proof(&proved.id).await.unwrap();
    assert_eq!(code(&client.delete_proof(&proved.id).await.unwrap_err()), "proof_not_found");
    assert_eq!(code(&client.delete_circuit(&"0".repeat(32), false).await.unwrap_err()), "circuit_not_found");
    let refused = client.prove(&"0".repeat(32), &inputs("42"), PATIENCE).await.unwrap_err();
    assert_eq!(code(&refused), "circuit_not_found");
    let failed = client.prove(&circuit, &inputs("17"), PATIENCE).await.unwrap_err();
    assert!(failed.to_string().contains("(constraint_failed)"), "{failed}");
    assert_eq!(code(&failed), "constraint_failed");
    let ClientError::Failed { document, .. } = &failed else { panic!("{failed}") };
    assert!(document["error"]["message"].as_str().unwrap().contains("line"), "{document}");

    // A connection that breaks is tried again.
    let address = server.base().strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Proxy::start(address).await;
    proxy.set(Fault::Reset);
    let shaky = Client::new(&format!("http://{}", proxy.address()));
    let other = inputs("43");
    let (proved, ()) = tokio::join!(shaky.prove(&circuit, &other, PATIENCE), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Fault::None);
    });
    assert_eq!(proved.unwrap().public_signals, ["7"]);

    let base = server.base().to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        let proved = client.prove(&circuit, &inputs("44"), PATIENCE)?;
        client.verify(&circuit, &proved.proof, &proved.public_signals)
    });
    assert!(made.await.unwrap().unwrap().verified);
}

#[tokio::test]
async fn many_proofs_are_requested_and_verified_together() {
    let server = Server::start();
    let client = Client::new(server.base());
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let no_circuit = "0".repeat(32);
    let asked = [
        (circuit.clone(), inputs("42")),
        (no_circuit.clone(), inputs("42")),
        (circuit.clone(), inputs("43")),
    ];
    let results = client.request_proofs(&asked).await.unwrap();
    let [Ok(one), Err(refused), Ok(other)] = &results[..] else { panic!("{results:?}") };
    assert_eq!(code(refused), "circuit_not_found");
    assert!(refused.to_string().contains("404"), "{refused}");
    let mut proofs = Vec::new();
    for id in [one, other] {
        let made = client.proof(id, PATIENCE).await.unwrap();
        assert_eq!(made["status"], "completed");
        proofs.push((made["artifacts"]["proof"].clone(), vec!["7".to_owned()]));
    }
    proofs.insert(1, (proofs[0].0.clone(), vec!["8".to_owned()]));
    let verdicts = client.verify_all(&circuit, &proofs).await.unwrap();
    assert_eq!(verdicts.iter().map(|verdict| verdict.verified).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(code(&client.verify_all(&no_circuit, &proofs).await.unwrap_err()), "circuit_not_found");
    assert_eq!(code(&client.request_proofs(&[]).await.unwrap_err()), "invalid_body");

    let base = server.base().to_owned();
    let again = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        client.verify_all(&circuit, &proofs)
    });
    assert_eq!(again.await.unwrap().unwrap(), verdicts);
}

#[test]
fn a_token_is_never_shown() {
    let client = Client::new("http://127.0.0.1:9").with_api_key("zkf_canary").unwrap();
    assert!(!format!("{client:?}").contains("canary"));
    assert!(Client::new("http://127.0.0.1:9").with_api_key("a\nb").is_err());
}

/// Runs `zkflow`, and returns whether it succeeds, its standard output and its standard error.
fn zkflow(arguments: &[&str]) -> (bool, String, String) {
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow")).args(arguments).output().unwrap();
    let [out, err] = [made.stdout, made.stderr].map(|text| String::from_utf8(text).unwrap());
    (made.status.success(), out, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_and_changes_the_jobs_of_a_server() {
    let (server, key) = Server::start_with_keys(&[]);
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let client = Client::new(server.base()).with_api_key(&key).unwrap();
    let drain = std::process::Command::new(env!("CARGO_BIN_EXE_zkflow"))
        .args(["jobs", "pause", "webhooks", "--wait", "--server", server.base(), "--api-key", &key])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut failed = Vec::new();
    for age in ["17", "121", "122"] {
        let (private, public) = (json!({"age": age}), json!({"randomPublicSignal": "7"}));
        let id = client.request_proof(&circuit, private, public).await.unwrap();
        assert_eq!(client.proof(&id, PATIENCE).await.unwrap()["status"], "failed");
        failed.push(id);
    }
    let jobs = |arguments: &[&str]| {
        zkflow(&[&["jobs"], arguments, &["--server", server.base(), "--api-key", &key]].concat())
    };
    let (ok, listed, _) = jobs(&["list", "proof-generation"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(ok && lines.len() == 3, "{listed}");
    for (line, id) in lines.iter().zip(failed.iter().rev()) {
        assert!(line.starts_with(id.as_str()) && line.contains("constraint_failed"), "{line}");
    }
    assert!(jobs(&["list", "proof-generation", "--containing", &failed[1]]).1.lines().eq([lines[1]]));
    assert!(
        jobs(&["list", "proof-generation", "--containing", &failed[1].to_uppercase()])
            .1
            .lines()
            .eq([lines[1]])
    );
    assert_eq!(jobs(&["list", "proof-generation", "--state", "dead"]).1, "");
    for conditions in [
        ["--error-code", "panic"],
        ["--tenant", "another"],
        ["--before", "2020-01-01T00:00:00Z"],
        ["--containing", "a & b"],
    ] {
        let (ok, listed, err) = jobs(&[&["list", "proof-generation"], &conditions[..]].concat());
        assert!(ok && listed.is_empty(), "{conditions:?}: {listed} {err}");
        let all = [&["delete", "proof-generation", "--all"], &conditions[..]].concat();
        let (ok, said, err) = jobs(&all);
        assert!(ok && said.is_empty(), "{conditions:?}: {said} {err}");
    }

    let (ok, said, _) = jobs(&["retry", "proof-generation", &failed[0]]);
    assert!(!ok && said.contains("inputs destroyed"), "{said}");
    let (ok, said, _) = jobs(&["delete", "proof-generation", &failed[0], &circuit]);
    assert!(!ok && said.contains("deleted") && said.contains("not found"), "{said}");
    let (ok, said, _) = jobs(&["retry", "proof-generation", "--all", "--tenant", "default"]);
    assert!(!ok && said.lines().count() == 2 && said.contains("inputs destroyed"), "{said}");
    let all = [
        "delete",
        "proof-generation",
        "--all",
        "--error-code",
        "constraint_failed",
        "--before",
        "2999-01-01T00:00:00Z",
    ];
    let (ok, said, _) = jobs(&all);
    assert!(ok && said.lines().count() == 2, "{said}");
    assert_eq!(jobs(&["list", "proof-generation"]).1, "");

    assert!(jobs(&["pause", "deploy"]).1.contains("paused"));
    let (ok, said, err) = jobs(&["pause", "deploy", "--wait", "--patience", "0"]);
    assert!(!ok && said.is_empty() && err.contains("not drained after 0 s"), "{said}{err}");
    let (_, queues, _) = jobs(&["queues"]);
    assert!(queues.lines().any(|line| line.starts_with("deploy") && line.ends_with("paused")), "{queues}");
    assert!(jobs(&["resume", "deploy"]).1.contains("running"));
    assert!(jobs(&["purge", "--before", "2026-01-01T00:00:00Z"]).1.starts_with("0 dead letters"));
    assert!(jobs(&["purge", "deploy", &circuit, "x"]).1.starts_with("0 dead letters"));
    assert!(jobs(&["purge", "deploy", "--all"]).1.starts_with("0 dead letters"));

    for (arguments, expected) in [
        (&["list", "proofs"][..], "unknown queue"),
        (&["retry", "deploy"], "required"),
        (&["delete", "deploy", "x", "--all"], "cannot be used with"),
        (&["delete", "deploy", "x", "--tenant", "t"], "cannot be used with"),
        (&["list", "deploy", "--before", "yesterday"], "before"),
        (&["purge", "--before", "yesterday"], "before"),
        (&["purge"], "required"),
        (&["purge", "deploy"], "required"),
        (&["purge", "deploy", "x", "--all"], "cannot be used with"),
        (&["purge", "deploy", "--before", "2026-01-01T00:00:00Z"], "cannot be used with"),
    ] {
        let (ok, _, err) = jobs(arguments);
        assert!(!ok && err.contains(expected), "{arguments:?}: {err}");
    }
    let drained = drain.wait_with_output().unwrap();
    assert!(drained.status.success(), "{drained:?}");
    assert_eq!(String::from_utf8(drained.stdout).unwrap(), "webhooks  paused\n");
    let (ok, _, err) = zkflow(&["jobs", "queues", "--server", server.base(), "--api-key", "zk_wrong"]);
    assert!(!ok && err.contains("credentials") && !err.contains("zk_wrong"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fullprove_lets_a_server_prove_and_verifies_what_it_gets() {
    let server = Server::start();
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let client = Client::new(server.base());
    let path = |name: &str| server.folder().join(name).to_str().unwrap().to_owned();
    for name in ["circuit.wasm", "proving_key.zkey", "verification_key.json"] {
        std::fs::write(path(name), client.file(&circuit, name).await.unwrap()).unwrap();
    }
    let prove = |input: &str, options: &[&str]| {
        std::fs::write(path("input.json"), input).unwrap();
        let files = ["input.json", "circuit.wasm", "proving_key.zkey", "proof.json", "public.json"].map(path);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        zkflow(&[&["fullprove"], &files[..], options].concat())
    };
    let at = ["--server", server.base()];
    let (ok, _, err) = prove(r#"{"age": "42", "randomPublicSignal": "7"}"#, &at);
    assert!(ok, "{err}");
    let files = ["verification_key.json", "public.json", "proof.json"].map(path);
    assert!(zkflow(&["verify", &files[0], &files[1], &files[2]]).0);
    assert_eq!(std::fs::read_to_string(path("public.json")).unwrap(), "[\n \"7\"\n]");

    let key = client.sealing_key().await.unwrap().public_key;
    for (key, accepted) in [(key.to_uppercase(), true), ("0".repeat(64), false)] {
        let sealed = [&at[..], &["--sealing-key", &key]].concat();
        let (ok, _, err) = prove(r#"{"age": "43", "randomPublicSignal": "7"}"#, &sealed);
        assert_eq!(ok, accepted, "{err}");
        assert!(accepted || err.contains("nothing was sent"), "{err}");
    }

    let (ok, _, err) = prove(r#"{"age": "17", "randomPublicSignal": "7"}"#, &at);
    assert!(!ok && err.contains("constraint_failed"), "{err}");
    let (ok, _, err) = prove("[", &at);
    assert!(!ok && err.contains("input.json"), "{err}");
    let (ok, _, err) = prove("{}", &["--server", server.base(), "--kernel", "portable"]);
    assert!(!ok && err.contains("cannot be used with"), "{err}");
    std::fs::write(path("circuit.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let (ok, _, err) = prove("{}", &at);
    assert!(!ok && err.contains("zkflow circuit import"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_builds_a_circuit_and_verifies_a_proof_for_the_command_line() {
    let server = Server::start();
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let client = Client::new(server.base());
    let path = |name: &str| server.folder().join(name).to_str().unwrap().to_owned();
    let out = path("built");
    let build = |params: &[&str], options: &[&str]| {
        let place = ["circuit", "build", "rangeCheck", "--out", &out, "--server", server.base()];
        let params: Vec<&str> = params.iter().flat_map(|param| ["--param", *param]).collect();
        zkflow(&[&place[..], &params[..], options].concat())
    };
    let params = ["min=18", "max=120", "bits=8"];
    let (ok, said, err) = build(&params, &[]);
    assert!(ok && said.contains(&circuit), "{said}{err}");
    for name in ["circuit.wasm", "circuit.r1cs", "proving_key.zkey", "verification_key.json"] {
        let fetched = std::fs::read(server.folder().join("built").join(name)).unwrap();
        assert_eq!(fetched, client.file(&circuit, name).await.unwrap(), "{name}");
    }
    let (ok, _, err) = build(&params, &[]);
    assert!(!ok && err.contains("--force"), "{err}");
    let (ok, _, err) = build(&["min=18", "max=17", "bits=8"], &["--force"]);
    assert!(!ok && err.contains("/v1/circuits: 4"), "{err}");
    let (ok, _, err) = build(&params, &["--force", "--beacon", "00:10"]);
    assert!(!ok && err.contains("cannot be used with"), "{err}");

    let proved = client.prove(&circuit, &inputs("42"), PATIENCE).await.unwrap();
    std::fs::write(path("proof.json"), proved.proof.to_string()).unwrap();
    let verify = |key: &str, signal: &str| {
        std::fs::write(path("public.json"), format!("[\"{signal}\"]")).unwrap();
        let files = [key, "public.json", "proof.json"].map(path);
        zkflow(&["verify", &files[0], &files[1], &files[2], "--server", server.base()])
    };
    let key = "built/verification_key.json";
    let (ok, said, err) = verify(key, "7");
    assert!(ok && said.contains(&format!("circuit {circuit} returns true")), "{said}{err}");
    let (ok, said, err) = verify(key, "8");
    assert!(!ok && said.contains("returns false") && err.contains("INVALID"), "{said}{err}");
    let text = std::fs::read_to_string(path(key)).unwrap();
    std::fs::write(path("other.json"), text + "\n").unwrap();
    let (ok, _, err) = verify("other.json", "7");
    assert!(!ok && err.contains("the server has no circuit"), "{err}");

    let (_, help, _) = zkflow(&["prove", "--help"]);
    assert!(help.contains("fullprove --server"), "{help}");
    let (ok, _, err) = zkflow(&["--server", server.base(), "prove", "a", "b", "c", "d"]);
    assert!(!ok && err.contains("fullprove --server"), "{err}");
}
