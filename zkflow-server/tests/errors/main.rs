//! `docs/errors.md`: every stable code of all crates, with its meaning. Codes, kinds and statuses are read
//! from the sources; the sentences are in [`meanings`]. The test fails if a code has no sentence or a
//! sentence has no code.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod meanings;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use meanings::{MEANINGS, Meaning};
use serde_json::json;
use sources::{Origin, Sources};
use zkflow_testbed::page;

const HEAD: &str = "\
# Errors

Every error has a stable code for programs. Its text is for people and may change.

| place | the code is in |
|---|---|
| an answer of the server with a status of 400 or more | `code` of the `application/problem+json` body (RFC 9457) |
| a circuit, proof request or deployment that failed | `error.code` of the document |
| the log and `zkflow_documents_failed_total` | `code` |
| the library | `Classified::code()`; `Classified::kind()` is the kind |

```json
{\"type\": \"urn:zkflow:problem:circuit_not_found\", \"title\": \"Not Found\", \"status\": 404, \"detail\": \"…\", \"code\": \"circuit_not_found\"}
```

| kind | status | repeat the request? |
|---|---|---|
| `Invalid` | 422 | no: correct it; `errors` lists the fields |
| `NotFound` | 404 | no |
| `Conflict` | 409 | after the state of the object has changed |
| `Limit` | 422, 429 for the server's load | at 429 after `Retry-After` |
| `Unavailable` | 503 | after `Retry-After` |
| `Corrupt` | 500 | no: data is damaged; tell the operator |
| `Internal` | 500 | no: tell the operator |

A status in the tables below is the one of an answer. Without a status, the code occurs in documents, the log, the command line
and the library only.
";

const FOOT: &str = "
This page is generated from the sources: `UPDATE_PAGES=1 make test` writes it again.
";

#[test]
fn the_page_of_errors_is_up_to_date() {
    let codes = Sources::read().codes();
    let sections = MEANINGS.iter().map(|(title, meanings)| {
        let rows = meanings.iter().filter_map(|meaning| Some(row(meaning, codes.get(meaning.code)?)));
        format!(
            "\n## {title}\n\n| code | status | kind | meaning | what to do |\n|---|---|---|---|---|\n{}",
            rows.collect::<String>()
        )
    });
    page::check("docs/errors.md", &[HEAD.to_owned(), sections.collect(), FOOT.to_owned()].concat());
}

#[test]
fn the_codes_of_the_description_are_up_to_date() {
    let codes = Sources::read().codes();
    let known = MEANINGS.iter().flat_map(|(_, meanings)| *meanings);
    let rows = known.filter_map(|Meaning { code, meaning, remedy }| {
        let statuses = statuses(codes.get(*code)?);
        Some(json!({"code": code, "statuses": statuses, "meaning": meaning, "remedy": remedy}).to_string())
    });
    let list = format!("[\n{}\n]\n", rows.collect::<Vec<_>>().join(",\n"));
    page::check("zkflow-server/src/http/openapi/codes.json", &list);
}

#[test]
fn every_code_has_one_sentence_and_every_sentence_a_code() {
    let codes: BTreeSet<_> = Sources::read().codes().into_keys().collect();
    let explained: Vec<_> = MEANINGS.iter().flat_map(|(_, meanings)| *meanings).collect();
    let names: BTreeSet<_> = explained.iter().map(|meaning| meaning.code.to_owned()).collect();
    assert_eq!(names.len(), explained.len(), "a code is explained twice");
    let unexplained: Vec<_> = codes.difference(&names).collect();
    assert!(unexplained.is_empty(), "codes without a sentence in tests/errors/meanings.rs: {unexplained:?}");
    let unknown: Vec<_> = names.difference(&codes).collect();
    assert!(unknown.is_empty(), "sentences without a code in the sources: {unknown:?}");
    for Meaning { code, meaning, remedy } in explained {
        assert!(!meaning.is_empty() && !remedy.is_empty(), "{code}");
        assert!(
            code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{code} is not snake_case"
        );
    }
}

#[test]
fn the_sources_have_the_codes_of_all_crates() {
    let sources = Sources::read();
    let crates: BTreeSet<_> = sources.origins().map(|origin| origin.package.clone()).collect();
    for package in ["groth16", "circom", "core", "store", "queue", "evm", "server"] {
        assert!(crates.contains(&format!("zkflow-{package}")), "{package} has no code");
    }
    let codes = sources.codes();
    // One code for each way of writing codes.
    for (code, status) in [
        ("circuit_not_found", Some(404)),
        ("body_too_large", Some(413)),
        ("not_allowed", Some(403)),
        ("overloaded", Some(429)),
        ("unknown_parameter", Some(422)),
        ("catalog_unavailable", Some(503)),
        ("ceremony_invalid", None),
        ("attempts_exhausted", None),
        ("panic", None),
    ] {
        let found: BTreeSet<_> = codes[code].iter().filter_map(|origin| origin.status).collect();
        assert_eq!(found, status.into_iter().collect(), "{code}");
    }
}

fn row(Meaning { code, meaning, remedy }: &Meaning, origins: &[Origin]) -> String {
    let joined = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    let status = joined(statuses(origins).iter().map(ToString::to_string).collect());
    let kind =
        joined(origins.iter().filter_map(|origin| Some(format!("`{}`", origin.kind.as_ref()?))).collect());
    format!("| `{code}` | {status} | {kind} | {meaning} | {remedy} |\n")
}

/// The statuses of answers with a code.
fn statuses(origins: &[Origin]) -> BTreeSet<u16> {
    origins.iter().filter_map(|origin| origin.status).collect()
}

/// Codes with all their origins.
type Codes = BTreeMap<String, Vec<Origin>>;
