//! Loads the built-in templates and folders of custom templates.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use zkflow_circom::inputs::NumberRule;
use zkflow_circom::template::{
    HandlebarsEngine, Outcome, TemplateEngine, TemplateError, TemplateLibrary, read_folder,
};
use zkflow_groth16::error::{Classified, ErrorKind};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A folder with one template, a copy of `rangeCheck`.
fn folder_with(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_range_check(&folder.path().join(name));
    folder
}

fn copy_range_check(target: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rangeCheck");
    fs::create_dir_all(target.join("vectors")).unwrap();
    for file in ["manifest.toml", "template.circom", "vectors/prove.json", "vectors/refuse.json"] {
        fs::copy(source.join(file), target.join(file)).unwrap();
    }
}

fn refusal(folder: &Path) -> String {
    TemplateLibrary::builtin().with_folder(folder).unwrap_err().to_string()
}

#[test]
fn every_built_in_template_renders_its_example_and_has_vectors_of_both_kinds() {
    let library = TemplateLibrary::builtin();
    let names: Vec<_> = library.iter().map(|template| template.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "batchRangeCheck",
            "eddsaSignature",
            "merkleMembership",
            "poseidonPreimage",
            "rangeCheck",
            "sha256Preimage"
        ]
    );
    for template in library.iter() {
        let params = template.parse_params(&template.manifest.example.params).unwrap();
        let source = HandlebarsEngine.render(template, &params).unwrap();
        assert!(!source.contains("{{"), "{}", template.name);
        for outcome in [Outcome::Prove, Outcome::Refuse] {
            assert!(template.vectors.iter().filter(|vector| vector.outcome == outcome).count() >= 3);
        }
    }
}

#[test]
fn range_check_takes_the_parameters_of_the_original_service() {
    let library = TemplateLibrary::builtin();
    let template = library.get(&"rangeCheck".parse().unwrap()).unwrap();
    let params = template.parse_params(&object(json!({"min": 18, "max": "120"}))).unwrap();
    assert_eq!(Value::Object(params.to_json()), json!({"min": 18, "max": 120, "bits": 64}));
    let source = HandlebarsEngine.render(template, &params).unwrap();
    assert!(source.contains("{public [randomPublicSignal]} = RangeCheck(18, 120, 64);"));

    let error = template.parse_params(&object(json!({"min": 120, "max": 18}))).unwrap_err();
    assert_eq!(error.to_string(), "params.min: expected less than params.max");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "inconsistent_parameters"));
}

#[test]
fn a_giant_circuit_cannot_be_asked_for() {
    let library = TemplateLibrary::builtin();
    for (name, params) in [
        ("merkleMembership", json!({"depth": 33})),
        ("sha256Preimage", json!({"n": 120})),
        ("poseidonPreimage", json!({"n": 17})),
        ("batchRangeCheck", json!({"n": 257, "min": 0, "max": 1})),
    ] {
        let template = library.get(&name.parse().unwrap()).unwrap();
        let error = template.parse_params(&object(params)).unwrap_err();
        assert_eq!(error.code(), "invalid_parameter", "{error}");
    }
}

#[test]
fn an_unknown_template_is_answered_with_the_known_names() {
    let error = TemplateLibrary::builtin().get(&"rangecheck".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("rangeCheck"), "{error}");
}

#[test]
fn a_folder_adds_its_subfolders_or_itself() {
    let folder = folder_with("mine");
    fs::write(folder.path().join("README.md"), "beside the templates").unwrap();
    for path in [folder.path().to_owned(), folder.path().join("mine")] {
        let library = TemplateLibrary::builtin().with_folder(&path).unwrap();
        assert_eq!(library.iter().count(), 7);
        assert!(!library.get(&"mine".parse().unwrap()).unwrap().vectors.is_empty());
    }
}

#[test]
fn a_built_in_template_is_replaced_only_by_permission() {
    let folder = folder_with("rangeCheck");
    let error = TemplateLibrary::builtin().with_folder(folder.path()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "duplicate_template"));
    for part in ["allow_template_override", "built-in template rangeCheck", "/rangeCheck "] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let library = TemplateLibrary::builtin().allow_override(true).with_folder(folder.path()).unwrap();
    assert_eq!(library.iter().count(), 6);
    assert!(library.get(&"rangeCheck".parse().unwrap()).unwrap().path.is_some());
}

