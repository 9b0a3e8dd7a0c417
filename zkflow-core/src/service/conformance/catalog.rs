//! What every [`Catalog`] promises.

use std::sync::Arc;
use std::time::Duration;

use futures::future;
use serde_json::{Map, json};

use crate::service::catalog::{
    Catalog, CatalogError, Circuit, CircuitFilter, CircuitStatus, Cursor, DeployedContract, Deployment,
    DeploymentFilter, DeploymentStatus, Failure, Idempotency, Page, ProofArtifacts, ProofFilter,
    ProofRequest, ProofStatus, Signer,
};
use crate::service::chain::{Address, SignedTransaction, TransactionHash};
use crate::service::clock::Timestamp;
use crate::service::flow::deployment::Asked;
use crate::service::id::{DeploymentId, ProofId, UserId};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::id::CircuitId;

/// The catalog under test.
type Subject = Arc<dyn Catalog>;

/// Runs every check, each on an empty catalog of its own, which `make` makes.
///
/// # Panics
/// When a promise is broken.
pub async fn catalog<T: Catalog>(make: impl AsyncFn() -> T) {
    let make = async || shared(make().await);
    a_circuit_survives_as_it_was_written(make().await).await;
    a_circuit_hash_is_inserted_once(make().await).await;
    one_of_many_inserts_adds_the_circuit(make().await).await;
    a_missing_document_is_none(make().await).await;
    a_replaced_circuit_has_the_next_epoch(make().await).await;
    a_stale_circuit_is_refused(make().await).await;
    one_of_many_writers_wins(make().await).await;
    a_deleted_circuit_is_gone(make().await).await;
    circuits_are_listed_newest_first(make().await).await;
    circuits_are_filtered(make().await).await;
    circuits_page_without_gap_or_repeat(make().await).await;

    a_proof_survives_as_it_was_written(make().await).await;
    an_idempotency_key_is_inserted_once_per_user(make().await).await;
    requests_without_a_user_share_their_keys(make().await).await;
    requests_without_a_key_are_all_added(make().await).await;
    one_of_many_inserts_adds_the_proof(make().await).await;
    an_idempotency_key_is_free_after_deletion(make().await).await;
    a_stale_proof_is_refused(make().await).await;
    a_deleted_proof_is_gone(make().await).await;
    proofs_are_filtered_and_follow_their_status(make().await).await;
    proofs_page_without_gap_or_repeat(make().await).await;
    expired_proofs_come_earliest_first(make().await).await;

    a_deployment_survives_as_it_was_written(make().await).await;
    an_idempotency_key_deploys_once_per_circuit(make().await).await;
    one_of_many_inserts_adds_the_deployment(make().await).await;
    a_stale_deployment_is_refused(make().await).await;
    deployments_are_filtered_and_page_newest_first(make().await).await;
}

/// Every field comes back.
pub async fn a_circuit_survives_as_it_was_written(catalog: Subject) {
    let mut circuit = sample_circuit(1, 1_000);
    circuit.timings.insert("compile".to_owned(), 12);
    let (stored, added) = catalog.insert_circuit(circuit.clone()).await.expect("insert");
    assert!(added, "a new circuit was not added");
    assert_eq!(stored, circuit, "insert changed the circuit");
    assert_eq!(read_circuit(&catalog, &circuit.id).await, circuit, "it came back changed");
}

/// A second insert returns the first document and writes nothing.
pub async fn a_circuit_hash_is_inserted_once(catalog: Subject) {
    let first = sample_circuit(1, 1_000);
    catalog.insert_circuit(first.clone()).await.expect("insert");
    let (stored, added) = catalog.insert_circuit(sample_circuit(1, 9_000)).await.expect("insert");
    assert!(!added, "a circuit hash was added twice");
    assert_eq!(stored, first, "the second insert did not return the first document");
    assert_eq!(read_circuit(&catalog, &first.id).await, first, "the second insert overwrote the first");
}

/// Concurrent inserts of one circuit add it once and agree on it.
pub async fn one_of_many_inserts_adds_the_circuit(catalog: Subject) {
    let inserts = (0..16).map(|i| catalog.insert_circuit(sample_circuit(1, i)));
    let results: Vec<_> = future::join_all(inserts).await.into_iter().map(|r| r.expect("insert")).collect();
    let added = results.iter().filter(|(_, added)| *added).count();
    assert_eq!(added, 1, "{added} of 16 inserts added the same circuit");
    assert!(results.iter().all(|(c, _)| *c == results[0].0), "the inserts returned different documents");
}

