//! The commands of the README and of docs/on-chain.md, pasted as they are into a shell.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use zkflow_server::client::{LocalChain, LocalServer};

use crate::server::Server;
use crate::{project, succeeds};

/// The blocks of a language in a section of a page.
fn blocks(page: &str, section: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(project(page)).unwrap();
    let (heading, fence) = (format!("\n## {section}\n"), format!("```{language}\n"));
    let section = text.split(&heading).nth(1).unwrap().split("\n## ").next().unwrap();
    section.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Runs the blocks with `curl` against a server, in a folder, and returns what they print.
fn paste(page: &str, section: &str, base: &str, folder: &std::path::Path) -> String {
    let blocks = blocks(page, section, "sh");
    let script: String = blocks.into_iter().filter(|block| block.contains("curl ")).collect();
    assert!(script.contains("localhost:3000"), "{script}");
    let script = script.replace("localhost:3000", base.strip_prefix("http://").unwrap());
    succeeds(Command::new("bash").args(["-euo", "pipefail", "-c", &script]).current_dir(folder))
}

fn documents(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
}

#[test]
fn the_commands_of_the_readme_make_a_circuit_and_a_proof() {
    let server = Server::start();
    let printed = paste("README.md", "The server", server.base(), server.folder());
    let (status, proof) = printed.split_once('\n').unwrap();
    assert_eq!(status, "ready");
    let expected = serde_json::json!({"status": "completed", "publicSignals": ["7"]});
    assert_eq!(documents(proof), [expected], "{printed}");
}

#[test]
fn the_commands_of_the_page_on_chains_deploy_a_contract_and_ask_it() {
    let (page, section) = ("docs/on-chain.md", "Try it on a test chain");
    let chain = LocalChain::start(&[]).unwrap();
    let serve = blocks(page, section, "sh").into_iter().find(|block| block.contains("zkflow serve")).unwrap();
    let key = serve.lines().find_map(|line| line.strip_prefix("export DEPLOYER_KEY=")).unwrap();
    assert_eq!(key, chain.keys()[0]);
    let line = serve.lines().find_map(|line| line.strip_prefix("zkflow serve ")).unwrap();
    let line = line.replace("http://127.0.0.1:8545", chain.url());
    let settings: Vec<&str> = line.split_whitespace().collect();
    let folder = tempfile::tempdir().unwrap();
    let executable = env!("CARGO_BIN_EXE_zkflow").as_ref();
    let (data, variables) = (folder.path().join("data"), [("DEPLOYER_KEY", key)]);
    let server = LocalServer::start_with(executable, &data, &settings, &variables, Stdio::inherit()).unwrap();

    let printed = documents(&paste(page, section, server.base(), folder.path()));
    let promised: Vec<Value> =
        blocks(page, section, "json").iter().flat_map(|block| documents(block)).collect();
    let [circuit, deployment, verdict] = &printed[..] else { panic!("{printed:?}") };
    assert_eq!((circuit, verdict), (&promised[0], &promised[2]));
    assert_eq!(deployment["status"], promised[1]["status"], "{deployment}");
    // The values differ; the fields do not.
    let names = |document: &Value| {
        document["contract"].as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(deployment), names(&promised[1]));
    for name in ["kind", "chainId", "compiler"] {
        assert_eq!(deployment["contract"][name], promised[1]["contract"][name]);
    }
}
