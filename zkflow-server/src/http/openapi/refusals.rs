//! The error answers of each operation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::codes::{CODES, Code};
use super::{PROBLEM, operations};
use crate::http::access::SCHEME;

/// Where an operation names its own codes. In the finished description it has only codes that do not exist.
const OWN: &str = "x-codes";

/// Codes of every operation with a body.
const OF_BODIES: [&str; 6] = [
    "unsupported_media_type",
    "unreadable_body",
    "malformed_json",
    "invalid_body",
    "body_too_large",
    "body_too_slow",
];

/// Codes of every operation with a parameter, by place and name of the parameter.
const OF_PARAMETERS: [((&str, &str), &[&str]); 10] = [
    (("path", "circuitId"), &["circuit_not_found"]),
    (("path", "proofRequestId"), &["proof_not_found"]),
    (("path", "deploymentId"), &["deployment_not_found"]),
    (("path", "ceremonyId"), &["ceremony_not_found"]),
    (("path", "deliveryId"), &["delivery_not_found"]),
    (("path", "keyId"), &["key_not_found"]),
    (("query", "limit"), &["invalid_limit"]),
    (("query", "cursor"), &["invalid_cursor"]),
    (("header", "Idempotency-Key"), &["invalid_idempotency_key", "idempotency_key_reused"]),
    (("header", "Last-Event-ID"), &["too_many_watchers"]),
];

/// Codes of every operation that needs credentials.
const OF_CALLERS: [&str; 3] = ["unauthenticated", "credentials_refused", "too_many_requests"];

/// Code of every operation that needs a permission.
const OF_SCOPES: &str = "scope_missing";

/// Code of every operation that changes something, from another web page.
const OF_CHANGES: &str = "origin_refused";

/// Statuses that every operation has, with any of their codes, and the names of these answers.
const OF_ALL: [(u16, &str, &str); 2] = [
    (500, "Fault", "A fault of the server, or damaged data"),
    (503, "Unavailable", "A part of the server is unavailable"),
];

/// Adds the error answers to each operation, and an example for each code.
pub(super) fn add(document: &mut Value) {
    for (method, operation) in operations(document) {
        let codes = codes(method, operation);
        let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
        for code in codes.iter().filter_map(|name| Code::named(name)) {
            code.statuses.iter().for_each(|status| by_status.entry(*status).or_default().push(code));
        }
        for (status, name, _) in OF_ALL {
            let answers = &mut operation["responses"][status.to_string()];
            if answers.is_null() {
                *answers = json!({"$ref": format!("#/components/responses/{name}")});
                by_status.remove(&status);
            } else {
                by_status.insert(status, of_status(status));
            }
        }
        for (status, codes) in by_status {
            complete(&mut operation["responses"][status.to_string()], status, &codes);
        }
    }
    for (status, name, _) in OF_ALL {
        complete(&mut document["components"]["responses"][name], status, &of_status(status));
    }
    let examples: Map<_, _> = CODES.iter().map(|code| (code.code.clone(), code.example())).collect();
    document["components"]["examples"] = examples.into();
}

/// All codes with a status.
fn of_status(status: u16) -> Vec<&'static Code> {
    CODES.iter().filter(|code| code.statuses.contains(&status)).collect()
}

/// Completes an answer with the problem document and the examples of its codes.
fn complete(answer: &mut Value, status: u16, codes: &[&Code]) {
    if answer["description"].is_null() {
        let meanings = codes.iter().map(|code| format!("`{}`: {}", code.code, code.meaning));
        let general = OF_ALL.iter().find(|(of, ..)| *of == status);
        let text =
            general.map_or_else(|| meanings.collect::<Vec<_>>().join("; "), |(.., text)| (*text).to_owned());
        answer["description"] = text.into();
    }
    let examples: Map<_, _> = codes
        .iter()
        .map(|code| (code.code.clone(), json!({"$ref": format!("#/components/examples/{}", code.code)})))
        .collect();
    answer["content"][PROBLEM] =
        json!({"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples});
    if matches!(status, 429 | 503) {
        let schema = json!({"type": "integer", "minimum": 0});
        answer["headers"]["Retry-After"] =
            json!({"description": "Seconds to wait before the request is repeated", "schema": schema});
    }
}

/// The codes of an operation: its own, and those of its parameters and its body.
fn codes(method: &str, operation: &mut Value) -> BTreeSet<String> {
    // The parameters in the query are compared with the description, and the host with the server's names.
    let mut codes = BTreeSet::from(["invalid_query", "host_refused"].map(str::to_owned));
    if method != "get" {
        codes.insert(OF_CHANGES.to_owned());
    }
    if let Some(scopes) = operation["security"].pointer(&format!("/0/{SCHEME}")).and_then(Value::as_array) {
        codes.extend(OF_CALLERS.map(str::to_owned));
        if !scopes.is_empty() {
            codes.insert(OF_SCOPES.to_owned());
        }
    }
    let own = operation.as_object_mut().and_then(|operation| operation.remove(OWN));
    let own: Vec<String> = own.and_then(|own| serde_json::from_value(own).ok()).unwrap_or_default();
    let (known, unknown): (Vec<_>, Vec<_>) = own.into_iter().partition(|code| Code::named(code).is_some());
    codes.extend(known);
    if !unknown.is_empty() {
        // A test finds it.
        operation[OWN] = unknown.into();
    }
    if operation.get("requestBody").is_some() {
        codes.extend(OF_BODIES.map(str::to_owned));
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let text = |field: &str| parameter[field].as_str().unwrap_or_default();
        let place = (text("in"), text("name"));
        if place.0 == "path" {
            codes.insert("invalid_path".to_owned());
        }
        let found = OF_PARAMETERS.iter().find(|(of, _)| *of == place);
        codes.extend(found.into_iter().flat_map(|(_, codes)| *codes).map(|code| (*code).to_owned()));
    }
    codes
}