/// Reading what is not there gives nothing; replacing it is stale; deleting it is success.
pub async fn a_missing_document_is_none(catalog: Subject) {
    let (circuit, proof) = (sample_circuit(1, 0), sample_proof(0));
    assert_eq!(catalog.circuit(&circuit.id).await.expect("circuit"), None);
    assert_eq!(catalog.proof(&proof.id).await.expect("proof"), None);
    assert_stale(catalog.replace_circuit(circuit.clone()).await, "replacing a missing circuit");
    assert_stale(catalog.replace_proof(proof.clone()).await, "replacing a missing proof");
    catalog.delete_circuit(&circuit.id).await.expect("deleting a missing circuit is success");
    catalog.delete_proof(&proof.id).await.expect("deleting a missing proof is success");
}

/// `replace_circuit` stores and returns the document with `epoch + 1`.
pub async fn a_replaced_circuit_has_the_next_epoch(catalog: Subject) {
    let (mut circuit, _) = catalog.insert_circuit(sample_circuit(1, 0)).await.expect("insert");
    circuit.fail(failure(), Timestamp::from_millis(5)).expect("a pending circuit can fail");
    let replaced = catalog.replace_circuit(circuit.clone()).await.expect("replace");
    assert_eq!(replaced, Circuit { epoch: circuit.epoch + 1, ..circuit });
    assert_eq!(read_circuit(&catalog, &replaced.id).await, replaced, "what was written is not what is read");
    let again = catalog.replace_circuit(replaced.clone()).await.expect("replace with the returned document");
    assert_eq!(again.epoch, replaced.epoch + 1);
}

/// Writing over a change that was not read fails and writes nothing.
pub async fn a_stale_circuit_is_refused(catalog: Subject) {
    let (old, _) = catalog.insert_circuit(sample_circuit(1, 0)).await.expect("insert");
    let new = catalog.replace_circuit(old.clone()).await.expect("replace");
    assert_stale(catalog.replace_circuit(old).await, "replacing with an old document");
    assert_eq!(read_circuit(&catalog, &new.id).await, new, "a stale write changed the document");
    catalog.delete_circuit(&new.id).await.expect("delete");
    assert_stale(catalog.replace_circuit(new).await, "replacing a removed document");
}

/// Of concurrent writers of one document one wins.
pub async fn one_of_many_writers_wins(catalog: Subject) {
    let (circuit, _) = catalog.insert_circuit(sample_circuit(1, 0)).await.expect("insert");
    let writers = (1..=16).map(|i| catalog.replace_circuit(Circuit { attempt: i, ..circuit.clone() }));
    let results = future::join_all(writers).await;
    let winners: Vec<Circuit> = results
        .into_iter()
        .filter_map(|result| match result {
            Ok(circuit) => Some(circuit),
            Err(CatalogError::Stale(_)) => None,
            Err(error) => panic!("a losing writer got {error}"),
        })
        .collect();
    assert_eq!(winners.len(), 1, "{} of 16 writers of one epoch won", winners.len());
    assert_eq!(read_circuit(&catalog, &circuit.id).await, winners[0], "the winner's document is not there");
}

/// A deleted circuit is neither read nor listed, and can be inserted anew.
pub async fn a_deleted_circuit_is_gone(catalog: Subject) {
    let (circuit, _) = catalog.insert_circuit(sample_circuit(1, 0)).await.expect("insert");
    catalog.delete_circuit(&circuit.id).await.expect("delete");
    assert_eq!(catalog.circuit(&circuit.id).await.expect("circuit"), None);
    let all = catalog.circuits(&CircuitFilter::default(), &Page::first(9)).await.expect("circuits");
    assert!(all.is_empty(), "a deleted circuit is listed");
    assert!(catalog.insert_circuit(circuit).await.expect("insert").1, "its hash is still taken");
}

