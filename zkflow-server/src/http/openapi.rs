//! The description of the API: what utoipa derives from routes and types, completed with what holds for many routes.
//!
//! | part | does |
//! |---|---|
//! | [`schema`] | schemas of types from other crates, each with its name, pattern or values |
//! | `codes` | the error codes, as the test of `docs/errors.md` reads them from the sources |
//! | `refusals` | the error answers of each operation, with an example for each code |
//!
//! An operation names its own codes in the extension `x-codes`; those that follow from its parameters and its body
//! are added.

pub(super) mod codes;
mod refusals;
pub(super) mod schema;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The media type of a problem document.
pub(super) const PROBLEM: &str = "application/problem+json";

/// The complete description, as `/openapi.json` contains it.
pub(super) fn complete(description: &OpenApi) -> Value {
    // Expect safety: utoipa's document contains only strings, numbers and maps with string keys.
    let mut document = serde_json::to_value(description).expect("a description serialises");
    refusals::add(&mut document);
    for (method, operation) in operations(&mut document) {
        if method == "get" && operation["tags"] != json!(["operations"]) {
            tagged(operation);
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        parameters.filter_map(|parameter| parameter.get_mut("schema")).for_each(never_null);
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for schema in schemas.values_mut().filter(|schema| is_answer(schema)) {
            let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
            properties.into_iter().flat_map(Map::values_mut).for_each(never_null);
        }
    }
    complete_types(&mut document["paths"]);
    complete_types(&mut document["components"]["schemas"]);
    complete_types(&mut document["components"]["responses"]);
    document
}

/// All operations of a description, with their methods in lower case.
fn operations(document: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let methods = paths.filter_map(Value::as_object_mut).flatten();
    let methods = methods.map(|(method, operation)| (method.as_str(), operation));
    methods.filter(|(_, operation)| operation.get("responses").is_some())
}

/// Describes the `ETag` of an operation that answers with a JSON document.
fn tagged(operation: &mut Value) {
    let answer = &mut operation["responses"]["200"];
    if answer["content"].as_object().is_none_or(|kinds| !kinds.keys().eq(["application/json"])) {
        return;
    }
    let schema = json!({"type": "string", "pattern": "^W/\"[0-9a-f]{64}\"$"});
    answer["headers"]["ETag"] = json!({"description": "Digest of the document", "schema": schema});
    operation["responses"]["304"] = json!({"description": "The caller's copy is current"});
    let known = json!({
        "name": "If-None-Match", "in": "header", "required": false, "schema": {"type": "string"},
        "description": "ETags of copies that the caller has",
    });
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(known),
        None => operation["parameters"] = json!([known]),
    }
}

/// Whether the schema is of an answer: those of requests are closed.
fn is_answer(schema: &Value) -> bool {
    schema.get("additionalProperties") != Some(&json!(false))
}

/// Gives every integer without a limit its size, and removes that names of properties are strings, since all are.
fn complete_types(part: &mut Value) {
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(complete_types),
        Value::Object(schema) => {
            if schema.get("propertyNames") == Some(&json!({"type": "string"})) {
                schema.remove("propertyNames");
            }
            let kind = schema.get("type");
            let is_integer = kind.is_some_and(|kind| {
                kind == "integer" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("integer")))
            });
            if is_integer && !schema.contains_key("format") && !schema.contains_key("maximum") {
                schema.insert("format".to_owned(), json!("int64"));
            }
            let parts = schema.iter_mut().filter(|(name, _)| !VALUES.contains(&name.as_str()));
            parts.for_each(|(_, part)| complete_types(part));
        }
        _ => {}
    }
}

/// Keywords whose values are not schemas.
const VALUES: [&str; 4] = ["example", "examples", "default", "enum"];

/// Removes `null` from the choices: an absent parameter, or an absent field of an answer, is left out.
fn never_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [only] = choices.as_slice() {
        let mut only = only.clone();
        if let Some(description) = schema.get("description") {
            only["description"] = description.clone();
        }
        *schema = only;
    }
}
