use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = r#"
title = "t"
description = "d"
parameters = [
    { name = "n", type = "uint", description = "d", max = "18446744073709551615" },
    { name = "key", type = "field", description = "d", default = 0 },
    { name = "strict", type = "bool", description = "d", default = true },
    { name = "list", type = "field", description = "d", length = { min = 1, max = 4 }, default = [1] },
]
inputs = [{ name = "a", public = true, description = "d" }, { name = "b", description = "d" }]
example = { params = { n = 1 }, inputs = { a = 1, b = 2 } }
"#;

const SOURCE: &str = r#"pragma circom 2.1.6;
include "circomlib/circuits/poseidon.circom"; // n is a number
template T(n, key, strict, list) { signal input a; signal input b; a === b; }
component main {public [a]} = T({{n}}, {{ key }}, {{strict}}, {{list}});
"#;

fn template(source: &str) -> Result<Template, TemplateError> {
    Template::parse("t".parse().unwrap(), MANIFEST, source, &[])
}

fn render(params: Value) -> Result<String, TemplateError> {
    let template = template(SOURCE)?;
    HandlebarsEngine.render(&template, &template.parse_params(params.as_object().unwrap())?)
}

#[test]
fn placeholders_become_literals() {
    let rendered = render(json!({"n": 18, "key": "7", "strict": false, "list": [1, "2", 3]})).unwrap();
    assert!(rendered.ends_with("= T(18, 7, 0, [1,2,3]);\n"), "{rendered}");
}

#[test]
fn a_rendering_that_says_more_is_refused() {
    let template = template(SOURCE).unwrap();
    let params = template.parse_params(json!({"n": 18}).as_object().unwrap()).unwrap();
    let honest = HandlebarsEngine.render(&template, &params).unwrap();
    for (from, to) in [
        ("T(18", "T(19"),
        ("T(18", "T(18+0"),
        ("T(18", "T(0x12"),
        ("T(18", "T(1 8"),
        ("[1]", "1"),
        ("[1]", "[1,1]"),
        ("a === b", "a === a"),
        ("poseidon", "mimc"),
        ("[a]", "[b]"),
        ("a === b;", "/* a === b; */"),
        ("18,", "18/*,"),
    ] {
        assert!(honest.contains(from), "{from}");
        let forged = honest.replacen(from, to, if from == "[1]" { 2 } else { 1 });
        assert!(check_rendering(&template, &params, &forged).is_err(), "{from} -> {to}");
    }
}

#[test]
fn source_and_manifest_must_agree() {
    let cases = [
        ("{{n}}, {{ key }}", "{{m}}, {{ key }}", "{{m}} is not a parameter"),
        ("{{list}}", "1", "the parameter list has no placeholder"),
        ("{public [a]}", "{public [a, b]}", "public inputs"),
        ("{public [a]}", "", "public inputs"),
        ("component main", "component other", "exactly one main component"),
        ("{{strict}}", "{{#if strict}}1{{/if}}", "template.circom:4: expected {{name}}"),
        ("{{strict}}", "x{{strict}}", "must be separated"),
    ];
    for (from, to, expected) in cases {
        let error = template(&SOURCE.replace(from, to)).unwrap_err().to_string();
        assert!(error.starts_with("template t: ") && error.contains(expected), "{error}");
        assert!(error.contains("template.circom"), "{error}");
    }
}

/// JSON of any shape, with texts that would change the source if they reached it.
fn hostile() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[0-9]{1,90}",
        "\\PC{0,20}",
        "[0-9]{0,3}[,;(){}/*+\\\\\"\n-]{1,4}[0-9a-z]{0,3}",
        Just("1); } template Evil() { signal output o".to_owned()),
        Just("{{n}}".to_owned()),
        Just("1 /* ".to_owned()),
        Just("\u{661}".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..300u64).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// `text` with every run of digits, and every list of them, replaced by `0`; independent of the tokeniser.
fn skeleton(text: &str) -> String {
    let mut skeleton = String::new();
    for c in text.chars() {
        if !(c.is_ascii_digit() && skeleton.ends_with('0')) {
            skeleton.push(if c.is_ascii_digit() { '0' } else { c });
        }
    }
    for list in ["[0,0,0,0]", "[0,0,0]", "[0,0]", "[0]"] {
        skeleton = skeleton.replace(list, "0");
    }
    skeleton
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_numeric_literals_ever_differ(
        n in prop_oneof![3 => (0..300u64).prop_map(Value::from), 1 => hostile()],
        key in prop_oneof![1 => "[0-9]{1,76}".prop_map(Value::from), 1 => hostile()],
        strict in prop_oneof![3 => any::<bool>().prop_map(Value::from), 1 => hostile()],
        list in prop_oneof![
            1 => proptest::collection::vec(0..9u64, 1..5).prop_map(Value::from),
            1 => proptest::collection::vec(hostile(), 1..5).prop_map(Value::from),
        ],
    ) {
        if let Ok(rendered) = render(json!({"n": n, "key": key, "strict": strict, "list": list})) {
            let mut expected = SOURCE.replace("{{ key }}", "0");
            for name in ["n", "strict", "list"] {
                expected = expected.replace(&format!("{{{{{name}}}}}"), "0");
            }
            prop_assert_eq!(skeleton(&rendered), skeleton(&expected));
        }
    }

    #[test]
    fn any_source_is_refused_or_rendered_faithfully(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("{{n}}"), Just("{{list}}"), Just("{{"), Just("}}"), Just("{{{"), Just("\\"), Just("\""), Just("//"),
                Just("/*"), Just("*/"), Just("\n"), Just(" "), Just("0x"), Just("a"), Just("1"), Just("{{#if n}}"),
                Just("{{/if}}"), Just("{{!"), Just("{{>x}}"), Just("{{~n}}"), Just("$"), Just("_"), Just("é"),
            ],
            0..12,
        ),
    ) {
        let source = format!("{SOURCE}{}", parts.concat());
        if let Ok(template) = template(&source) {
            let params = template.parse_params(json!({"n": 10, "list": [1, 2]}).as_object().unwrap()).unwrap();
            let rendered = HandlebarsEngine.render(&template, &params);
            prop_assert!(rendered.is_ok(), "{:?}", rendered);
        }
    }
}
