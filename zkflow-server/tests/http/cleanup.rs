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
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, PutMode};
use zkflow_server::work;

use crate::support::Server;

#[tokio::test]
async fn orphans_go_and_what_is_needed_or_unknown_stays() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let proof = server.ask_for_proof(&circuit, 42).await;
    let (now, long_ago) = (server.app.now(), Timestamp::from_millis(0));
    let (circuit, gone): (CircuitId, _) =
        (circuit.parse().unwrap(), CircuitId::from_hash(&Digest::of("gone")));
    let file = |circuit: &CircuitId| ArtifactPath::CircuitFile {
        circuit: circuit.clone(),
        job: JobId::generate(now),
        attempt: 1,
        file: FileName::Wasm,
    };
    let contract = |circuit: &CircuitId| ArtifactPath::Contract {
        circuit: circuit.clone(),
        version: Digest::of("version"),
    };
    let orphans = [
        file(&gone),
        file(&circuit),
        contract(&gone),
        contract(&circuit),
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
    for key in orphans.iter().chain(&needed) {
        server.app.store.put(key, Bytes::from_static(b"x"), PutMode::Create).await.unwrap();
    }
    let listed = async || server.app.store.list("").try_collect::<BTreeSet<ArtifactKey>>().await.unwrap();
    let mut expected = listed().await;
    expected.retain(|key| !orphans.contains(key));

    tokio::spawn(work::run(server.app.clone(), &[QueueName::Cleanup]));
    let mut left = listed().await;
    for _ in 0..500 {
        if left == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        left = listed().await;
    }
    assert_eq!(left, expected);
    assert!(needed.iter().all(|key| left.contains(key)));
    assert!(left.contains(&ArtifactPath::VaultKeyId.key()), "{left:?}");
    assert!(server.has_sealed(&proof).await, "the inputs of a pending request are needed");
    server.app.shutdown.cancel();
}
