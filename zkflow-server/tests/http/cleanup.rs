//! The clean-up of artifacts that no document needs.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::{DeploymentId, JobId, ProofId};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, Generation, PutMode};
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
