//! Commands of operators beside a running server: keys of the API, and events.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs::File;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use zkflow_server::client::LocalServer;
use zkflow_testbed::Receiver;

const PATIENCE: Duration = Duration::from_secs(300);
/// An id of nothing.
const NONE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A data folder that commands and a server share.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zkflow"));
        command.args(args).env("ZKFLOW_DATA_DIR", self.0.path().join("data"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command and returns what it prints.
    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self, args: &[&str]) -> LocalServer {
        let mut command = self.command(&["serve", "--port", "0", "--module-cache"]);
        command.arg(std::env::temp_dir().join("zkflow-test-modules")).args(args);
        command.stderr(File::create(self.0.path().join("log")).unwrap());
        LocalServer::spawn(command).unwrap()
    }
}

/// The value of a line that begins with `name`.
fn field(printed: &str, name: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    line.trim().to_owned()
}

/// Repeats a question until its answer is one of those that `is_it` accepts.
async fn until<T>(mut ask: impl AsyncFnMut() -> T, is_it: impl Fn(&T) -> bool) -> T {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if is_it(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "the answer does not change");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_key_is_rotated_with_and_without_an_overlap() {
    let site = Site::new();
    let new = ["keys", "create", "--name", "robot", "--tenant", "acme", "--scopes", "circuits:read,verify"];
    let made = site.succeeds(&[&new[..], &["--expires-in-days", "9"]].concat());
    let (first, id) = (field(&made, "key"), field(&made, "id"));
    let server = site.serve(&["--auth", "keys", "--no-workers"]);
    let status = async |key: &str| {
        server.client().with_api_key(key).unwrap().get("/v1/circuits").await.unwrap().status
    };
    assert_eq!(status(&first).await, 200);

    let rotated = site.succeeds(&["keys", "rotate", &id, "--overlap-s", "3600"]);
    let (second, next) = (field(&rotated, "key"), field(&rotated, "id"));
    assert!(second != first && next != id, "{rotated}");
    for name in ["tenant", "scopes"] {
        assert_eq!(field(&rotated, name), field(&made, name));
    }
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    let listed = site.succeeds(&["keys", "list", "--tenant", "acme"]);
    for id in [&id, &next] {
        let line = listed.lines().find(|line| line.starts_with(id.as_str())).unwrap();
        assert!(line.contains("\"robot\"") && line.contains("expires "), "{line}");
    }
    assert!(!listed.contains(&first[3..]) && !listed.contains(&second[3..]), "{listed}");

    // Without an overlap, the running server refuses the old key soon.
    let third = field(&site.succeeds(&["keys", "rotate", &next]), "key");
    until(async || status(&second).await, |status| *status == 401).await;
    assert_eq!((status(&first).await, status(&third).await), (200, 200));
    for (id, part) in [(next.as_str(), "is revoked or has expired"), (NONE, "there is no key")] {
        let refused = site.run(&["keys", "rotate", id]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(part), "{said}");
    }
    let log = site.succeeds(&["audit-log", "export"]);
    let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rotations: Vec<_> = entries.filter(|entry| entry["action"] == "key.rotate").collect();
    let third_id = rotations[1]["subject"].as_str().unwrap().split(' ').next_back().unwrap();
    let subjects: Vec<_> = rotations.iter().map(|entry| entry["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, [format!("{id} {next}"), format!("{next} {third_id}")]);
    assert_eq!(server.terminate().unwrap(), Some(0));
}

#[tokio::test]
async fn a_plan_that_names_a_key_holds_for_the_keys_that_replace_it() {
    let site = Site::new();
    let scopes = "circuits:read,circuits:build";
    let made = site.succeeds(&["keys", "create", "--name", "robot", "--tenant", "acme", "--scopes", scopes]);
    let rotate = |id: &str| site.succeeds(&["keys", "rotate", id, "--overlap-s", "3600"]);
    let named = field(&rotate(&field(&made, "id")), "id");
    let last = field(&rotate(&named), "key");
    let plans = site.0.path().join("plans.toml");
    // The last key names the first one as its origin, and not the key of the plan.
    let plan = format!("[plans.small]\nkeys = [\"{named}\", \"{NONE}\"]\nmax_pending_circuits = 1\n");
    std::fs::write(&plans, plan).unwrap();
    let server = site.serve(&["--auth", "keys", "--no-workers", "--config", plans.to_str().unwrap()]);
    let client = server.client().with_api_key(&last).unwrap();
    let build = async |max: u32| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": max, "bits": 8}});
        client.post("/v1/circuits", &body).await.unwrap()
    };
    assert_eq!(build(120).await.status, 202);
    let refused = build(121).await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("plan_exhausted")), "{refused:?}");
    assert_eq!(server.terminate().unwrap(), Some(0));
    let log = std::fs::read_to_string(site.0.path().join("log")).unwrap();
    let warning = log.lines().find(|line| line.contains("a plan names a key that does not exist"));
    assert!(warning.is_some_and(|line| line.contains(NONE)), "{log}");
}

#[tokio::test]
async fn an_event_that_was_given_up_is_sent_again_by_a_command() {
    let site = Site::new();
    let (receiver, url) = Receiver::start().await;
    receiver.answer(vec![StatusCode::BAD_GATEWAY]);
    let callbacks = ["--callbacks", "true", "--local-callbacks", "true", "--callback-time-s", "0"];
    let server = site.serve(&[&callbacks[..], &["--reconcile-interval-s", "1"]].concat());
    let hooks = json!({"url": url, "every": true});
    let put = reqwest::Client::new().put(format!("{}/v1/webhooks", server.base())).json(&hooks);
    put.send().await.unwrap().error_for_status().unwrap();
    let params = json!({"min": 18, "max": 120, "bits": 8});
    server.client().circuit("rangeCheck", params, PATIENCE).await.unwrap();

    let failed = || site.succeeds(&["webhooks", "list", "--failed"]);
    let listed = until(async || failed(), |listed| !listed.is_empty()).await;
    assert!(listed.contains("callback_failed") && listed.contains("502"), "{listed}");
    assert!(!listed.contains("127.0.0.1"), "the address is shown: {listed}");
    let id = listed.split_whitespace().next().unwrap();
    for (args, part) in [(&[NONE][..], "there is no such delivery"), (&[id, NONE], "is sent again")] {
        let output = site.run(&[&["webhooks", "replay"][..], args].concat());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && said.contains(part), "{args:?}: {said}");
    }
    let got = receiver.receive(2).await;
    assert_eq!(got[0].1, got[1].1, "the events differ");
    assert_eq!(got[0].0["webhook-id"], got[1].0["webhook-id"]);
    until(async || failed(), String::is_empty).await;
    assert_eq!(site.succeeds(&["webhooks", "replay", "--failed"]), "");

    // An accepted event can be repeated too; all that were given up are repeated at once.
    receiver.answer(vec![StatusCode::BAD_GATEWAY]);
    assert!(site.succeeds(&["webhooks", "replay", id]).contains("is sent again"));
    until(async || failed(), |listed| !listed.is_empty()).await;
    assert_eq!(site.succeeds(&["webhooks", "replay", "--failed", "--tenant", "other"]), "");
    assert!(site.succeeds(&["webhooks", "replay", "--failed", "--tenant", "default"]).contains(id));
    receiver.receive(4).await;
    assert_eq!(server.terminate().unwrap(), Some(0));
}
