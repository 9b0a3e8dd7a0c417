use proptest::prelude::*;
use serde_json::json;

use super::*;
use zkflow_groth16::field::MODULUS_DECIMAL;

fn manifest() -> Manifest {
    super::super::document::Document::read(
        r#"
        title = "t"
        description = "d"
        parameters = [
            { name = "min", type = "uint", description = "d", max = "18446744073709551615", default = 0 },
            { name = "max", type = "uint", description = "d", max = "18446744073709551615" },
            { name = "bits", type = "uint", description = "d", min = 1, max = 64, default = 64 },
            { name = "key", type = "field", description = "d", default = 0 },
            { name = "strict", type = "bool", description = "d", default = true },
            { name = "list", type = "uint", description = "d", max = 9, length = { min = 1, max = 3 }, default = [1] },
        ]
        checks = [{ less_than = ["min", "max"] }, { fits_bits = { param = "max", bits = "bits" } }]
        inputs = [{ name = "a", description = "d" }]
        example = { params = { max = 1 }, inputs = { a = 1 } }
        "#,
    )
    .1
    .manifest
}

fn parse(value: Value) -> Result<Params, TemplateError> {
    Params::parse(&manifest(), value.as_object().unwrap())
}

#[test]
fn the_same_parameters_in_any_spelling_give_the_same_canonical_json() {
    let canonical = json!({"min": 18, "max": 120, "bits": 64, "key": "7", "strict": true, "list": [1]});
    for spelling in [
        json!({"min": 18, "max": 120, "key": 7}),
        json!({"max": "120", "min": "18", "key": "7", "strict": true}),
        json!({"list": ["01"], "min": "0018", "max": 120, "bits": "64", "key": "007"}),
    ] {
        assert_eq!(Value::Object(parse(spelling).unwrap().to_json()), canonical);
    }
    let large = parse(json!({"max": "18446744073709551615"})).unwrap().to_json();
    assert_eq!(large["max"], "18446744073709551615");
    assert_eq!(parse(Value::Object(large.clone())).unwrap().to_json(), large);
}

#[test]
fn a_refusal_names_the_path_and_the_expectation() {
    let uint = "expected an unsigned integer from 0 to 18446744073709551615";
    let cases = [
        (json!({}), format!("params.max: missing, {uint}")),
        (json!({"max": 1, "mni": 1}), "params.mni: unknown parameter".to_owned()),
        (json!({"max": 1.5}), format!("params.max: {uint}, found a fraction")),
        (json!({"max": 9007199254740992u64}), format!("params.max: {uint}, found a number above 2^53 - 1")),
        (json!({"max": -1}), format!("params.max: {uint}, found a negative number")),
        (json!({"max": "-1"}), format!("params.max: {uint}, found a negative number")),
        (json!({"max": "18446744073709551616"}), format!("params.max: {uint}, found a greater number")),
        (
            json!({"max": "1); evil("}),
            format!("params.max: {uint}, found a string that is not a decimal number"),
        ),
        (json!({"max": "0x10"}), format!("params.max: {uint}, found a string that is not a decimal number")),
        (json!({"max": null}), format!("params.max: {uint}, found null")),
        (json!({"max": 1, "bits": 0}), "params.bits: expected an unsigned integer from 1 to 64".to_owned()),
        (json!({"max": 1, "key": MODULUS_DECIMAL}), "params.key: expected a field element".to_owned()),
        (json!({"max": 1, "strict": 1}), "params.strict: expected true or false, found a number".to_owned()),
        (json!({"max": 1, "list": 1}), "params.list: expected an array of 1 to 3".to_owned()),
        (json!({"max": 1, "list": []}), "params.list: expected an array of 1 to 3".to_owned()),
        (json!({"max": 1, "list": [1, 10]}), "params.list[1]: expected an unsigned integer".to_owned()),
        (json!({"min": 1, "max": 1}), "params.min: expected less than params.max".to_owned()),
        (json!({"max": 256, "bits": 8}), "params.max: expected a value of at most 8 bits".to_owned()),
    ];
    for (params, expected) in cases {
        let error = parse(params.clone()).unwrap_err().to_string();
        assert!(error.starts_with(&expected), "{params}: {error:?} does not begin with {expected:?}");
    }
    assert!(parse(json!({"max": 255, "bits": 8})).is_ok());
}

proptest! {
    #[test]
    fn any_integer_is_kept_exactly_or_refused(value in any::<u64>()) {
        let params = parse(json!({"min": 0, "max": value.to_string()}));
        match params {
            Ok(params) => prop_assert_eq!(params.get("max"), Some(&ParamValue::Uint(value))),
            Err(_) => prop_assert_eq!(value, 0),
        }
    }
}
