use super::*;

const MANIFEST: &str = r#"
title = "t"
description = "d"
[[parameters]]
name = "n"
type = "uint"
description = "d"
max = 4
default = 2
[[inputs]]
name = "a"
shape = ["n"]
description = "d"
[example.inputs]
a = [1, "2"]
"#;

const SOURCE_TEXT: &str = "component main = T({{n}});";

/// The manifest, and the findings about it and the source.
fn read(manifest: &str) -> (Manifest, Vec<String>) {
    let (manifest, _, findings) = check(&Texts { manifest, source: SOURCE_TEXT, files: &[] });
    (manifest, findings.iter().map(ToString::to_string).collect())
}

fn error_after(from: &str, to: &str) -> String {
    assert!(MANIFEST.contains(from), "{from}");
    read(&MANIFEST.replace(from, to)).1.join("\n")
}

#[test]
fn a_sound_manifest_is_read() {
    let (manifest, findings) = read(MANIFEST);
    assert_eq!(findings, [] as [&str; 0]);
    assert_eq!(manifest.inputs[0].shape, [Dim::Param("n".to_owned())]);
}

#[test]
fn an_error_names_the_field() {
    let cases = [
        ("max = 4", "maximum = 4", "maximum"),
        ("max = 4\n", "\n", "parameters.n: an unsigned integer needs a max"),
        ("max = 4", "max = -4", "a negative number"),
        ("max = 4", "max = 1.5", "a fraction"),
        ("max = 4", "max = 4\nmin = 5", "parameters.n: min is greater"),
        ("default = 2", "default = 5", "parameters.n: default: expected an unsigned integer from 0 to 4"),
        ("name = \"n\"", "name = \"this\"", "parameters.this"),
        ("name = \"n\"", "name = \"n-1\"", "n-1"),
        ("[\"n\"]", "[\"m\"]", "a.shape: there is no parameter m"),
        ("a = [1, \"2\"]", "a = [1]", "example.inputs.a: expected an array of 2"),
        ("a = [1, \"2\"]", "b = 1", "example.inputs.b: unknown input; expected one of a"),
        (
            "[[inputs]]",
            "[[checks]]\nless_than = [\"n\", \"m\"]\n[[inputs]]",
            "checks: there is no parameter m",
        ),
        ("[[inputs]]", "[[checks]]\ngreater = [\"n\", \"n\"]\n[[inputs]]", "greater"),
        ("[[inputs]]", "[[keys]]\n[[inputs]]", "zkey"),
        ("title = \"t\"", "", "title"),
    ];
    for (from, to, expected) in cases {
        let error = error_after(from, to);
        assert!(error.contains(expected), "{error:?} does not contain {expected:?}");
    }
}

#[test]
fn the_api_shows_camel_case_and_exact_numbers() {
    let text = MANIFEST
        .replace("max = 4", "max = \"18446744073709551615\"")
        .replace("[[inputs]]", "[[checks]]\nfits_bits = { param = \"n\", bits = 8 }\n[[inputs]]");
    let json = serde_json::to_value(read(&text).0).unwrap();
    assert_eq!(json["parameters"][0]["max"], "18446744073709551615");
    assert_eq!(json["checks"][0]["fitsBits"]["bits"], 8);
}

