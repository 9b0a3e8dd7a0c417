//! The clean-up of artifacts that no document needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde_json::json;
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::FileRole;
use zkflow_core::service::clock::{ManualClock, Timestamp};
use zkflow_core::service::id::{DeploymentId, JobId, ProofId};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, Generation, PutMode};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::{Upload, UploadFile};
use zkflow_server::maintenance::Data;
use zkflow_server::maintenance::clean::{self, Grace};
use zkflow_server::service::uploads;
use zkflow_server::work;

use crate::support::Server;

#[tokio::test]
async fn a_worker_moves_orphans_to_the_trash_and_leaves_what_is_needed_or_unknown() {
    let (server, circuit) =
        Server::idle_with_circuit_and(|config| config.storage.unclaimed_grace_s = 0).await;
    let proof = server.ask_for_proof(&circuit, 42).await;
    let (now, long_ago) = (server.app.now(), Timestamp::from_millis(0));
    let (circuit, gone): (CircuitId, _) =
        (circuit.parse().unwrap(), CircuitId::from_hash(&Digest::of("gone")));
    let file = |circuit: &CircuitId| {
        let generation = Generation { circuit: circuit.clone(), job: JobId::generate(now), attempt: 1 };
        generation.file(FileName::Wasm)
    };
    let contract = |circuit: &CircuitId| ArtifactPath::Contract {
        circuit: circuit.clone(),
        version: Digest::of("version"),
    };
    let contracts = [contract(&gone), contract(&circuit)].map(|path| path.key());
    let orphans = [
        file(&gone),
        file(&circuit),
        ArtifactPath::SealedInputs(ProofId::generate(long_ago)),
        ArtifactPath::SealedSecrets(DeploymentId::generate(long_ago)),
    ]
    .map(|path| path.key());
    let needed = [
        ArtifactPath::SealedInputs(ProofId::generate(now)).key(),
        ArtifactPath::SealedSecrets(DeploymentId::generate(now)).key(),
        format!("circuits/{gone}/a-file-of-another-version").parse().unwrap(),
        "somebody/elses".parse().unwrap(),
    ];
    let all = || orphans.iter().chain(&contracts).chain(&needed);
    for key in all() {
        server.app.store.put(key, Bytes::from_static(b"x"), PutMode::Create).await.unwrap();
    }
    let listed = async || server.app.store.list("").try_collect::<BTreeSet<ArtifactKey>>().await.unwrap();
    let before = listed().await;

    tokio::spawn(work::run(server.app.clone(), &[QueueName::Cleanup]));
    let mut left = listed().await;
    for _ in 0..500 {
        if !orphans.iter().chain(&contracts).any(|key| left.contains(key)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        left = listed().await;
    }
    let in_trash: BTreeSet<&str> = left
        .iter()
        .filter_map(|key| key.as_str().strip_prefix("trash/")?.split_once('/'))
        .map(|it| it.1)
        .collect();
    assert_eq!(in_trash, orphans.iter().map(ArtifactKey::as_str).collect());
    let gone: BTreeSet<_> = before.difference(&left).cloned().collect();
    assert_eq!(gone, orphans.iter().chain(&contracts).cloned().collect());
    assert!(needed.iter().all(|key| left.contains(key)));
    assert!(left.contains(&ArtifactPath::VaultKeyId.key()), "{left:?}");
    assert!(server.has_sealed(&proof).await, "the inputs of a pending request are needed");
    server.app.shutdown.cancel();
}

#[tokio::test]
async fn an_abandoned_upload_is_removed() {
    let server = Server::idle().await;
    let (app, tenant) = (&server.app, TenantId::default());
    let upload = async |path: &str| {
        let path = Some(path.parse().unwrap());
        let file = UploadFile { role: FileRole::Source, path, size: 1, sha256: Digest::of("a") };
        let upload = uploads::create(app, &tenant, vec![file]).await.unwrap();
        uploads::put_part(app, &tenant, &upload.id, (0, 0), b"a".to_vec()).await.unwrap();
        upload
    };
    let (abandoned, imported) = (upload("a.circom").await, upload("b.circom").await);
    let without_session = upload("c.circom").await;
    app.store.delete(&without_session.key()).await.unwrap();
    let asked = json!({"uploadId": imported.id.as_str()});
    assert_eq!(server.post("/v1/circuits/import", &asked).await.status, 202);

    let pass = async |after: Duration| {
        let data = Data { clock: Arc::new(ManualClock::new(app.now() + after)), ..app.data() };
        let grace = Grace { unclaimed: Duration::ZERO, trash: Duration::ZERO };
        clean::pass(&data, grace, true, &mut |_| true).await.unwrap();
    };
    let is_left = async |upload: &Upload| {
        let keys = [upload.key(), upload.part_key(0, 0)];
        [app.store.head(&keys[0]).await.is_ok(), app.store.head(&keys[1]).await.is_ok()]
    };
    pass(Duration::ZERO).await;
    assert_eq!((is_left(&abandoned).await, is_left(&without_session).await), ([true, true], [false, true]));
    pass(app.config.limits.upload_ttl() + Duration::from_secs(1)).await;
    assert_eq!((is_left(&abandoned).await, is_left(&without_session).await), ([false; 2], [false; 2]));
    assert_eq!(is_left(&imported).await, [true, true], "a pending import needs it");
}
