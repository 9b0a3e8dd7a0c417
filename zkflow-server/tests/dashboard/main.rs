//! The dashboard: its committed files, and its pages in Debian's Chromium.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod seed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use zkflow_core::service::catalog::{Named as _, Scope};

use seed::Served;

/// A path in the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs a command in the folder of the dashboard to its end; fails with all output if it fails.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command
        .current_dir(project("dashboard"))
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run `make setup`"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ends with {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Names and contents of the files of a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_committed_files_are_those_of_the_sources() {
    let built = tempfile::tempdir().unwrap();
    let vite = "node_modules/vite/bin/vite.js";
    succeeds(Command::new("node").args([vite, "build", "--logLevel", "warn", "--outDir"]).arg(built.path()));
    let (built, committed) = (contents(built.path()), contents(&project("zkflow-server/src/http/dashboard")));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&built), names(&committed), "run `make dashboard`");
    for ((name, built), (_, committed)) in built.iter().zip(&committed) {
        assert!(built == committed, "{name} is not the one of dashboard/: run `make dashboard`");
    }
}

#[test]
fn every_page_has_its_pictures() {
    let script = fs::read_to_string(project("dashboard/test/screenshots.mjs")).unwrap();
    let names: Vec<&str> =
        script.lines().filter_map(|line| line.strip_prefix("  [\"")?.split('"').next()).collect();
    assert!(names.contains(&"overview") && names.contains(&"deployment"), "{names:?}");
    for name in names.iter().chain(&["login", "keys"]) {
        for theme in ["light", "dark"] {
            let picture = format!("docs/dashboard/{name}-{theme}.png");
            assert!(project(&picture).is_file(), "{picture}: run `make screenshots`");
        }
    }
}

#[test]
fn the_sources_fit_the_types_of_the_api() {
    succeeds(Command::new("node").args(["../tools/node_modules/typescript/bin/tsc", "--noEmit"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_work_in_a_browser() {
    let open = Served::open().await;
    let proof = open.seed(60, 60).await;
    open.gone().await;
    let (dead, other_dead) = (open.dead_letter(99).await, open.dead_letter(98).await);
    for max in [97, 96] {
        open.dead_letter(max).await;
    }
    let delayed = open.delayed().await;
    for (chain, byte) in [(11_155_111, 0x11), (31_337, 0x22)] {
        open.deployed(chain, byte).await;
    }
    let deployment = open.failed_deployment(11_155_111, 0x33).await;
    open.work();
    let guarded = Served::guarded().await;
    let admin = guarded.key("default", Scope::ALL).await;
    let tenant = guarded.key("theirs", &[Scope::CircuitsRead, Scope::ProofsRead]).await;
    let mut tests = Command::new("node");
    tests
        .args(["--test", "--test-concurrency", "1", "--test-reporter", "spec", "test/dashboard.test.mjs"])
        .env("DASHBOARD", open.base())
        .env("DASHBOARD_CIRCUIT", open.circuit())
        .env("DASHBOARD_DEAD", dead)
        .env("DASHBOARD_OTHER_DEAD", other_dead)
        .env("DASHBOARD_DELAYED", delayed)
        .env("DASHBOARD_DEPLOYMENT", deployment)
        .env("DASHBOARD_PROOF", proof)
        .env("DASHBOARD_GUARDED", guarded.base())
        .env("DASHBOARD_ADMIN_KEY", admin)
        .env("DASHBOARD_TENANT_KEY", tenant);
    println!("{}", tokio::task::spawn_blocking(move || succeeds(&mut tests)).await.unwrap());
}

/// Writes the pictures of docs/dashboard/ again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "make screenshots"]
async fn screenshots() {
    let open = Served::open().await;
    let proof = open.seed(500, 40).await;
    for max in 30..35 {
        open.dead_letter(max).await;
    }
    open.past().await;
    let deployment = open.failed_deployment(11_155_111, 0x33).await;
    let ceremony = open.ceremony().await;
    let guarded = Served::guarded().await;
    let admin = guarded.key("default", Scope::ALL).await;
    for (tenant, scopes) in
        [("acme", &[Scope::ProofsCreate, Scope::ProofsRead][..]), ("default", &[Scope::Operate])]
    {
        guarded.key(tenant, scopes).await;
    }
    let mut shots = Command::new("node");
    shots
        .arg("test/screenshots.mjs")
        .env("DASHBOARD", open.base())
        .env("DASHBOARD_PROOF", proof)
        .env("DASHBOARD_FAILED", open.failed_proof().await)
        .env("DASHBOARD_CIRCUIT", open.circuit())
        .env("DASHBOARD_CEREMONY", ceremony)
        .env("DASHBOARD_DEPLOYMENT", deployment)
        .env("DASHBOARD_GUARDED", guarded.base())
        .env("DASHBOARD_ADMIN_KEY", admin);
    println!("{}", tokio::task::spawn_blocking(move || succeeds(&mut shots)).await.unwrap());
}