#[test]
fn every_problem_is_found_at_once_with_file_and_line() {
    let manifest = "
titel = \"t\"
description = 1
[[parameters]]
name = \"n\"
type = \"uint\"
description = \"d\"
[[parameters]]
name = \"m\"
type = \"bool\"
min = 1
description = \"d\"
[[inputs]]
name = \"a\"
shape = [\"x\"]
description = \"d\"
[[inputs]]
name = \"a\"
description = \"d\"
[example.inputs]
a = 1
";
    let source = "// {{\ncomponent main {public [b]} = T({{n}}, {{k}}, x{{n}});";
    let vectors =
        [("vectors/a.json".to_owned(), "[{\"name\": \"x\"},\n{\"name\": \"y\", \"odd\": 1}]".to_owned())];
    let (_, _, findings) = check(&Texts { manifest, source, files: &vectors });
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for expected in [
        "manifest.toml:2: unknown field `titel`",
        "manifest.toml: missing field `title`",
        "manifest.toml:3: invalid type: integer `1`",
        "parameters.n: an unsigned integer needs a max",
        "manifest.toml:11: parameters.m: a boolean has no min or max",
        "manifest.toml:15: a.shape: there is no parameter x",
        "manifest.toml:18: inputs and outputs: duplicate name a",
        "template.circom:1: a comment contains double braces",
        "template.circom:2: a placeholder must be separated",
        "template.circom:2: {{k}} is not a parameter",
        "the parameter m has no placeholder",
        "template.circom:2: public inputs differ: main component [b], manifest []",
        "vectors/a.json:1: \"x\": missing field `inputs`",
        "vectors/a.json:2: \"y\": unknown field `odd`",
    ] {
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn every_value_of_the_example_and_the_vectors_is_checked() {
    let manifest = MANIFEST.replace("a = [1, \"2\"]", "a = [1]\nb = 2");
    let (_, findings) = read(&manifest);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings
            .iter()
            .any(|one| one.starts_with("manifest.toml:15: example.inputs.a: expected an array of 2"))
    );
    assert!(findings.iter().any(|one| one.starts_with("manifest.toml:16: example.inputs.b: unknown input")));
    let vectors = [(
        "vectors/a.json".to_owned(),
        r#"[{"name": "x", "outcome": "prove", "params": {"n": 9}, "inputs": {}},
            {"name": "y", "outcome": "prove", "inputs": {"a": [1, 9007199254740992]}, "outputs": {"z": 1}}]"#
            .to_owned(),
    )];
    let (_, _, findings) = check(&Texts { manifest: MANIFEST, source: SOURCE_TEXT, files: &vectors });
    let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("vectors/a.json:1: \"x\": params.n: expected an unsigned integer"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("vectors/a.json:2: \"y\": inputs.a[1]: a number above 2^53 - 1"),
        "{found:?}"
    );
    assert!(found[2].contains("outputs.z: there is no such output"), "{found:?}");
}

#[test]
fn keys_name_files_of_the_template_for_one_choice_of_parameters_each() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let file =
        |field: &str, path: &str| format!("{field} = {{ file = \"{path}\", sha256 = \"{digest}\" }}\n");
    let zkey = file("zkey", "keys/a.zkey");
    let with = |keys: &str| {
        let (manifest, findings) =
            read(&MANIFEST.replace("[example.inputs]", &format!("{keys}[example.inputs]")));
        (manifest.keys.len(), findings.join("\n"))
    };
    let sound =
        format!("[[keys]]\n{zkey}[[keys]]\nparams = {{ n = \"1\" }}\n{zkey}{}", file("ptau", "p.ptau"));
    assert_eq!(with(&sound), (2, String::new()));
    let published = "published_ptau = \"powersOfTau28_hez_final_14.ptau\"\n";
    for (keys, part) in [
        (format!("[[keys]]\n{}", file("zkey", "../a.zkey")), "not a path within"),
        (format!("[[keys]]\n{}", file("zkey", "/a.zkey")), "not a path within"),
        (format!("[[keys]]\n{}", file("zkey", "")), "not a path within"),
        (format!("[[keys]]\n{zkey}").replace(digest, "00"), "not a digest"),
        (format!("[[keys]]\n{zkey}other = 1\n"), "unknown field `other`"),
        (format!("[[keys]]\nparams = {{ n = 9 }}\n{zkey}"), "params.n: expected"),
        (format!("[[keys]]\nparams = {{ m = 1 }}\n{zkey}"), "params.m: unknown parameter"),
        (format!("[[keys]]\n{zkey}[[keys]]\nparams = {{ n = 2 }}\n{zkey}"), "the same parameters"),
        (format!("[[keys]]\n{zkey}{}{published}", file("ptau", "p.ptau")), "exclude each other"),
        (format!("[[keys]]\n{zkey}published_ptau = \"other.ptau\"\n"), "not a published file"),
        (format!("[[keys]]\n{zkey}{}", file("transcript", "ceremony.json")), "needs ptau"),
    ] {
        let (_, findings) = with(&keys);
        assert!(findings.contains(part), "{keys}: {findings}");
    }
    assert_eq!(with(&format!("[[keys]]\n{zkey}{published}")), (1, String::new()));
}