/// By `created_at`, then id, both descending, no more than `limit`.
pub async fn circuits_are_listed_newest_first(catalog: Subject) {
    let expected = insert_circuits(&catalog).await;
    let listed = catalog.circuits(&CircuitFilter::default(), &Page::first(99)).await.expect("circuits");
    assert_eq!(ids(&listed), ids(&expected), "circuits are not in order");
    let listed = catalog.circuits(&CircuitFilter::default(), &Page::first(2)).await.expect("circuits");
    assert_eq!(ids(&listed), ids(&expected[..2]), "the limit is not kept");
}

/// Template and status, alone and together.
pub async fn circuits_are_filtered(catalog: Subject) {
    let all = insert_circuits(&catalog).await;
    let mut failed = all[0].clone();
    failed.fail(failure(), Timestamp::from_millis(5)).expect("a pending circuit can fail");
    catalog.replace_circuit(failed).await.expect("replace");
    let count = async |filter: CircuitFilter| {
        catalog.circuits(&filter, &Page::first(99)).await.expect("circuits").len()
    };
    let template = Some(all[0].template.clone());
    let status = Some(CircuitStatus::Failed);
    assert_eq!(count(CircuitFilter { template: template.clone(), status: None }).await, all.len());
    assert_eq!(count(CircuitFilter { template: None, status }).await, 1);
    let pending = Some(CircuitStatus::Pending);
    assert_eq!(count(CircuitFilter { template, status: pending }).await, all.len() - 1);
    let other = Some("other".parse().expect("a template name"));
    assert_eq!(count(CircuitFilter { template: other, status: None }).await, 0);
}

/// Pages joined are the list, also where entries share their `created_at`.
pub async fn circuits_page_without_gap_or_repeat(catalog: Subject) {
    let expected = insert_circuits(&catalog).await;
    let mut page = Page::first(2);
    let mut seen = Vec::new();
    loop {
        let part = catalog.circuits(&CircuitFilter::default(), &page).await.expect("circuits");
        let Some(last) = part.last() else { break };
        page.after = Some(Cursor { created_at: last.created_at, id: last.id.to_string() });
        seen.extend(part);
        assert!(seen.len() <= expected.len(), "the pages repeat entries");
    }
    assert_eq!(ids(&seen), ids(&expected), "the pages joined are not the list");
}

/// Every field comes back, before and after a change.
pub async fn a_proof_survives_as_it_was_written(catalog: Subject) {
    let proof = ProofRequest { user_id: Some(user("u")), ..keyed(sample_proof(1_234), "k") };
    let (stored, added) = catalog.insert_proof(proof.clone()).await.expect("insert");
    assert!(added, "a new request was not added");
    assert_eq!(stored, proof, "insert changed the request");
    let mut proof = read_proof(&catalog, &proof.id).await;
    assert_eq!(proof, stored, "it came back changed");
    let artifacts = ProofArtifacts {
        proof: json!({"pi_a": ["1", "2", "1"], "protocol": "groth16"}),
        public_signals: vec!["0".to_owned(), "21888242871839275222246405745257275088548364400416".to_owned()],
        proving_key: Digest::of("zkey"),
        prover: "ark".to_owned(),
    };
    proof.complete(artifacts, Duration::ZERO, Timestamp::from_millis(9_999)).expect("it is pending");
    let replaced = catalog.replace_proof(proof.clone()).await.expect("replace");
    assert_eq!(replaced, ProofRequest { epoch: proof.epoch + 1, ..proof });
    assert_eq!(read_proof(&catalog, &replaced.id).await, replaced, "a change came back changed");
}

/// The second request under a user's key returns the first; another user's key is another.
pub async fn an_idempotency_key_is_inserted_once_per_user(catalog: Subject) {
    let of = |name: &str| ProofRequest { user_id: Some(user(name)), ..keyed(sample_proof(0), "k") };
    let first = of("ann");
    catalog.insert_proof(first.clone()).await.expect("insert");
    let (stored, added) = catalog.insert_proof(of("ann")).await.expect("insert");
    assert!(!added && stored == first, "a user's idempotency key was added twice");
    let (ann, bob) = (user("ann"), user("bob"));
    assert_eq!(catalog.proof_by_key(Some(&ann), "k").await.expect("look up"), Some(first), "it is found");
    assert_eq!(catalog.proof_by_key(Some(&bob), "k").await.expect("look up"), None, "it is ann's");
    assert_eq!(catalog.proof_by_key(None, "k").await.expect("look up"), None, "it is ann's");
    assert!(catalog.insert_proof(of("bob")).await.expect("insert").1, "one user's key blocks another's");
    assert!(catalog.insert_proof(keyed(sample_proof(0), "k")).await.expect("insert").1);
}

