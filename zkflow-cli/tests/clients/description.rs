//! The description is valid, and types made from it compile under a program that uses every operation.

use std::fs;

use zkflow_server::http;
use zkflow_testbed::page;

use crate::{command, project, succeeds, tsc};

/// The description of this build as a file.
fn file() -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    fs::write(file.path(), http::description().to_string()).unwrap();
    file
}

/// The ids of all operations.
fn operations() -> Vec<String> {
    let description = http::description();
    let paths = description["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_description_is_valid() {
    let python = project("tools/.venv/bin/python");
    succeeds(command(python).args(["-m", "openapi_spec_validator"]).arg(file().path()));
}

#[test]
fn the_types_of_the_client_are_those_of_the_description() {
    let generator = project("tools/node_modules/openapi-typescript/bin/cli.js");
    let types = succeeds(command("node").arg(generator).arg(file().path()));
    page::check("clients/typescript/src/api.ts", &types);
}

#[test]
fn the_client_that_orval_makes_compiles() {
    let (folder, description) = (tempfile::tempdir().unwrap(), file());
    let client = folder.path().join("client.ts");
    let orval = project("tools/node_modules/orval/dist/bin/orval.js");
    let [input, output] = ["--input", "--output"];
    let mut generator = command("node");
    generator.arg(orval).arg(input).arg(description.path()).arg(output).arg(&client);
    succeeds(generator.args(["--client", "fetch"]));
    let made = fs::read_to_string(&client).unwrap();
    let absent: Vec<_> =
        operations().into_iter().filter(|id| !made.contains(&format!("export const {id} = async"))).collect();
    assert!(absent.is_empty(), "orval makes no call {absent:?}");

    let options = r#"{
        "compilerOptions": {
            "strict": true, "noEmit": true, "target": "ES2022", "module": "ES2022", "moduleResolution": "Bundler",
            "lib": ["ES2022", "DOM", "DOM.Iterable"], "types": []
        },
        "files": ["client.ts"]
    }"#;
    fs::write(folder.path().join("tsconfig.json"), options).unwrap();
    succeeds(tsc().arg("--project").arg(folder.path()));
}

#[test]
fn a_program_that_uses_every_operation_compiles() {
    let program = "clients/typescript/test/operations.ts";
    let text = fs::read_to_string(project(program)).unwrap();
    let unused: Vec<_> = operations().into_iter().filter(|id| !text.contains(&format!("\"{id}\""))).collect();
    assert!(unused.is_empty(), "{program} does not use {unused:?}");
    succeeds(tsc().args(["--project", "clients/typescript/test"]));
}
