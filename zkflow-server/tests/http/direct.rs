//! Uploads whose parts may be sent to the bucket directly.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use zkflow_core::digest::Digest;
use zkflow_core::service::clock::ManualClock;
use zkflow_core::service::store::{ArtifactPath, PutMode};
use zkflow_server::maintenance::clean::{self, Grace};
use zkflow_server::state::App;

use crate::support::Server;

#[tokio::test]
async fn a_deleted_upload_counts_until_its_urls_have_ended() {
    for (seconds, counts) in [(900, true), (0, false)] {
        let server = Server::idle_with(|config| {
            config.storage.s3_bucket = Some("bucket".to_owned());
            config.storage.s3_upload_s = seconds;
            config.limits.tenant_upload_mib = 1;
        })
        .await;
        let clock = Arc::new(ManualClock::new(server.app.now()));
        let server = server.changed(|app| App { clock: clock.clone(), ..app });
        let mebibyte = json!([{"role": "ptau", "size": 1 << 20, "sha256": Digest::of("x")}]);
        let declared = server.declare(mebibyte.clone()).await;
        assert_eq!(declared.status, StatusCode::CREATED, "{}", declared.text());
        let id = declared.json()["uploadId"].as_str().unwrap().to_owned();
        server.declare(mebibyte.clone()).await.problem(429, "too_many_uploads");
        assert_eq!(server.delete(&format!("/v1/uploads/{id}")).await.status, StatusCode::NO_CONTENT);
        server.get(&format!("/v1/uploads/{id}")).await.problem(404, "upload_not_found");
        server.delete(&format!("/v1/uploads/{id}")).await.problem(404, "upload_not_found");
        if counts {
            // As a client with a URL does.
            let part = ArtifactPath::UploadPart { upload: id.parse().unwrap(), file: 0, part: 0 }.key();
            server.app.store.put(&part, "part".into(), PutMode::Create).await.unwrap();
            clock.advance(Duration::from_secs(seconds - 1));
            server.declare(mebibyte.clone()).await.problem(429, "too_many_uploads");
            clock.advance(Duration::from_secs(1));
            let again = server.declare(mebibyte).await;
            assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
            assert!(server.app.store.head(&part).await.is_err(), "the part is left");
        } else {
            assert_eq!(server.declare(mebibyte).await.status, StatusCode::CREATED);
        }
    }
}

#[tokio::test]
async fn the_clean_up_removes_a_closed_upload_when_its_urls_have_ended() {
    let server = Server::idle_with(|config| {
        config.storage.s3_bucket = Some("bucket".to_owned());
        config.storage.s3_upload_s = 7200;
    })
    .await;
    let clock = Arc::new(ManualClock::new(server.app.now()));
    let server = server.changed(|app| App { clock: clock.clone(), ..app });
    let file = json!([{"role": "ptau", "size": 4, "sha256": Digest::of("part")}]);
    let id = server.declare(file).await.json()["uploadId"].as_str().unwrap().to_owned();
    server.delete(&format!("/v1/uploads/{id}")).await;
    let part = ArtifactPath::UploadPart { upload: id.parse().unwrap(), file: 0, part: 0 }.key();
    server.app.store.put(&part, "part".into(), PutMode::Create).await.unwrap();
    let clean = async || {
        let grace = Grace { unclaimed: Duration::ZERO, trash: Duration::ZERO };
        clean::pass(&server.app.data(), grace, true, &mut |_| true).await.unwrap();
        server.app.store.head(&part).await.is_ok()
    };
    clock.advance(Duration::from_secs(7199));
    assert!(clean().await, "a part of a counted upload is removed");
    clock.advance(Duration::from_secs(1));
    assert!(!clean().await, "the part is left");
}
