//! Every answer of these tests is one that the description names, with its status and its code.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;
use zkflow_server::http;

use crate::support::Reply;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(http::description);

/// Fails if the operation's description does not have this answer. Paths and methods without an operation are not
/// checked.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, reply: &Reply) {
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let matching = paths.iter().filter(|(template, _)| matches(template, path));
    // A literal segment is more exact than a parameter.
    let Some((template, item)) = matching.min_by_key(|(template, _)| template.matches('{').count()) else {
        return;
    };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_null() {
        return;
    }
    let status = reply.status.as_str();
    let answer = &operation["responses"][status];
    // Answers that all operations have in common have a place of their own.
    let shared = answer["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
    let answer = shared.map_or(answer, |place| DESCRIPTION.pointer(place).unwrap());
    assert!(answer.is_object(), "{method} {template} does not describe the status {status}: {reply:?}");
    if reply.header("content-type") == "application/problem+json" {
        let code = reply.json()["code"].as_str().unwrap().to_owned();
        let examples = &answer["content"]["application/problem+json"]["examples"];
        assert!(examples[&code].is_object(), "{method} {template} does not describe {code} under {status}");
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut segments, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (segments.next(), given.next()) {
            (None, None) => return true,
            (Some(segment), Some(given)) if segment.starts_with('{') && !given.is_empty() => {}
            (Some(segment), Some(given)) if segment == given => {}
            _ => return false,
        }
    }
}
