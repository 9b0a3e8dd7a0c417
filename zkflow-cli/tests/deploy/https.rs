//! Nodes over https.

use std::path::Path;
use std::process::{Command, Output};

use zkflow_server::client::LocalChain;
use zkflow_testbed::{TlsFront, tls_file};

use crate::support::transactions;

/// Deploys the circuit `age` of the folder through `node`. Only certificates of `authority` are trusted.
fn deploy(folder: &Path, key: &str, node: &str, authority: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zkflow"))
        .args(["deploy", "age", "--rpc", node, "--signer", "env:DEPLOYER_KEY"])
        .current_dir(folder)
        .env("DEPLOYER_KEY", key)
        .env("SSL_CERT_FILE", tls_file(authority))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_over_https_needs_a_certificate_of_a_trusted_authority() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let chain = LocalChain::start(&[]).unwrap();
    let key = chain.keys()[0].clone();
    let node = chain.url().strip_prefix("http://").unwrap().parse().unwrap();
    let build = ["circuit", "build", "rangeCheck", "--param", "min=18", "--param", "max=120"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    let built = command.args(build).args(["--param", "bits=8", "--out", "age"]).current_dir(folder).output();
    assert!(built.unwrap().status.success());

    // A certificate by no authority, and one whose authority is not trusted.
    for (certificate, authority) in [("other", "ca.pem"), ("server", "client-ca.pem")] {
        let front = TlsFront::start(node, certificate).await;
        let output = deploy(folder, &key, &front.url(), authority);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains("certificate"), "{certificate}: {error}");
        assert!(!error.contains(&front.url()), "{error}");
        assert_eq!(front.accepted(), 0, "{certificate}: the handshake was completed");
    }
    assert_eq!(transactions(&chain).await, 0);

    let front = TlsFront::start(node, "server").await;
    let output = deploy(folder, &key, &front.url(), "ca.pem");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.lines().any(|line| line.starts_with("contract ")), "{told}");
    assert!(front.accepted() > 0);
    assert_eq!(transactions(&chain).await, 1);
}
