//! Templates that compile to something else than the stored files of their circuits: another version of circom made these,
//! or the template was changed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use zkflow_core::witness::module_version;

use super::module::of_version;
use super::old::{OldService, RANGE_CHECK, Recipe, project};
use super::{Installation, OldClient, SOUND};

/// A circuit with the module of an early circom.
const EARLY: &str = "65f1a2b3c4d5e6f708200001";
/// A circuit with the module of a version of circom that the settings have too.
const OLDER: &str = "65f1a2b3c4d5e6f708200005";
/// A circuit with a module that was changed.
const EDITED: &str = "65f1a2b3c4d5e6f708200002";
/// A circuit with constraints and names of another one.
const MIXED: &str = "65f1a2b3c4d5e6f708200003";
/// A circuit with its own constraints and names.
const WHOLE: &str = "65f1a2b3c4d5e6f708200004";

/// The service with one sound key under five ids, and the version of circom that made its module.
fn service() -> (OldService, String) {
    let mut old = OldService::new();
    let params = json!({"min": 1, "max": 9});
    old.make(SOUND, "rangeCheck", params.clone(), Recipe::Contribution);
    let present = module_version(&fs::read(old.object(SOUND, "circuit.wasm")).unwrap()).unwrap();
    for id in [EARLY, EDITED, MIXED, WHOLE] {
        old.copied(id, SOUND, "rangeCheck", params.clone());
    }
    fs::write(old.object(EARLY, "circuit.wasm"), of_version("2.1.5")).unwrap();
    fs::write(old.object(EDITED, "circuit.wasm"), of_version(&present)).unwrap();
    let foreign = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zkflow-groth16/tests/data");
    let own = old.path(&format!("processing/{SOUND}"));
    for kind in ["r1cs", "sym"] {
        let name = format!("circuit.{kind}");
        fs::copy(foreign.join(format!("tiny.{kind}")), old.object(MIXED, &name)).unwrap();
        fs::copy(own.join(&name), old.object(WHOLE, &name)).unwrap();
    }
    old.export("");
    (old, format!("circom {present}"))
}

#[test]
fn old_files_that_differ_from_the_compiled_ones_are_named() {
    let (mut old, compiler) = service();
    old.copied(OLDER, SOUND, "rangeCheck", json!({"min": 1, "max": 9}));
    old.recompile(OLDER, SOUND, "circom2-old");
    old.export("");
    let older = project("tools/node_modules/circom2-old/circom.wasm").display().to_string();
    let bucket = old.path("bucket").display().to_string();
    let line = ["--folder", &bucket, "--circom-versions", &older];
    let imported = Installation::new().import(&old, &line);
    assert!(imported.complete, "{}\n{}", imported.printed, imported.alarm);
    // The version of the old module makes the same one.
    let line = imported.circuit(OLDER);
    assert_eq!((&line["outcome"], &line["notes"]), (&json!("imported"), &Value::Null), "{line}");
    assert_ne!(line["circuitId"], imported.circuit(SOUND)["circuitId"]);
    let again = "it was compiled again";
    for (id, notes) in [
        (SOUND, Value::Null),
        (WHOLE, Value::Null),
        (EARLY, json!([format!("circom 2.1.5 made circuit.wasm, and the compiler is {compiler}: {again}")])),
        (EDITED, json!([format!("circuit.wasm is not what {compiler} makes from the template: {again}")])),
        (
            MIXED,
            json!([
                format!("circuit.r1cs is not that of the key: {again}"),
                format!("circuit.sym is not that of the constraints: {again}"),
            ]),
        ),
    ] {
        let line = imported.circuit(id);
        assert_eq!(line["notes"], notes, "{line}");
        assert_eq!(line["circuitId"], imported.circuit(SOUND)["circuitId"], "the key decides: {line}");
        assert_eq!(line["label"], "claimed single-operator", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_template_is_refused_or_replaced_by_the_parts_beside_the_key() {
    let (old, compiler) = service();
    let bucket = old.path("bucket").display().to_string();
    for (text, code) in [
        (RANGE_CHECK.replace("GreaterEqThan(8)", "GreaterEqThan(9)"), "key_of_other_circuit"),
        (RANGE_CHECK.replace("{{min}}", "{{least}}"), "parameter"),
        (RANGE_CHECK.replace("* randomPublicSignal;", "* nothing;"), "circom_rejected"),
    ] {
        fs::write(old.path("templates/rangeCheck.template.circom"), text).unwrap();
        let site = Installation::new();
        let imported = site.import(&old, &["--folder", &bucket]);
        assert!(!imported.complete, "{}", imported.printed);
        for id in [SOUND, EARLY, EDITED] {
            let line = imported.circuit(id);
            assert!(imported.refused(id).contains(code), "{line}");
            let reason = line["reason"].as_str().unwrap();
            assert!(reason.contains("give the template of the key (--templates), or circuit.r1cs"), "{line}");
            let versions = format!("circom 2.1.5 made circuit.wasm, and the compiler is {compiler}");
            assert_eq!(reason.contains(&versions), id == EARLY, "{line}");
        }
        assert_eq!(imported.refused(MIXED), "parts_differ", "{code}");
        let line = imported.circuit(WHOLE);
        assert_eq!(
            (&line["outcome"], &line["label"]),
            (&json!("imported"), &json!("claimed single-operator"))
        );
        let notes = line["notes"].as_array().unwrap();
        let note = notes[0].as_str().unwrap();
        assert!(notes.len() == 1 && note.contains("the template does not give it"), "{line}");
        assert!(imported.printed.contains("the template does not give it"), "{}", imported.printed);

        if code == "key_of_other_circuit" {
            let server = site.serve(&[]);
            let made = OldClient::of(&server).prove(WHOLE, 5).await;
            old.verifies(WHOLE, &made["artifacts"]["proof"], &made["artifacts"]["publicSignals"]);
        }
    }
}
