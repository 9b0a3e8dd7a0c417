//! Templates of users in a server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use zkflow_server::client::LocalServer;

use crate::support::Folder;

const PATIENCE: Duration = Duration::from_secs(300);

const MANIFEST: &str = "title = \"t\"\ndescription = \"d\"\n
[[inputs]]\nname = \"p\"\ndescription = \"d\"\nshape = [4]\n
[[inputs]]\nname = \"k\"\ndescription = \"d\"\n
[example]\nparams = {}\n";

/// A bus as input, a file beside the template and one in a folder of includes, an example in a file; beside templates
/// that cannot be loaded.
#[tokio::test(flavor = "multi_thread")]
async fn templates_with_buses_includes_and_settings_prove_and_broken_ones_are_left_out() {
    let source = "pragma circom 2.2.0;
        include \"own.circom\";
        include \"inner.circom\";
        bus P() { signal x; signal y[3]; }
        template T() { input P() p; signal input k; signal output o; 
            signal one <== Own()(p.x * k); signal two <== Inner()(p.y[2]); o <== one + two; }
        component main = T();";
    let pass = |name: &str| {
        format!("pragma circom 2.1.6; template {name}() {{ signal input i; signal output o; o <== i + 1; }}")
    };
    let manifest = format!("{MANIFEST}\n[compile]\ninclude = [\"lib\"]\nsimplification = \"O2\"\n");
    let outside = source.replace("own.circom", "../../outside.circom");
    let folder = Folder::new(&[
        ("templates/bus/template.circom", source),
        ("templates/bus/manifest.toml", &manifest),
        ("templates/bus/example.json", r#"{"p": {"x": 1, "y": [2, 3, 4]}, "k": 5}"#),
        ("templates/bus/own.circom", &pass("Own")),
        ("templates/bus/lib/inner.circom", &pass("Inner")),
        ("outside.circom", &pass("Own")),
        ("templates/outside/template.circom", &outside),
        ("templates/outside/manifest.toml", &manifest),
        ("templates/outside/example.json", r#"{"p": [1, 2, 3, 4], "k": 5}"#),
        ("templates/outside/lib/inner.circom", &pass("Inner")),
        ("templates/broken/template.circom", source),
        ("templates/broken/manifest.toml", "title = 7"),
        ("templates/rangeCheck/template.circom", source),
        ("templates/rangeCheck/manifest.toml", &manifest),
    ]);
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let templates = folder.at("templates");
    let args = [
        "--log-level",
        "error",
        "--module-cache",
        modules.to_str().unwrap(),
        "--templates",
        templates.to_str().unwrap(),
    ];
    let executable = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    let server = LocalServer::start(executable, &folder.at("data"), &args, Stdio::null()).unwrap();
    let client = server.client();

    let refused = client.circuit("broken", json!({}), PATIENCE).await.unwrap_err().to_string();
    assert!(refused.contains("template"), "{refused}");
    let refused = client.circuit("outside", json!({}), PATIENCE).await.unwrap_err().to_string();
    assert!(refused.contains("../../outside.circom"), "{refused}");

    let circuit = client.circuit("bus", json!({}), PATIENCE).await.unwrap();
    assert_eq!(circuit["report"]["linearConstraints"], 0, "{circuit}");
    let id = circuit["circuitId"].as_str().unwrap();
    // Server and command line take and refuse the same forms.
    let folders = ["-l", "templates/bus/lib", "--out", "out"];
    folder.done(&[&["compile", "templates/bus/template.circom"][..], &folders].concat());
    let witness = ["witness", "out/template.wasm", "input.json", "w.wtns"];
    for private in [
        json!({"k": 5, "p": {"x": 1, "y": [2, 3, 4]}}),
        json!({"k": 5, "p": [1, 2, 3, 4]}),
        json!({"k": 5, "p": [1, [2, 3, 4]]}),
        json!({"k": 5, "p.x": 1, "p.y": [2, 3, 4]}),
        json!({"k": 5, "p": {"x": 1, "y[2]": 4, "y[0]": 2, "y[1]": 3}}),
    ] {
        folder.write("input.json", private.to_string());
        folder.done(&witness);
        assert_eq!(folder.wire("w.wtns", 1), "11", "{private}");
        let proof = client.request_proof(id, private, json!({})).await.unwrap();
        let proof = client.proof(&proof, PATIENCE).await.unwrap();
        assert_eq!(
            (&proof["status"], &proof["artifacts"]["publicSignals"]),
            (&json!("completed"), &json!(["11"])),
            "{proof}"
        );
    }
    for (private, path, problem) in [
        (json!({"k": 5, "p": [1, 2, 3]}), "nputs.p", "found 3"),
        (json!({"k": 5, "p.x": 1, "p": [1, 2, 3, 4]}), "nputs.p", "given twice"),
        (json!({"k": 5, "p.x": -1, "p.y": [2, 3, 4]}), "nputs.p.x", "negative"),
        (json!({"k": 5, "p.x": 1, "p.y[1]": 2, "p.y[2]": 3}), "nputs.p.y[0]", "missing"),
        (json!({"k": 5, "p": [1, 2, 3, 4], "q.x": 1}), "nputs.q", "unknown input"),
    ] {
        folder.write("input.json", private.to_string());
        let error = folder.refused(&witness);
        assert!(error.contains(path) && error.contains(problem), "{private}: {error}");
        let refused = client.post("/v1/proofs", &json!({"circuitId": id, "privateInputs": private})).await;
        let refused = refused.unwrap();
        let faults = refused.body["errors"].to_string();
        assert_eq!(refused.status, 422, "{private}");
        assert!(faults.contains(path) && faults.contains(problem), "{private}: {faults}");
    }
    let lenient = |rule: &str| json!({"circuitId": id, "privateInputs": {"p": ["0x1", 2, 3, "-4"], "k": "0b101"}, "inputs": rule});
    let refused = client.post("/v1/proofs", &lenient("exact")).await.unwrap();
    assert_eq!(refused.status, 422);
    let accepted = client.post("/v1/proofs", &lenient("lenient")).await.unwrap();
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let id = accepted.body["proofRequestId"].as_str().unwrap().to_owned();
    let proof: Value = client.proof(&id, PATIENCE).await.unwrap();
    assert_eq!(proof["artifacts"]["publicSignals"], json!(["3"]), "{proof}");
}
