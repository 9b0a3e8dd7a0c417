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

fn error_after(from: &str, to: &str) -> String {
    assert!(MANIFEST.contains(from), "{from}");
    Manifest::parse(&MANIFEST.replace(from, to)).unwrap_err()
}

#[test]
fn a_sound_manifest_is_read() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
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
    let json = serde_json::to_value(Manifest::parse(&text).unwrap()).unwrap();
    assert_eq!(json["parameters"][0]["max"], "18446744073709551615");
    assert_eq!(json["checks"][0]["fitsBits"]["bits"], 8);
}
