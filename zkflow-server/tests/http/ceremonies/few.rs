//! A ceremony whose deadline passes with fewer contributions than announced.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use futures::TryStreamExt as _;
use serde_json::{Value, json};
use zkflow_core::rng::os_rng;
use zkflow_core::service::catalog::Named as _;

use super::{Hosted, contributed};
use crate::support::{ready_circuit, request};

#[tokio::test(flavor = "multi_thread")]
async fn too_few_contributions_give_no_result_and_the_key_stays_until_the_ceremony_is_deleted() {
    let hosted = Hosted::new().await;
    hosted.contribute("ann").await;
    let key = hosted.present_key().await;
    let (ben, cleo) = (hosted.join().await, hosted.join().await);
    assert_eq!(hosted.turn(&ben).await["state"], "turn");
    let next = contributed(&key, "ben", &mut os_rng());
    hosted.declare(&ben, &next).await.ok();
    assert_eq!(hosted.put_part(&ben, &next).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hosted.turn(&cleo).await, json!({"state": "waiting", "before": 1}));

    // The deadline comes before ben submits, and with it the time of the beacon.
    hosted.passes_the_deadline().await;
    hosted.submit(&ben).await.problem(409, "not_your_turn");
    for value in ["0a", "0b"] {
        let refused = hosted.finish(value).await;
        refused.problem(409, "too_few_contributions");
        assert!(refused.text().contains("1 contributions, announced were at least 2"), "{}", refused.text());
    }
    // Both contributors learn it, and nothing of the upload is left.
    for token in [&ben, &cleo] {
        assert_eq!(hosted.turn(token).await["state"], "closed");
    }
    let join = request(Method::POST, &hosted.path("/join"), Body::empty());
    hosted.server.send(join).await.problem(409, "ceremony_closed");
    for prefix in ["uploads", "upload-parts"] {
        let left: Vec<_> = hosted.server.app.store.list(prefix).try_collect().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }

    // The ceremony has no result, and its key is the one with the only contribution.
    let shown = hosted.server.get(&hosted.path("")).await.ok();
    assert_eq!((&shown["status"], &shown["open"]), (&json!("open"), &json!(false)), "{shown}");
    assert_eq!((&shown["contributionCount"], &shown["result"]), (&json!(1), &Value::Null), "{shown}");
    assert_eq!(hosted.present_key().await, key);
    let record = hosted.server.get(&hosted.path("/files/ceremony.json")).await;
    record.problem(404, "ceremony_file_not_found");
    assert_eq!(hosted.files().await.len(), 3, "the initial and the present key, and the constraints");

    assert_eq!(hosted.server.delete(&hosted.path("")).await.status, StatusCode::NO_CONTENT);
    hosted.server.get(&hosted.path("")).await.problem(404, "ceremony_not_found");
    let asked = request(Method::POST, &hosted.path("/turn"), Body::empty());
    hosted.with_token(&cleo, asked).await.problem(404, "ceremony_not_found");
    assert!(hosted.files().await.is_empty());
    let circuit = hosted.server.get(&format!("/v1/circuits/{}", ready_circuit().await)).await.ok();
    assert_eq!(circuit["status"], "ready", "the circuit of the ceremony stays: {circuit}");
    let log = hosted.server.app.catalog.audit_log().entries(0, 99).await.unwrap();
    let ours = log.iter().filter(|entry| entry.event.subject == hosted.id);
    let actions: Vec<_> = ours.map(|entry| entry.event.action.as_str()).collect();
    assert_eq!(actions, ["ceremony.announce", "ceremony.delete"], "no refused end has an entry");
}
