use std::time::Duration;

use serde_json::Value as Json;

use super::*;

/// Documents written by the version before [`Life`].
const CIRCUIT: &str = include_str!("tests/circuit.json");
const PROOF: &str = include_str!("tests/proof.json");
const PROOF_PENDING: &str = include_str!("tests/proof_pending.json");
const DEPLOYMENT: &str = include_str!("tests/deployment.json");
const DEPLOYMENT_FAILED: &str = include_str!("tests/deployment_failed.json");

/// Fields that later versions added, with their values in older documents.
fn added() -> [(&'static str, Json); 3] {
    [("tenant", "default".into()), ("visibility", "tenant".into()), ("signatures", 0.into())]
}

/// Parses a document and checks that it serialises to `text`, but for the [`added`] fields.
fn read<D: Document>(text: &str) -> D {
    let document: D = serde_json::from_str(text).unwrap();
    let mut written = serde_json::to_value(&document).unwrap();
    let fields = written.as_object_mut().unwrap();
    for (field, value) in added() {
        assert_eq!(fields.remove(field).unwrap_or(value.clone()), value, "{field}");
    }
    assert_eq!(written, serde_json::from_str::<Json>(text).unwrap());
    document
}

#[test]
fn documents_of_the_version_before_are_read_and_written_with_the_same_fields() {
    let circuit: Circuit = read(CIRCUIT);
    assert_eq!(circuit.life.timings["setup"], 3400);
    assert_eq!(circuit.life.created_at.to_string(), "2026-01-01T00:00:00.123Z");
    let proof: ProofRequest = read(PROOF);
    assert_eq!((proof.status(), proof.life.stage), (ProofStatus::Completed, ProofStage::Done));
    let pending: ProofRequest = read(PROOF_PENDING);
    assert_eq!((pending.is_final(), pending.life.epoch), (false, 3));
    let deployment: Deployment = read(DEPLOYMENT);
    assert!(deployment.is_final());
    let failed: Deployment = read(DEPLOYMENT_FAILED);
    assert_eq!(failed.life.error.unwrap().code, "wrong_chain");
}

#[test]
fn a_circuit_from_before_deployments_is_read() {
    let mut circuit: Json = serde_json::from_str(CIRCUIT).unwrap();
    circuit.as_object_mut().unwrap().remove("deployment");
    assert_eq!(serde_json::from_value::<Circuit>(circuit).unwrap().deployment, None);
}

#[test]
fn a_document_that_lacks_a_field_of_its_life_is_refused() {
    for field in ["status", "stage", "attempt", "timings", "created_at", "updated_at", "epoch"] {
        let mut proof: Json = serde_json::from_str(PROOF).unwrap();
        proof.as_object_mut().unwrap().remove(field);
        let error = serde_json::from_value::<ProofRequest>(proof).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn names_are_those_of_the_json() {
    fn check<T: Named>() {
        for one in T::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.as_str());
        }
    }
    check::<CircuitStatus>();
    check::<CircuitStage>();
    check::<ProofStatus>();
    check::<ProofStage>();
    check::<DeploymentStatus>();
    check::<DeploymentStage>();
}

#[test]
fn the_terms_of_a_document_are_its_fields() {
    fn check<D: Document>(text: &str) {
        let document: D = serde_json::from_str(text).unwrap();
        let json = serde_json::to_value(&document).unwrap();
        let terms = document.terms();
        let stored = terms.iter().filter(|term| !D::DERIVED.contains(&term.field));
        for Term { field, value } in stored {
            let found = json.pointer(&format!("/{}", field.replace('.', "/"))).unwrap_or(&Json::Null);
            let expected: Json = match value {
                Value::Text(text) => text.as_str().into(),
                Value::Optional(text) => text.as_deref().into(),
                Value::Moment(moment) => moment.to_string().into(),
            };
            assert_eq!(found, &expected, "{field}");
        }
        let key = document.key().map(|key| key.terms()).unwrap_or_default();
        let filters = D::with_status(document.status()).terms();
        for term in key.iter().chain(&filters) {
            assert!(terms.iter().any(|one| one.field == term.field), "{term:?} is not a term");
        }
    }
    check::<Circuit>(CIRCUIT);
    check::<ProofRequest>(PROOF);
    check::<ProofRequest>(PROOF_PENDING);
    check::<Deployment>(DEPLOYMENT);
    check::<Deployment>(DEPLOYMENT_FAILED);
}

#[test]
fn a_life_notes_times_and_progress_and_ends_once() {
    let at = Timestamp::from_millis;
    let mut proof: ProofRequest = serde_json::from_str(PROOF_PENDING).unwrap();
    proof.begin(3, at(1)).unwrap();
    assert_eq!(
        (proof.life.attempt, proof.life.stage, proof.life.updated_at),
        (3, ProofStage::Witness, at(1))
    );
    proof.advance(ProofStage::Prove, Duration::from_millis(5), at(2)).unwrap();
    assert_eq!(proof.life.progress(), 2.0 / 3.0);
    let failure = Failure { code: "c".to_owned(), message: "m".to_owned() };
    let mut failed = proof.clone();
    failed.fail(failure.clone(), at(3)).unwrap();
    assert_eq!((failed.status(), failed.life.stage), (ProofStatus::Failed, ProofStage::Prove));
    assert_eq!(failed.life.error.as_ref(), Some(&failure));
    assert_eq!(failed.life.timings, [("witness".to_owned(), 5)].into());
    let refused = failed.begin(4, at(4)).unwrap_err().to_string();
    assert_eq!(refused, format!("proof request {} is already failed", failed.id));
    assert!(failed.fail(failure, at(4)).is_err() && failed.cancel(at(4)).is_err());
}

#[test]
fn a_life_keeps_its_latest_attempts_with_codes_only() {
    let at = Timestamp::from_millis;
    let mut proof: ProofRequest = serde_json::from_str(PROOF_PENDING).unwrap();
    assert!(proof.life.attempts.is_empty(), "a document of an earlier version");
    let reason = |code: &str| Failure { code: code.to_owned(), message: "age is 42".to_owned() };
    proof.begin(1, at(10)).unwrap();
    proof.advance(ProofStage::Prove, Duration::from_millis(5), at(15)).unwrap();
    proof.delay(reason("prover_failed"), at(20)).unwrap();
    // The worker of the second one dies, so it has no end.
    proof.begin(2, at(30)).unwrap();
    proof.begin(3, at(40)).unwrap();
    proof.fail(reason("constraint_failed"), at(45)).unwrap();
    let attempt = |number, began_at, ended_at, stage, cause: Option<&str>| Attempt {
        number,
        began_at: at(began_at),
        ended_at: Option::map(ended_at, at),
        stage,
        cause: cause.map(str::to_owned),
    };
    let expected = [
        attempt(1, 10, Some(20), ProofStage::Prove, Some("prover_failed")),
        attempt(2, 30, None, ProofStage::Witness, None),
        attempt(3, 40, Some(45), ProofStage::Witness, Some("constraint_failed")),
    ];
    assert_eq!(proof.life.attempts, expected);
    let attempts = serde_json::to_value(&proof).unwrap()["attempts"].to_string();
    assert!(attempts.contains("prover_failed") && !attempts.contains("42"), "{attempts}");

    let mut often: ProofRequest = serde_json::from_str(PROOF_PENDING).unwrap();
    for number in 1..=11 {
        often.begin(number, at(i64::from(number))).unwrap();
        often.delay(reason("prover_failed"), at(i64::from(number))).unwrap();
    }
    often.cancel(at(99)).unwrap();
    let numbers: Vec<u32> = often.life.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (4..=11).collect::<Vec<_>>());
    assert_eq!(often.life.attempts.len(), KEPT_ATTEMPTS);
    let last = often.life.attempts.last().unwrap();
    assert_eq!((last.ended_at, last.cause.as_deref()), (Some(at(11)), Some("prover_failed")));
}