/// No user is one user.
pub async fn requests_without_a_user_share_their_keys(catalog: Subject) {
    let first = keyed(sample_proof(0), "k");
    catalog.insert_proof(first.clone()).await.expect("insert");
    let (stored, added) = catalog.insert_proof(keyed(sample_proof(0), "k")).await.expect("insert");
    assert!(!added && stored == first, "a key without a user was added twice");
    assert!(catalog.insert_proof(keyed(sample_proof(0), "K")).await.expect("insert").1, "keys are exact");
}

/// Without a key nothing is a repetition.
pub async fn requests_without_a_key_are_all_added(catalog: Subject) {
    for _ in 0..3 {
        assert!(catalog.insert_proof(sample_proof(0)).await.expect("insert").1);
    }
}

/// Concurrent inserts under one key add one request and agree on it.
pub async fn one_of_many_inserts_adds_the_proof(catalog: Subject) {
    let inserts = (0..16).map(|i| catalog.insert_proof(keyed(sample_proof(i), "k")));
    let results: Vec<_> = future::join_all(inserts).await.into_iter().map(|r| r.expect("insert")).collect();
    let added = results.iter().filter(|(_, added)| *added).count();
    assert_eq!(added, 1, "{added} of 16 inserts under one key were added");
    assert!(results.iter().all(|(p, _)| *p == results[0].0), "the inserts returned different documents");
}

/// Removing a request frees its key.
pub async fn an_idempotency_key_is_free_after_deletion(catalog: Subject) {
    let proof = keyed(sample_proof(0), "k");
    catalog.insert_proof(proof.clone()).await.expect("insert");
    catalog.delete_proof(&proof.id).await.expect("delete");
    assert!(catalog.insert_proof(keyed(sample_proof(0), "k")).await.expect("insert").1);
}

/// Of two writers that read the same request one wins.
pub async fn a_stale_proof_is_refused(catalog: Subject) {
    let (read, _) = catalog.insert_proof(sample_proof(0)).await.expect("insert");
    let mut cancelled = read.clone();
    cancelled.cancel(Timestamp::from_millis(1)).expect("it is pending");
    let cancelled = catalog.replace_proof(cancelled).await.expect("replace");
    assert_stale(catalog.replace_proof(read).await, "replacing with an old document");
    assert_eq!(read_proof(&catalog, &cancelled.id).await, cancelled, "a stale write changed the document");
}

/// A deleted request is neither read, listed nor expired.
pub async fn a_deleted_proof_is_gone(catalog: Subject) {
    let (proof, _) = catalog.insert_proof(sample_proof(0)).await.expect("insert");
    catalog.delete_proof(&proof.id).await.expect("delete");
    assert_eq!(catalog.proof(&proof.id).await.expect("proof"), None);
    let all = catalog.proofs(&ProofFilter::default(), &Page::first(9)).await.expect("proofs");
    assert!(all.is_empty(), "a deleted request is listed");
    let expired = catalog.expired_proofs(Timestamp::from_millis(i64::MAX / 2), 9).await.expect("expired");
    assert!(expired.is_empty(), "a deleted request expires");
}

