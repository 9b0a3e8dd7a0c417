//! The error codes with their statuses and sentences.

use std::sync::LazyLock;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// An error code.
#[derive(Debug, Deserialize)]
pub(super) struct Code {
    pub(super) code: String,
    /// Statuses of answers with this code; empty if it occurs in documents, the log and the library only.
    pub(super) statuses: Vec<u16>,
    pub(super) meaning: String,
    remedy: String,
}

/// All codes. The test of `docs/errors.md` writes the file.
pub(super) static CODES: LazyLock<Vec<Code>> = LazyLock::new(|| {
    // Expect safety: a test compares the file with the sources.
    serde_json::from_str(include_str!("codes.json")).expect("codes.json is a list of codes")
});

/// Whether there is such a code.
pub(in crate::http) fn is_known(code: &str) -> bool {
    CODES.iter().any(|known| known.code == code)
}

/// Codes whose answers contain `errors`, with an example of one.
const FAULTS: [(&str, &str, &str); 6] = [
    ("unknown_parameter", "params.mini", "unknown parameter; the parameters are min, max, bits"),
    ("missing_parameter", "params.min", "missing: expected a decimal string or an integer"),
    ("invalid_parameter", "params.bits", "expected an integer from 1 to 64, found a greater number"),
    ("inconsistent_parameters", "params.min", "expected less than params.max"),
    ("invalid_inputs", "privateInputs.age", "missing"),
    (
        "wrong_place",
        "privateInputs.randomPublicSignal",
        "a public input, which the proof discloses: give it in publicInputs",
    ),
];

impl Code {
    /// The code with this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        CODES.iter().find(|code| code.code == name)
    }

    /// Example for OpenAPI: a problem document, or the `error` of a document if no answer has the code.
    pub(super) fn example(&self) -> Value {
        let Self { code, statuses, meaning, remedy } = self;
        let value = match statuses.first() {
            Some(status) => {
                let title = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                let mut problem = json!({
                    "type": format!("urn:zkflow:problem:{code}"),
                    "title": title,
                    "status": status,
                    "detail": meaning,
                    "code": code,
                });
                if let Some((_, path, message)) = FAULTS.iter().find(|(of, ..)| of == code) {
                    problem["errors"] = json!([{"path": path, "message": message}]);
                }
                problem
            }
            None => json!({"code": code, "message": meaning}),
        };
        json!({"summary": meaning, "description": format!("What to do: {remedy}"), "value": value})
    }
}
