//! Reports of an audit, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use zkflow_core::audit::{Audit, Level, Place, Subject};

use super::Audited;

pub(super) fn text(all: &[Audited]) -> String {
    let mut text = String::new();
    for Audited { target, outcome } in all {
        // Expect safety: memory does not fail.
        writeln!(text, "{target}").expect("writing to a string does not fail");
        match outcome {
            Ok(audit) => text += &lines(audit),
            Err(error) => text += &format!("  not read: {error}\n"),
        }
    }
    let bad = all.iter().filter(|one| one.is_bad()).count();
    text + &format!("{} audited, {bad} with errors\n", all.len())
}

fn lines(audit: &Audit) -> String {
    let key = audit.key.as_ref().map_or_else(|| "unknown".to_owned(), |digest| format!("sha256 {digest}"));
    let signals = audit.public_signals.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    let mut text =
        format!("  {}, public signals: {signals}, verification key: {key}\n", subject(audit.subject));
    for finding in &audit.findings {
        let place = match finding.place {
            Place::Line(line) => format!(" in line {line}"),
            Place::Byte(byte) => format!(" at byte {byte}"),
            _ => String::new(),
        };
        let (level, rule) = (level(Some(finding.rule.level())), finding.rule.as_str());
        text += &format!("  {level} [{rule}]{place}: {}\n", finding.detail);
    }
    if audit.findings.is_empty() {
        text += "  no finding; the contributions of the key are not visible here\n";
    }
    text
}

pub(super) fn json(all: &[Audited]) -> Value {
    let audits: Vec<Value> = all.iter().map(one).collect();
    json!({"version": 1, "audits": audits})
}

fn one(Audited { target, outcome }: &Audited) -> Value {
    let audit = match outcome {
        Ok(audit) => audit,
        Err(error) => return json!({"target": target, "error": error}),
    };
    let findings: Vec<Value> = audit
        .findings
        .iter()
        .map(|finding| {
            let mut value = json!({
                "rule": finding.rule.as_str(),
                "level": level(Some(finding.rule.level())),
                "detail": finding.detail,
            });
            match finding.place {
                Place::Line(line) => value["line"] = json!(line),
                Place::Byte(byte) => value["byte"] = json!(byte),
                _ => {}
            }
            value
        })
        .collect();
    json!({
        "target": target,
        "subject": subject(audit.subject),
        "publicSignals": audit.public_signals,
        "verificationKey": audit.key.as_ref().map(ToString::to_string),
        "level": level(audit.level()),
        "findings": findings,
    })
}

/// Name of a level in JSON and SARIF.
pub(super) fn level(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Error) => "error",
        Some(_) => "warning",
        None => "none",
    }
}

fn subject(subject: Subject) -> &'static str {
    match subject {
        Subject::ProvingKey => "proving key",
        Subject::VerificationKey => "verification key",
        Subject::Source => "source",
        Subject::Bytecode => "bytecode",
        _ => "unknown",
    }
}
