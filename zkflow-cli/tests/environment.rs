//! Secrets in the environment of a server.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::json;
use zkflow_server::client::LocalServer;

/// Values of variables that contain secrets.
const SECRETS: [(&str, &str); 6] = [
    ("ZKFLOW_SECRET_KEY", "8c1f0b7de2a9435690fe1dc2ab3847650918f7e6d5c4b3a2918f7e6d5c4b3a29"),
    ("ZKFLOW_RPC_URLS", "31337=http://user:canary-27182@127.0.0.1:9"),
    ("OPS_KEY", "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"),
    ("AWS_ACCESS_KEY_ID", "canary-31415"),
    ("AWS_SECRET_ACCESS_KEY", "canary-16180"),
    ("AWS_SESSION_TOKEN", "canary-14142"),
];

/// The environment of a process as the kernel shows it; `None` if this user may not read it.
fn environment(process: i32) -> Option<String> {
    match fs::read(format!("/proc/{process}/environ")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        bytes => Some(String::from_utf8_lossy(&bytes.unwrap()).into_owned()),
    }
}

/// The running process of the program `name` that `parent` started.
fn child(parent: i32, name: &str) -> Option<i32> {
    let is_it = |id: &i32| {
        // "ID (NAME) STATE PARENT …"
        let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = text.strip_prefix(&format!("{id} ({name}) "));
        fields.and_then(|fields| fields.split(' ').nth(1)) == Some(parent.to_string().as_str())
    };
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).find(is_it)
}

#[tokio::test]
async fn secrets_leave_the_environment_of_a_server_and_reach_no_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let (data, circom) = (folder.path().join("data"), folder.path().join("circom"));
    // It answers as circom does, and then waits, so that its environment can be read.
    let script =
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'circom compiler 2.2.2'; exit; fi\nexec sleep 120\n";
    fs::write(&circom, script).unwrap();
    fs::set_permissions(&circom, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
    command.args(["serve", "--port", "0", "--signers", "ops=env:OPS_KEY", "--circom-path"]).arg(&circom);
    command.env("ZKFLOW_DATA_DIR", &data).envs(SECRETS);
    let log = folder.path().join("log");
    let server = LocalServer::spawn({
        command.stderr(File::create(&log).unwrap());
        command
    })
    .unwrap();
    let process = server.pid().as_raw_nonzero().get();
    server.client().request_circuit("rangeCheck", json!({"min": 18, "max": 120, "bits": 8})).await.unwrap();
    let start = Instant::now();
    let compiler = loop {
        if let Some(child) = child(process, "sleep") {
            break child;
        }
        assert!(start.elapsed() < Duration::from_secs(300), "no compiler was started");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    let shown = [environment(process), environment(compiler)];
    server.kill();
    // It may have ended already.
    let _ = rustix::process::kill_process(Pid::from_raw(compiler).unwrap(), Signal::KILL);
    let [Some(of_server), Some(of_compiler)] = shown else {
        // Processes are not dumpable: only root may read this.
        assert!(!rustix::process::getuid().is_root());
        return;
    };
    let folder_of_data = format!("ZKFLOW_DATA_DIR={}", data.display());
    assert!(of_server.contains(&folder_of_data), "the control fails: {of_server}");
    assert!(of_compiler.contains("PATH="), "the control fails: {of_compiler}");
    for (name, value) in SECRETS {
        assert!(!of_server.contains(value), "the environment of the server contains {name}");
        assert!(!of_compiler.contains(value), "the environment of the compiler contains {name}");
    }
    // The server uses the values: the key of the vault is not a generated one, and the signer has its key.
    assert!(!data.join("secret.key").exists());
    let text = fs::read_to_string(log).unwrap();
    assert!(!text.contains("remain in the environment"), "{text}");
}
