//! `zkflow deploy` and `zkflow verify --on-chain`, without a server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use zkflow_core::format::json as snarkjs;
use zkflow_core::solidity::{SOLC_BUILD, verify_selector};
use zkflow_evm::deploy::Code;
use zkflow_server::client::LocalChain;

use crate::support::transactions;

fn zkflow(folder: &Path, key: &str, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_zkflow"))
        .args(args)
        .current_dir(folder)
        .env("DEPLOYER_KEY", key)
        .output()
        .unwrap();
    println!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn succeeds(folder: &Path, key: &str, args: &[&str]) -> String {
    let output = zkflow(folder, key, args);
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(folder: &Path, key: &str, args: &[&str]) -> String {
    let output = zkflow(folder, key, args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Builds a circuit in the folder `age`.
fn build_age(folder: &Path, key: &str) {
    let build = ["circuit", "build", "rangeCheck", "--param", "min=18", "--param", "max=120"];
    succeeds(folder, key, &[&build[..], &["--param", "bits=8", "--out", "age"]].concat());
}

#[tokio::test]
async fn a_circuit_is_deployed_once_and_its_contract_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = LocalChain::start(&[]).unwrap();
    let key = chain.keys()[0].clone();
    let run = |args: &[&str]| succeeds(folder, &key, args);
    build_age(folder, &key);
    std::fs::write(folder.join("input.json"), r#"{"age": 42, "randomPublicSignal": 7}"#).unwrap();
    run(&["witness", "age/circuit.wasm", "input.json", "w.wtns"]);
    run(&["prove", "age/proving_key.zkey", "w.wtns", "proof.json", "public.json"]);

    let with_signer = ["deploy", "age", "--rpc", chain.url(), "--signer", "env:DEPLOYER_KEY"];
    let with_proof = [&with_signer[..], &["--proof", "proof.json", "--public", "public.json"]].concat();
    let told = run(&with_proof);
    let address = told.lines().find_map(|line| line.strip_prefix("contract ")).unwrap().trim().to_owned();
    assert!(address.starts_with("0x") && told.contains("development"), "{told}");
    let noted: Value =
        serde_json::from_slice(&std::fs::read(folder.join("age/deployment-31337.json")).unwrap()).unwrap();
    assert_eq!(noted["contract"]["address"].as_str().unwrap().to_lowercase(), address.to_lowercase());
    assert!(!noted.to_string().contains(&key[2..]), "the journal does not contain the key");

    // A second deployment needs --again.
    let error = fails(folder, &key, &with_proof);
    assert!(error.contains("--again") && !error.contains(chain.url()), "{error}");
    assert_eq!(transactions(&chain).await, 1);
    run(&[&with_proof[..], &["--again"]].concat());
    assert_eq!(transactions(&chain).await, 2);

    // An interrupted deployment continues with its transaction.
    let mut interrupted = noted.clone();
    interrupted["contract"] = Value::Null;
    std::fs::write(folder.join("age/deployment-31337.json"), interrupted.to_string()).unwrap();
    let told = run(&with_proof);
    assert!(told.contains(&address), "the contract is that of the same transaction: {told}");
    assert_eq!(transactions(&chain).await, 2);

    let verify = ["verify", "age/verification_key.json", "public.json", "proof.json"];
    let on_chain = [&verify[..], &["--on-chain", &address, "--rpc", chain.url()]].concat();
    assert!(run(&on_chain).contains("returns true"));
    std::fs::write(folder.join("public.json"), r#"["8"]"#).unwrap();
    let refused = zkflow(folder, &key, &on_chain);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stdout).contains("returns false"), "{refused:?}");
    // There is no contract at this address.
    let empty = format!("0x{:040}", 1);
    let nowhere = [&verify[..], &["--on-chain", &empty, "--rpc", chain.url()]].concat();
    fails(folder, &key, &nowhere);
}

#[tokio::test]
async fn a_contract_is_deployed_without_tools_and_is_the_code_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = LocalChain::start(&[]).unwrap();
    let key = chain.keys()[0].clone();
    build_age(folder, &key);
    let vkey = std::fs::read(folder.join("age/verification_key.json")).unwrap();
    let expected = Code::of_key(&snarkjs::read_vkey(&vkey).unwrap()).unwrap();
    // Neither Node.js nor solc is found.
    let output = Command::new(env!("CARGO_BIN_EXE_zkflow"))
        .args(["deploy", "age", "--rpc", chain.url(), "--signer", "env:DEPLOYER_KEY"])
        .current_dir(folder)
        .env_clear()
        .env("ZKFLOW_TOOLS", folder.join("no-tools"))
        .env("DEPLOYER_KEY", &key)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let noted = std::fs::read(folder.join("age/deployment-31337.json")).unwrap();
    let noted: Value = serde_json::from_slice(&noted).unwrap();
    let code = chain.call("eth_getCode", json!([noted["contract"]["address"], "latest"])).await.unwrap();
    assert_eq!(code, json!(format!("0x{}", hex::encode(&expected.runtime))));
    let source = &noted["standard_json_input"]["sources"]["Groth16Verifier.sol"]["content"];
    assert_eq!(*source, json!(std::fs::read_to_string(folder.join("age/verifier.sol")).unwrap()));
    assert_eq!(noted["contract"]["compiler"], json!(SOLC_BUILD));
}

#[tokio::test]
async fn a_custom_source_is_compiled_only_on_request_and_called_unchecked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = LocalChain::start(&[]).unwrap();
    let key = chain.keys()[0].clone();
    build_age(folder, &key);
    let source = std::fs::read_to_string(folder.join("age/verifier.sol")).unwrap();
    // A backdoor: accepts every call.
    let changed =
        source.replace("let valid := lt(y, Q)", "mstore(0, 1) return(0, 0x20) let valid := lt(y, Q)");
    assert_ne!(changed, source);
    std::fs::write(folder.join("custom.sol"), &changed).unwrap();
    let deploy = ["deploy", "age", "--rpc", chain.url(), "--signer", "env:DEPLOYER_KEY"];
    let output = zkflow(folder, &key, &[&deploy[..], &["--unsafe-custom-source", "custom.sol"]].concat());
    let (told, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{warned}");
    assert!(warned.contains("WARNING: custom.sol is deployed unchecked"), "{warned}");
    assert!(told.contains("unchecked") && !told.contains("development"), "{told}");
    let noted = std::fs::read(folder.join("age/deployment-31337.json")).unwrap();
    let noted: Value = serde_json::from_slice(&noted).unwrap();
    assert!(noted["keys"].as_str().unwrap().contains("unchecked"), "{noted}");
    assert_eq!(noted["standard_json_input"]["sources"]["Groth16Verifier.sol"]["content"], json!(changed));
    let call = format!("0x{}{}", hex::encode(verify_selector(1)), "00".repeat(9 * 32));
    let call = json!([{"to": noted["contract"]["address"], "data": call}, "latest"]);
    assert!(chain.call("eth_call", call).await.unwrap().as_str().unwrap().ends_with("01"));
}

#[tokio::test]
async fn the_command_line_keeps_the_gate_and_signs_nothing_when_asked_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = LocalChain::start(&["--chain-id", "5"]).unwrap();
    let key = chain.keys()[0].clone();
    build_age(folder, &key);
    let deploy = ["deploy", "age", "--rpc", chain.url()];
    let with_signer = [&deploy[..], &["--signer", "env:DEPLOYER_KEY"]].concat();
    let error = fails(folder, &key, &with_signer);
    assert!(error.contains("for development") && error.contains('5'), "{error}");
    let error = fails(folder, &key, &[&with_signer[..], &["--chain-id", "1"]].concat());
    assert!(error.contains("belongs to chain 5"), "{error}");
    let error = fails(folder, "0x1234", &[&with_signer[..], &["--development-chain", "5"]].concat());
    assert!(error.contains("DEPLOYER_KEY") && !error.contains("1234"), "{error}");
    assert!(fails(folder, &key, &deploy).contains("--signer"));
    let error =
        fails(folder, &key, &["deploy", "age", "--rpc", "http://127.0.0.1:9/secret", "--signer", "env:X"]);
    assert!(!error.contains("secret"), "{error}");

    let account = chain.call("eth_accounts", json!([])).await.unwrap()[0].as_str().unwrap().to_owned();
    let unsigned = [&deploy[..], &["--unsigned", &account, "--development-chain", "5"]].concat();
    let fields: Value = serde_json::from_str(&succeeds(folder, &key, &unsigned)).unwrap();
    assert_eq!(fields["from"].as_str().unwrap().to_lowercase(), account);
    assert_eq!((&fields["chainId"], &fields["nonce"]), (&json!("0x5"), &json!("0x0")));
    assert_eq!(transactions(&chain).await, 0);
}