#[test]
fn two_templates_of_one_name_are_an_error_that_names_both() {
    let (one, other) = (folder_with("mine"), folder_with("mine"));
    let library = TemplateLibrary::builtin().allow_override(true).with_folder(one.path()).unwrap();
    let error = library.with_folder(other.path()).unwrap_err();
    assert!(matches!(error, TemplateError::Duplicate { .. }), "{error}");
    for folder in [one, other] {
        let path = folder.path().canonicalize().unwrap().join("mine");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

const LOOSE: &str = "template Sum(n, limit) {
    signal input amounts[n];
    signal input invoice;
    signal output sum;
}
component main {public [invoice]} = Sum({{n}}, {{limit}});
";

#[test]
fn a_loose_file_is_a_template_with_an_inferred_manifest_and_a_warning() {
    let folder = folder_with("mine");
    fs::write(folder.path().join("sum.template.circom"), LOOSE).unwrap();
    fs::write(folder.path().join("helper.circom"), "").unwrap();
    let library = TemplateLibrary::builtin().with_folder(folder.path()).unwrap();
    assert_eq!(library.iter().count(), 8);
    let template = library.get(&"sum".parse().unwrap()).unwrap();
    assert!(template.is_inferred());
    assert!(template.warnings[0].message.contains("sum/manifest.toml"), "{:?}", template.warnings);

    let params = template.parse_params(&object(json!({"n": 2, "limit": "7"}))).unwrap();
    let source = HandlebarsEngine.render(template, &params).unwrap();
    assert!(source.ends_with("= Sum(2, 7);\n"), "{source}");
    let given =
        |inputs| template.check_inputs(Some(&params), &[("inputs", &object(inputs))], NumberRule::Exact);
    assert_eq!(given(json!({"amounts": [1, 2], "invoice": 3})), []);
    let errors: Vec<String> = given(json!({"amount": [1]})).iter().map(|error| error.path.clone()).collect();
    assert_eq!(errors, ["inputs.amount", "inputs.amounts", "inputs.invoice"]);
    let json = serde_json::to_value(&template.manifest).unwrap();
    assert_eq!((&json["inputs"][0]["shape"], &json["example"]), (&json!(["n"]), &Value::Null));
}

#[test]
fn a_loose_file_that_cannot_be_inferred_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sum.template.circom");
    fs::write(&file, "include \"sum.circom\";\ncomponent main = Sum({{n}});").unwrap();
    let error = refusal(folder.path());
    assert!(error.starts_with("template sum: sum.template.circom:2: the main template Sum"), "{error}");
    fs::rename(&file, folder.path().join("2sum.template.circom")).unwrap();
    assert!(refusal(folder.path()).contains("2sum.template.circom"));
}

#[test]
fn one_bad_template_does_not_hide_the_others() {
    let folder = folder_with("mine");
    copy_range_check(&folder.path().join("other"));
    fs::write(folder.path().join("mine/manifest.toml"), "odd = 1").unwrap();
    let found = read_folder(folder.path()).unwrap();
    let outcomes: Vec<bool> = found.iter().map(|one| one.template.is_ok()).collect();
    assert_eq!(outcomes, [false, true]);
}

#[test]
fn a_built_in_template_does_not_stand_in_for_one_that_was_to_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rangeCheck.template.circom"), "template A() {}").unwrap();
    let name = "rangeCheck".parse().unwrap();
    for (allowed, templates) in [(false, 6), (true, 5)] {
        let mut library = TemplateLibrary::builtin().allow_override(allowed);
        assert_eq!(library.add_folder(folder.path()).unwrap().len(), 1);
        assert_eq!((library.iter().count(), library.get(&name).is_err()), (templates, allowed));
    }
}

#[test]
fn a_bad_folder_is_named() {
    let missing = Path::new("/nonexistent-templates");
    assert!(refusal(missing).contains("/nonexistent-templates"));

    let folder = folder_with("mine");
    let file = |name: &str| folder.path().join("mine").join(name);
    fs::write(file("vectors/prove.json"), r#"[{"name": "x"}]"#).unwrap();
    let error = refusal(folder.path());
    assert!(error.starts_with("template mine: vectors/prove.json:1: \"x\": missing field"), "{error}");
    fs::write(file("manifest.toml"), "title = \"t\"\nname = 1").unwrap();
    let error = refusal(folder.path());
    assert!(error.starts_with("template mine: manifest.toml:2: unknown field `name`"), "{error}");
    fs::write(file("template.circom"), vec![b' '; 300 << 10]).unwrap();
    assert!(refusal(folder.path()).contains("mine/template.circom: more than 262144 bytes"));
    fs::remove_file(file("template.circom")).unwrap();
    assert!(refusal(folder.path()).contains("mine/template.circom"));
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = folder_with("outside");

    let folder = tempfile::tempdir().unwrap();
    symlink(outside.path().join("outside"), folder.path().join("linked")).unwrap();
    assert!(refusal(folder.path()).contains("linked: symbolic links"));

    // Neither a link nor a pipe hides the templates beside it.
    let folder = folder_with("mine");
    symlink("nothing", folder.path().join("dangling")).unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let found = read_folder(folder.path()).unwrap();
    let found: Vec<_> = found.iter().map(|found| found.template.is_ok()).collect();
    assert_eq!(found, [false, true, false]);

    for file in ["manifest.toml", "template.circom", "vectors/prove.json", "vectors"] {
        let folder = folder_with("mine");
        let path = folder.path().join("mine").join(file);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        symlink(outside.path().join("outside").join(file), &path).unwrap();
        assert!(refusal(folder.path()).contains("symbolic links"), "{file}");
    }
}