/// Circuit, user and status, alone and together; a change of status is seen.
pub async fn proofs_are_filtered_and_follow_their_status(catalog: Subject) {
    let other = CircuitId::from_hash(&Digest::of("other circuit"));
    let ann = ProofRequest { user_id: Some(user("ann")), ..sample_proof(1) };
    let elsewhere = ProofRequest { circuit_id: other.clone(), ..sample_proof(2) };
    let nobody = sample_proof(3);
    for proof in [&ann, &elsewhere, &nobody] {
        catalog.insert_proof(proof.clone()).await.expect("insert");
    }
    let mut cancelled = nobody.clone();
    cancelled.cancel(Timestamp::from_millis(9)).expect("it is pending");
    catalog.replace_proof(cancelled).await.expect("replace");
    let listed = async |filter: ProofFilter| {
        let proofs = catalog.proofs(&filter, &Page::first(9)).await.expect("proofs");
        proofs.into_iter().map(|proof| proof.id).collect::<Vec<_>>()
    };
    let every = ProofFilter::default();
    let status = |status| ProofFilter { status: Some(status), ..every.clone() };
    assert_eq!(listed(every.clone()).await, [nobody.id.clone(), elsewhere.id.clone(), ann.id.clone()]);
    assert_eq!(listed(status(ProofStatus::Pending)).await, [elsewhere.id.clone(), ann.id.clone()]);
    assert_eq!(listed(status(ProofStatus::Cancelled)).await, std::slice::from_ref(&nobody.id));
    let by_user = ProofFilter { user_id: Some(user("ann")), ..every.clone() };
    assert_eq!(listed(by_user.clone()).await, std::slice::from_ref(&ann.id));
    assert_eq!(listed(ProofFilter { circuit_id: Some(other.clone()), ..every }).await, [elsewhere.id]);
    assert!(listed(ProofFilter { circuit_id: Some(other), ..by_user }).await.is_empty());
}

/// Pages joined are the list, also where entries share their `created_at`.
pub async fn proofs_page_without_gap_or_repeat(catalog: Subject) {
    let mut expected: Vec<ProofRequest> = (0..9).map(|i| sample_proof(i / 3)).collect();
    for proof in &expected {
        catalog.insert_proof(proof.clone()).await.expect("insert");
    }
    expected.sort_by_key(|proof| std::cmp::Reverse((proof.created_at, proof.id.clone())));
    let mut page = Page::first(2);
    let mut seen = Vec::new();
    loop {
        let part = catalog.proofs(&ProofFilter::default(), &page).await.expect("proofs");
        let Some(last) = part.last() else { break };
        page.after = Some(Cursor { created_at: last.created_at, id: last.id.to_string() });
        seen.extend(part);
        assert!(seen.len() <= expected.len(), "the pages repeat entries");
    }
    assert_eq!(seen, expected, "the pages joined are not the list");
}

/// `expires_at <= now`, the earliest first, at most `limit`.
pub async fn expired_proofs_come_earliest_first(catalog: Subject) {
    let proofs: Vec<_> = [30, 10, 20, 40].map(sample_proof).into();
    for proof in &proofs {
        catalog.insert_proof(proof.clone()).await.expect("insert");
    }
    let now = proofs[0].expires_at;
    let expired = async |limit| {
        let proofs = catalog.expired_proofs(now, limit).await.expect("expired_proofs");
        proofs.into_iter().map(|proof| proof.created_at.as_millis() - FUTURE).collect::<Vec<_>>()
    };
    assert_eq!(expired(9).await, [10, 20, 30], "what expires now has expired");
    assert_eq!(expired(2).await, [10, 20], "the limit is kept");
}

/// Every field comes back, before and after each change.
pub async fn a_deployment_survives_as_it_was_written(catalog: Subject) {
    let mut deployment = keyed_deployment(sample_deployment(1_234), "k");
    let (stored, added) = catalog.insert_deployment(deployment.clone()).await.expect("insert");
    assert!(added && stored == deployment, "insert changed the deployment");
    assert_eq!(read_deployment(&catalog, &deployment.id).await, stored, "it came back changed");
    let now = Timestamp::from_millis(9_999);
    let transaction = SignedTransaction {
        sender: Address([0xa1; 20]),
        nonce: u64::from(u32::MAX) + 1,
        hash: TransactionHash([0xb2; 32]),
        raw: "0x02f8".to_owned(),
    };
    deployment.signed(11_155_111, transaction, now).expect("it is pending");
    let mut deployment = catalog.replace_deployment(deployment).await.expect("replace");
    assert_eq!(read_deployment(&catalog, &deployment.id).await, deployment, "a transaction was changed");
    let contract = DeployedContract {
        chain_id: 11_155_111,
        address: Address([0xc3; 20]),
        transaction: TransactionHash([0xb2; 32]),
        block: 7_654_321,
        gas_used: 302_579,
        verification_key: Digest::of("vk"),
        compiler: "0.8.30+commit.73712a01".to_owned(),
        code: Digest::of("code"),
    };
    deployment.confirm(contract.clone(), Duration::ZERO, now).expect("it is pending");
    let deployment = catalog.replace_deployment(deployment).await.expect("replace");
    assert_eq!(read_deployment(&catalog, &deployment.id).await, deployment, "a contract was changed");

    let (mut circuit, _) = catalog.insert_circuit(sample_circuit(1, 0)).await.expect("insert");
    circuit.deployment = Some(contract);
    let circuit = catalog.replace_circuit(circuit).await.expect("replace");
    assert_eq!(read_circuit(&catalog, &circuit.id).await, circuit, "a circuit lost its contract");
}

