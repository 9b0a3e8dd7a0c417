//! A report in SARIF 2.1.0.

use serde_json::{Value, json};
use zkflow_core::audit::{Finding, Place, Rule};

use super::Audited;
use super::report::level;

pub(super) fn document(all: &[Audited]) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| {
            json!({
                "id": rule.as_str(),
                "shortDescription": {"text": rule.about()},
                "defaultConfiguration": {"level": level(Some(rule.level()))},
            })
        })
        .collect();
    let results: Vec<Value> = all
        .iter()
        .filter_map(|one| Some((&one.target, one.outcome.as_ref().ok()?)))
        .flat_map(|(target, audit)| audit.findings.iter().map(|finding| result(target, finding)))
        .collect();
    let failures: Vec<Value> = all
        .iter()
        .filter_map(|one| {
            let error = one.outcome.as_ref().err()?;
            Some(json!({"level": "error", "message": {"text": format!("{}: {error}", one.target)}}))
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "zkflow audit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": failures,
            }],
            "results": results,
        }],
    })
}

fn result(target: &str, finding: &Finding) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(target)}});
    match finding.place {
        Place::Line(line) => place["region"] = json!({"startLine": line}),
        Place::Byte(byte) => place["region"] = json!({"byteOffset": byte, "byteLength": 33}),
        _ => {}
    }
    json!({
        "ruleId": finding.rule.as_str(),
        "level": level(Some(finding.rule.level())),
        "message": {"text": finding.detail},
        "locations": [{"physicalLocation": place}],
    })
}

/// The path as a relative or absolute URI reference.
fn uri(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_are_escaped() {
        assert_eq!(uri("a b/é.sol"), "a%20b/%C3%A9.sol");
    }
}
