//! The description says of every value what it can be.

use serde_json::{Value, json};
use zkflow_server::http;

/// Keywords that say which texts a schema allows.
const OF_TEXTS: [&str; 6] = ["format", "enum", "pattern", "maxLength", "const", "contentMediaType"];

/// Keywords that say which numbers a schema allows.
const OF_NUMBERS: [&str; 4] = ["format", "enum", "maximum", "const"];

/// Texts of any form, by the end of their place, and the reason.
const ANY_TEXT: [(&str, &str); 8] = [
    ("schemas/Text", "sentences for people"),
    ("schemas/Name", "names of others"),
    ("text~1plain/schema", "the whole answer is a text of that media type"),
    ("text~1csv/schema", "the whole answer is a text of that media type"),
    ("If-None-Match", "RFC 9110: a server ignores a value that it cannot read"),
    ("Range", "RFC 9110: a server ignores a value that it cannot read"),
    ("If-Range", "RFC 9110: a server ignores a value that it cannot read"),
    ("Last-Event-ID", "HTML: a client may send any; the server ignores a value that it did not send"),
];

/// Calls `found` with every schema of a part of the description, and its place. Names of properties are no keywords.
fn schemas<'v>(part: &'v Value, place: &str, names: bool, found: &mut impl FnMut(&str, &'v Value)) {
    if let Some(parts) = part.as_array() {
        for (index, part) in parts.iter().enumerate() {
            // A parameter has a name of its own.
            let name = part["name"].as_str().map_or_else(|| index.to_string(), str::to_owned);
            schemas(part, &format!("{place}/{name}"), false, found);
        }
    }
    let Some(parts) = part.as_object() else { return };
    if !names {
        found(place, part);
    }
    let parts = parts
        .iter()
        .filter(|(key, _)| names || !["example", "examples", "default", "enum"].contains(&&***key));
    for (key, part) in parts {
        let escaped = key.replace('/', "~1");
        // The schema of a parameter is named by the parameter.
        let place = if key == "schema" && place.contains("/parameters/") {
            place.to_owned()
        } else {
            format!("{place}/{escaped}")
        };
        schemas(part, &place, !names && matches!(key.as_str(), "properties" | "headers"), found);
    }
}

/// All schemas of the description, with their places.
fn all(description: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (place, names) in [("/components/schemas", true), ("/components/responses", true), ("/paths", true)] {
        let part = description.pointer(place).unwrap();
        let place = place.trim_start_matches("/components/");
        schemas(part, place, names, &mut |place, schema| all.push((place.to_owned(), schema)));
    }
    all
}

fn is_of(schema: &Value, kinds: &[&str]) -> bool {
    let stated = &schema["type"];
    kinds.iter().any(|kind| stated == kind || stated.as_array().is_some_and(|all| all.contains(&json!(kind))))
}

fn has(schema: &Value, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| schema.get(keyword).is_some())
}

#[test]
fn every_text_has_a_form_and_every_number_a_size() {
    let description = http::description();
    let all = all(&description);
    let any_text =
        |place: &str| ANY_TEXT.iter().any(|(end, _)| place.ends_with(&format!("/{end}")) || place == *end);
    let (mut open, mut texts, mut numbers) = (Vec::new(), 0, 0);
    for (place, schema) in &all {
        if is_of(schema, &["string"]) {
            texts += 1;
            if !has(schema, &OF_TEXTS) && !any_text(place) {
                open.push(format!("{place}: a text of any form"));
            }
        }
        if is_of(schema, &["integer", "number"]) {
            numbers += 1;
            if !has(schema, &OF_NUMBERS) {
                open.push(format!("{place}: a number of any size"));
            }
        }
    }
    assert!(open.is_empty(), "{}", open.join("\n"));
    assert!(texts > 100 && numbers > 100, "{texts} texts and {numbers} numbers were seen");
    // Each exception is one.
    for (end, reason) in ANY_TEXT {
        let used = all.iter().any(|(place, schema)| {
            (place.ends_with(&format!("/{end}")) || place == end)
                && is_of(schema, &["string"])
                && !has(schema, &OF_TEXTS)
        });
        assert!(used, "{end} has a form: remove the exception ({reason})");
    }
}

#[test]
fn objects_of_answers_are_open_and_those_of_requests_closed() {
    let description = http::description();
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for item in description["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            reached(&description, &operation["requestBody"], &mut asked);
            reached(&description, &operation["responses"], &mut answered);
        }
    }
    // A proof of snarkjs may have further fields, and is answered too.
    asked.retain(|name| name != "Groth16Proof");
    assert!(asked.len() > 20 && answered.len() > 60, "{} and {}", asked.len(), answered.len());
    for (names, is_closed) in [(asked, true), (answered, false)] {
        for name in names {
            let schema = &description["components"]["schemas"][&name];
            if schema["properties"].is_object() {
                assert_eq!(schema["additionalProperties"] == json!(false), is_closed, "{name}");
            }
        }
    }
}

/// Adds the names of the schemas that a part of the description refers to.
fn reached(description: &Value, part: &Value, names: &mut Vec<String>) {
    match part {
        Value::Array(parts) => parts.iter().for_each(|part| reached(description, part, names)),
        Value::Object(parts) => {
            let name = parts.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|place| place.strip_prefix("#/components/schemas/"))
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
                reached(description, &description["components"]["schemas"][name], names);
            }
            parts.values().for_each(|part| reached(description, part, names));
        }
        _ => {}
    }
}