/// The second deployment under a circuit's key returns the first; without a key nothing is a repetition.
pub async fn an_idempotency_key_deploys_once_per_circuit(catalog: Subject) {
    let first = keyed_deployment(sample_deployment(0), "k");
    catalog.insert_deployment(first.clone()).await.expect("insert");
    let again = keyed_deployment(sample_deployment(5), "k");
    let (stored, added) = catalog.insert_deployment(again.clone()).await.expect("insert");
    assert!(!added && stored == first, "a circuit's idempotency key was added twice");
    let other = Deployment { circuit_id: CircuitId::from_hash(&Digest::of("other")), ..again };
    assert!(catalog.insert_deployment(other).await.expect("insert").1, "one circuit's key blocks another's");
    for _ in 0..2 {
        assert!(catalog.insert_deployment(sample_deployment(0)).await.expect("insert").1);
    }
    catalog.delete_deployment(&first.id).await.expect("delete");
    catalog.delete_deployment(&first.id).await.expect("deleting a missing deployment is success");
    assert_eq!(catalog.deployment(&first.id).await.expect("deployment"), None);
    let again = keyed_deployment(sample_deployment(0), "k");
    assert!(catalog.insert_deployment(again).await.expect("insert").1, "removing it frees its key");
}

/// Concurrent inserts under one key add one deployment and agree on it.
pub async fn one_of_many_inserts_adds_the_deployment(catalog: Subject) {
    let inserts = (0..16).map(|i| catalog.insert_deployment(keyed_deployment(sample_deployment(i), "k")));
    let results: Vec<_> = future::join_all(inserts).await.into_iter().map(|r| r.expect("insert")).collect();
    let added = results.iter().filter(|(_, added)| *added).count();
    assert_eq!(added, 1, "{added} of 16 inserts under one key were added");
    assert!(results.iter().all(|(d, _)| *d == results[0].0), "the inserts returned different documents");
}

/// Of two writers that read the same deployment one wins.
pub async fn a_stale_deployment_is_refused(catalog: Subject) {
    let missing = sample_deployment(0);
    assert_stale(catalog.replace_deployment(missing).await, "replacing a missing deployment");
    let (read, _) = catalog.insert_deployment(sample_deployment(0)).await.expect("insert");
    let writers = (1..=16).map(|i| catalog.replace_deployment(Deployment { attempt: i, ..read.clone() }));
    let results = future::join_all(writers).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one of 16 writers wins");
    for result in results.into_iter().filter(Result::is_err) {
        assert_stale(result, "writing what was read before");
    }
}

/// Circuit and status, alone and together; pages joined are the list.
pub async fn deployments_are_filtered_and_page_newest_first(catalog: Subject) {
    let mut all: Vec<Deployment> = (0..7).map(|i| sample_deployment(i / 3)).collect();
    let other = CircuitId::from_hash(&Digest::of("other"));
    all[0].circuit_id = other.clone();
    for deployment in &mut all {
        catalog.insert_deployment(deployment.clone()).await.expect("insert");
    }
    all[1].fail(failure(), Timestamp::from_millis(9)).expect("it is pending");
    all[1] = catalog.replace_deployment(all[1].clone()).await.expect("replace");
    all.sort_by_key(|deployment| std::cmp::Reverse((deployment.created_at, deployment.id.clone())));

    let mut page = Page::first(2);
    let mut seen = Vec::new();
    loop {
        let part = catalog.deployments(&DeploymentFilter::default(), &page).await.expect("deployments");
        let Some(last) = part.last() else { break };
        page.after = Some(Cursor { created_at: last.created_at, id: last.id.to_string() });
        seen.extend(part);
        assert!(seen.len() <= all.len(), "the pages repeat entries");
    }
    assert_eq!(seen, all, "the pages joined are not the list");
    let count = async |circuit_id: Option<&CircuitId>, status: Option<DeploymentStatus>| {
        let filter = DeploymentFilter { circuit_id: circuit_id.cloned(), status };
        catalog.deployments(&filter, &Page::first(9)).await.expect("deployments").len()
    };
    assert_eq!(count(Some(&other), None).await, 1);
    assert_eq!(count(None, Some(DeploymentStatus::Failed)).await, 1);
    assert_eq!(count(None, Some(DeploymentStatus::Pending)).await, 6);
    assert_eq!(count(Some(&other), Some(DeploymentStatus::Failed)).await, 0);
}

fn shared(catalog: impl Catalog) -> Subject {
    Arc::new(catalog)
}

fn sample_circuit(number: u32, created: i64) -> Circuit {
    let mut params = Map::new();
    params.insert("max".to_owned(), json!("340282366920938463463374607431768211455"));
    params.insert("bits".to_owned(), json!([1, 2, number]));
    let template = "rangeCheck".parse().expect("a template name");
    let hash = Digest::of(format!("circuit {number}"));
    Circuit::new(hash, template, params, Timestamp::from_millis(created))
}

/// The year 2100: a backend that removes what has expired by itself finds nothing to remove.
const FUTURE: i64 = 4_102_444_800_000;

/// Created `created` milliseconds after the year 2100 began; expires a minute later.
fn sample_proof(created: i64) -> ProofRequest {
    let created = Timestamp::from_millis(FUTURE + created);
    let circuit = CircuitId::from_hash(&Digest::of("circuit"));
    let keep = Duration::from_secs(60);
    ProofRequest::new(ProofId::generate(created), circuit, None, None, created, keep)
}

fn sample_deployment(created: i64) -> Deployment {
    let created = Timestamp::from_millis(created);
    let circuit = CircuitId::from_hash(&Digest::of("circuit"));
    let signer = Signer::Named("treasury".to_owned());
    let asked = Asked { chain_id: Some(31_337), signer, own_rpc: false, idempotency: None };
    Deployment::new(DeploymentId::generate(created), circuit, asked, created)
}

fn keyed_deployment(deployment: Deployment, key: &str) -> Deployment {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: "f".to_owned() };
    Deployment { idempotency: Some(idempotency), ..deployment }
}

fn keyed(proof: ProofRequest, key: &str) -> ProofRequest {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: "f".to_owned() };
    ProofRequest { idempotency: Some(idempotency), ..proof }
}

fn user(name: &str) -> UserId {
    name.parse().expect("a user id")
}

fn failure() -> Failure {
    Failure { code: "compile_failed".to_owned(), message: "It's \"over\" \u{1F4A5}".to_owned() }
}

/// Inserts circuits, some created at the same moment; returns them in the order of the list.
async fn insert_circuits(catalog: &Subject) -> Vec<Circuit> {
    let mut circuits: Vec<_> = (0..7).map(|i| sample_circuit(i, i64::from(i) / 3)).collect();
    for circuit in &circuits {
        catalog.insert_circuit(circuit.clone()).await.expect("insert");
    }
    circuits.sort_by_key(|circuit| std::cmp::Reverse((circuit.created_at, circuit.id.clone())));
    circuits
}

fn ids(circuits: &[Circuit]) -> Vec<&str> {
    circuits.iter().map(|circuit| circuit.id.as_str()).collect()
}

async fn read_circuit(catalog: &Subject, id: &CircuitId) -> Circuit {
    catalog.circuit(id).await.expect("circuit").unwrap_or_else(|| panic!("circuit {id} is not there"))
}

async fn read_proof(catalog: &Subject, id: &ProofId) -> ProofRequest {
    catalog.proof(id).await.expect("proof").unwrap_or_else(|| panic!("proof {id} is not there"))
}

async fn read_deployment(catalog: &Subject, id: &DeploymentId) -> Deployment {
    catalog
        .deployment(id)
        .await
        .expect("deployment")
        .unwrap_or_else(|| panic!("deployment {id} is not there"))
}

fn assert_stale<T: std::fmt::Debug>(result: Result<T, CatalogError>, what: &str) {
    assert!(matches!(result, Err(CatalogError::Stale(_))), "{what} gave {result:?} and not Stale");
}
