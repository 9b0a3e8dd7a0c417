//! Checks of fields, filters and keys that one kind of document has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::sample::{Sample, circuit, user};
use super::{FUTURE, Subject, all, failure, list, moment, read};
use crate::circuit::{ClaimedPart, Part};
use crate::service::catalog::{
    Ceremony, CeremonyFilter, CeremonyKey, CeremonyResult, CeremonyStatus, Circuit, CircuitFilter,
    CircuitStatus, Delivery, DeliveryFilter, DeliveryKey, DeliveryStatus, DeployedContract, Deployment,
    DeploymentFilter, DeploymentKey, DeploymentStatus, Document, FileRole, Given, GivenPowers, Import,
    InputSignal, KeyLabel, Named as _, Page, ProofArtifacts, ProofFilter, ProofKey, ProofRequest,
    ProofStatus, Sealed, StageProgress, Verification,
};
use crate::service::ceremony::{CeremonyCircuit, GivenBeacon, ReceivedContribution};
use crate::service::chain::{Address, SignedTransaction, TransactionHash};
use crate::service::flow::ceremony::Contributor;
use crate::service::id::UploadId;
use crate::service::store::{ArtifactMeta, ArtifactPath};
use crate::service::tenant::TenantId;
use zkflow_circom::compile::Simplification;
use zkflow_circom::inputs::Shape;
use zkflow_groth16::digest::Digest;
use zkflow_groth16::provenance::Provenance;

/// Every field is read back unchanged.
pub(super) async fn a_ready_circuit_survives_as_it_was_written(catalog: Subject) {
    let (mut document, _) = all::<Circuit>(&catalog).insert(Circuit::sample(0)).await.expect("insert");
    let key = "circuits/00/proving_key.zkey".parse().expect("an artifact key");
    let meta = ArtifactMeta { key, size: u64::from(u32::MAX) + 1, sha256: Digest::of("zkey") };
    document.life.status = CircuitStatus::Ready;
    document.artifacts = BTreeMap::from([("proving_key.zkey".to_owned(), meta)]);
    document.deployment = Some(contract());
    let document = all::<Circuit>(&catalog).replace(document).await.expect("replace");
    assert_eq!(read(&catalog, &document).await, document, "a change was read back changed");
}

/// Every field of an import is read back unchanged, and no template lists it.
pub(super) async fn an_imported_circuit_survives_as_it_was_written(catalog: Subject) {
    let shape = Shape::Fields(vec![("x".to_owned(), Shape::Value)]);
    let shape = Shape::Array(usize::from(u16::MAX), Box::new(shape));
    let given = Given {
        files: FileRole::ALL.iter().map(|role| (*role, Digest::of(role.as_str()))).collect(),
        main: Some("a/main.circom".to_owned()),
        compiler: Some("circom 2.2.3 --O2".to_owned()),
        simplification: Simplification::Full,
        powers: GivenPowers::Uploaded,
    };
    let inputs = vec![InputSignal { name: "points".to_owned(), shape, public: true }];
    let claimed = ClaimedPart {
        part: Part::Wasm,
        circom: "2.1.5".to_owned(),
        compilers: vec!["circom 2.2.3".to_owned()],
    };
    let import = Import {
        inputs,
        compiler: Some("circom 2.2.3 --O2".to_owned()),
        claimed: Some(claimed),
        ..Import::new(UploadId::generate(moment(0)), given)
    };
    let circuit = Circuit::imported(import.given.hash(), import, moment(0));
    let (mut document, _) = all::<Circuit>(&catalog).insert(circuit).await.expect("insert");
    document.claimed = Some(Provenance::Ceremony(3));
    let progress = StageProgress { doing: Verification::Key, step: 2, steps: 2, percent: 41 };
    document.verifying(progress, moment(7)).expect("it is pending");
    let document = all::<Circuit>(&catalog).replace(document).await.expect("replace");
    assert_eq!(read(&catalog, &document).await, document, "a change was read back changed");
    let everything = CircuitFilter::default();
    assert_eq!(list::<Circuit>(&catalog, &everything, 9).await, [document]);
    let of_template = CircuitFilter { template: Some("main".parse().expect("a name")), ..everything };
    assert!(list::<Circuit>(&catalog, &of_template, 9).await.is_empty());
}

/// Filters by template and status, alone and together.
pub(super) async fn circuits_are_filtered(catalog: Subject) {
    let (mut failed, pending) = (Circuit::sample(1), Circuit::sample(2));
    failed.fail(failure(), moment(5)).expect("it is pending");
    for circuit in [&failed, &pending] {
        all::<Circuit>(&catalog).insert(circuit.clone()).await.expect("insert");
    }
    let template = failed.origin.template().cloned();
    let status = Some(CircuitStatus::Failed);
    let by = async |template, status| {
        list::<Circuit>(&catalog, &CircuitFilter { template, status, ..CircuitFilter::default() }, 9).await
    };
    assert_eq!(by(template.clone(), None).await, [pending, failed.clone()]);
    assert_eq!(by(None, status).await, std::slice::from_ref(&failed));
    assert_eq!(by(template, status).await, [failed]);
    let other = Some("other".parse().expect("a template name"));
    assert!(by(other.clone(), None).await.is_empty() && by(other, status).await.is_empty());
}

/// Filters by the origin of the keys, which a change of the circuit changes.
pub(super) async fn circuits_are_filtered_by_their_keys(catalog: Subject) {
    let circuits = all::<Circuit>(&catalog);
    let by = async |label| {
        let filter = CircuitFilter { key_label: Some(label), ..CircuitFilter::default() };
        list::<Circuit>(&catalog, &filter, 9).await
    };
    let verified = |provenance| (Some(provenance), None, None);
    let cases = [
        (KeyLabel::Development, verified(Provenance::Development)),
        (KeyLabel::SingleOperator, verified(Provenance::SingleOperator)),
        (KeyLabel::Ceremony, verified(Provenance::Ceremony(3))),
        (KeyLabel::Claimed, (None, Some(Provenance::Ceremony(3)), None)),
        (KeyLabel::Forgeable, (None, None, Some("the secrets are public".to_owned()))),
    ];
    let mut made = Vec::new();
    for (created, (label, keys)) in (0..).zip(cases) {
        let (mut circuit, _) = circuits.insert(Circuit::sample(created)).await.expect("insert");
        assert!(by(label).await.is_empty(), "a circuit without keys has the label {}", label.as_str());
        (circuit.provenance, circuit.claimed, circuit.forgeable) = keys;
        made.push((label, circuits.replace(circuit).await.expect("replace")));
    }
    for (label, circuit) in made {
        assert_eq!(by(label).await, [circuit], "{}", label.as_str());
    }
}

/// The beginning of an id, of a hash or of a name is found, alone, with other conditions, and page by page.
pub(super) async fn circuits_are_searched(catalog: Subject) {
    let given = Given {
        files: BTreeMap::new(),
        main: Some("Age/main.circom".to_owned()),
        compiler: None,
        simplification: Simplification::Full,
        powers: GivenPowers::None,
    };
    let import = Import::new(UploadId::generate(moment(3)), given);
    let imported = Circuit::imported(import.given.hash(), import, moment(3));
    let (one, mut two) = (Circuit::sample(1), Circuit::sample(2));
    two.life.tenant = "two".parse().expect("a tenant");
    for circuit in [&one, &two, &imported] {
        all::<Circuit>(&catalog).insert(circuit.clone()).await.expect("insert");
    }
    let filter = |text: &str| CircuitFilter { search: Some(text.to_owned()), ..CircuitFilter::default() };
    let by = async |text: &str| list::<Circuit>(&catalog, &filter(text), 9).await;
    assert_eq!(by("").await, [imported.clone(), two.clone(), one.clone()]);
    assert_eq!(by("range").await, [two.clone(), one.clone()]);
    assert_eq!(by("RANGEcheck").await, [two.clone(), one.clone()]);
    assert_eq!(by("age/m").await, std::slice::from_ref(&imported));
    assert_eq!(by(one.id.as_str()).await, std::slice::from_ref(&one));
    assert_eq!(by(&one.id.as_str()[..20]).await, std::slice::from_ref(&one));
    assert_eq!(by(&two.circuit_hash.to_string().to_uppercase()).await, std::slice::from_ref(&two));
    for text in ["check", "rangeCheck ", "range%", "range.*", "_", "main.circom", &one.id.as_str()[1..]] {
        assert!(by(text).await.is_empty(), "{text}");
    }
    let of_two = CircuitFilter { tenant: Some(two.life.tenant.clone()), ..filter("range") };
    assert_eq!(list::<Circuit>(&catalog, &of_two, 9).await, std::slice::from_ref(&two));
    let page = Page { after: Some(two.cursor()), ..Page::first(9) };
    let behind = all::<Circuit>(&catalog).list(&filter("range"), &page).await.expect("list");
    assert_eq!(behind, [one], "the page behind a circuit");
}

/// Every field is read back unchanged.
pub(super) async fn a_completed_proof_survives_as_it_was_written(catalog: Subject) {
    let proof = ProofRequest { user_id: Some(user("u")), ..ProofRequest::keyed(1_234, "k") };
    let (mut proof, _) = all::<ProofRequest>(&catalog).insert(proof).await.expect("insert");
    let artifacts = ProofArtifacts {
        proof: json!({"pi_a": ["1", "2", "1"], "protocol": "groth16"}),
        public_signals: vec!["0".to_owned(), "21888242871839275222246405745257275088548364400416".to_owned()],
        proving_key: Digest::of("zkey"),
        prover: "ark".to_owned(),
    };
    proof.complete(artifacts, Duration::ZERO, moment(9_999)).expect("it is pending");
    let proof = all::<ProofRequest>(&catalog).replace(proof).await.expect("replace");
    assert_eq!(read(&catalog, &proof).await, proof, "a change was read back changed");
}

/// An idempotency key is unique for each user.
pub(super) async fn a_user_has_keys_of_their_own(catalog: Subject) {
    let proofs = all::<ProofRequest>(&catalog);
    let of = |name: &str| ProofRequest { user_id: Some(user(name)), ..ProofRequest::keyed(0, "k") };
    let by_key = async |user_id| proofs.by_key(&ProofKey { user_id, ..no_user() }).await.expect("by_key");
    let first = of("ann");
    proofs.insert(first.clone()).await.expect("insert");
    let (stored, added) = proofs.insert(of("ann")).await.expect("insert");
    assert!(!added && stored == first, "a user's idempotency key was added twice");
    assert_eq!(by_key(Some(user("ann"))).await, Some(first), "the request is not found by its key");
    assert_eq!(by_key(Some(user("bob"))).await, None, "the key belongs to ann");
    assert_eq!(by_key(None).await, None, "the key belongs to ann");
    assert!(proofs.insert(of("bob")).await.expect("insert").1, "one user's key blocks another's");
    assert!(
        proofs.insert(ProofRequest::keyed(0, "k")).await.expect("insert").1,
        "a user's key blocks a request without a user"
    );
}

/// The key `k` of the default tenant, without a user.
fn no_user() -> ProofKey {
    ProofKey { tenant: TenantId::default(), user_id: None, key: "k".to_owned() }
}

/// An idempotency key is unique for each tenant, and lists of a tenant contain its requests only.
pub(super) async fn a_tenant_has_keys_and_lists_of_its_own(catalog: Subject) {
    let proofs = all::<ProofRequest>(&catalog);
    let tenant = |name: &str| name.parse::<TenantId>().expect("a tenant");
    let of = |name: &str| {
        let mut proof = ProofRequest { user_id: Some(user("ann")), ..ProofRequest::keyed(0, "k") };
        proof.life.tenant = tenant(name);
        proof
    };
    let key = |name| ProofKey { tenant: tenant(name), user_id: Some(user("ann")), key: "k".to_owned() };
    let (one, other) = (of("one"), of("other"));
    for proof in [&one, &other] {
        assert!(proofs.insert(proof.clone()).await.expect("insert").1, "one tenant's key blocks another's");
    }
    let (stored, added) = proofs.insert(of("one")).await.expect("insert");
    assert!(!added && stored == one, "a tenant's idempotency key was added twice");
    assert_eq!(proofs.by_key(&key("one")).await.expect("by_key"), Some(one.clone()));
    assert_eq!(proofs.by_key(&key("other")).await.expect("by_key"), Some(other));
    assert_eq!(proofs.by_key(&key("default")).await.expect("by_key"), None);
    let of_one = ProofFilter { tenant: Some(tenant("one")), ..ProofFilter::default() };
    assert_eq!(list::<ProofRequest>(&catalog, &of_one, 9).await, [one]);
    let mut circuit = Circuit::sample(1);
    circuit.life.tenant = tenant("one");
    all::<Circuit>(&catalog).insert(circuit.clone()).await.expect("insert");
    all::<Circuit>(&catalog).insert(Circuit::sample(2)).await.expect("insert");
    let of_one = CircuitFilter { tenant: Some(tenant("one")), ..CircuitFilter::default() };
    assert_eq!(list::<Circuit>(&catalog, &of_one, 9).await, [circuit]);
    let mut deployment = Deployment::sample(1);
    deployment.life.tenant = tenant("one");
    all::<Deployment>(&catalog).insert(deployment.clone()).await.expect("insert");
    all::<Deployment>(&catalog).insert(Deployment::sample(2)).await.expect("insert");
    let of_one = DeploymentFilter { tenant: Some(tenant("one")), ..DeploymentFilter::default() };
    assert_eq!(list::<Deployment>(&catalog, &of_one, 9).await, [deployment]);
}

/// All requests without a user count as one user's.
pub(super) async fn requests_without_a_user_share_their_keys(catalog: Subject) {
    let proofs = all::<ProofRequest>(&catalog);
    let first = ProofRequest::keyed(0, "k");
    proofs.insert(first.clone()).await.expect("insert");
    let (stored, added) = proofs.insert(ProofRequest::keyed(0, "k")).await.expect("insert");
    assert!(!added && stored == first, "a key without a user was added twice");
    let key = no_user();
    assert_eq!(proofs.by_key(&key).await.expect("by_key"), Some(first));
}

/// Filters by circuit, user and status, alone and together.
pub(super) async fn proofs_are_filtered(catalog: Subject) {
    let other = circuit("other circuit");
    let ann = ProofRequest { user_id: Some(user("ann")), ..ProofRequest::sample(1) };
    let elsewhere = ProofRequest { circuit_id: other.clone(), ..ProofRequest::sample(2) };
    let mut nobody = ProofRequest::sample(3);
    nobody.cancel(moment(9)).expect("it is pending");
    for proof in [&ann, &elsewhere, &nobody] {
        all::<ProofRequest>(&catalog).insert(proof.clone()).await.expect("insert");
    }
    let by = async |filter: ProofFilter| list::<ProofRequest>(&catalog, &filter, 9).await;
    let every = ProofFilter::default();
    assert_eq!(by(every.clone()).await, [nobody.clone(), elsewhere.clone(), ann.clone()]);
    let status = |status| ProofRequest::with_status(status);
    assert_eq!(by(status(ProofStatus::Pending)).await, [elsewhere.clone(), ann.clone()]);
    assert_eq!(by(status(ProofStatus::Cancelled)).await, [nobody]);
    let by_user = ProofFilter { user_id: Some(user("ann")), ..every.clone() };
    assert_eq!(by(by_user.clone()).await, std::slice::from_ref(&ann));
    let both = ProofFilter { status: Some(ProofStatus::Pending), ..by_user.clone() };
    assert_eq!(by(both).await, [ann]);
    assert_eq!(by(ProofFilter { circuit_id: Some(other.clone()), ..every }).await, [elsewhere]);
    assert!(by(ProofFilter { circuit_id: Some(other), ..by_user }).await.is_empty());
    let code = |code: &str| ProofFilter { error_code: Some(code.to_owned()), ..ProofFilter::default() };
    assert!(by(code(&failure().code)).await.is_empty());
    let mut failed = ProofRequest::sample(4);
    let (failed_before, _) = all::<ProofRequest>(&catalog).insert(failed.clone()).await.expect("insert");
    failed.fail(failure(), moment(9)).expect("it is pending");
    assert_eq!(failed_before.id, failed.id);
    let failed = all::<ProofRequest>(&catalog).replace(failed).await.expect("replace");
    assert_eq!(by(code(&failure().code)).await, [failed]);
    assert!(by(code("")).await.is_empty() && by(code("d")).await.is_empty());
}

/// Requests with `expires_at <= now` are listed, earliest first, at most `limit`.
pub(super) async fn expired_proofs_come_earliest_first(catalog: Subject) {
    let proofs: Vec<_> = [30, 10, 20, 40].map(ProofRequest::sample).into();
    for proof in &proofs {
        all::<ProofRequest>(&catalog).insert(proof.clone()).await.expect("insert");
    }
    let now = proofs[0].expires_at;
    let expired = async |limit| {
        let proofs = catalog.expired_proofs(now, limit).await.expect("expired_proofs");
        proofs.into_iter().map(|proof| proof.life.created_at.as_millis() - FUTURE).collect::<Vec<_>>()
    };
    assert_eq!(expired(9).await, [10, 20, 30], "a request expires at `expires_at`");
    assert_eq!(expired(2).await, [10, 20], "the limit is ignored");
}

/// Every field is read back unchanged after each transition.
pub(super) async fn a_confirmed_deployment_survives_as_it_was_written(catalog: Subject) {
    let deployments = all::<Deployment>(&catalog);
    let mut deployment = Deployment::keyed(1_234, "k");
    deployments.insert(deployment.clone()).await.expect("insert");
    let transaction = SignedTransaction {
        sender: Address([0xa1; 20]),
        nonce: u64::from(u32::MAX) + 1,
        hash: TransactionHash([0xb2; 32]),
        raw: "0x02f8".to_owned(),
    };
    deployment.signed(11_155_111, transaction, moment(9_999)).expect("it is pending");
    let mut deployment = deployments.replace(deployment).await.expect("replace");
    assert_eq!(read(&catalog, &deployment).await, deployment, "a transaction was read back changed");
    deployment.confirm(contract(), Duration::ZERO, moment(9_999)).expect("it is pending");
    let deployment = deployments.replace(deployment).await.expect("replace");
    assert_eq!(read(&catalog, &deployment).await, deployment, "a contract was read back changed");
}

/// An idempotency key is unique for each circuit.
pub(super) async fn a_circuit_has_keys_of_its_own(catalog: Subject) {
    let deployments = all::<Deployment>(&catalog);
    let first = Deployment::keyed(0, "k");
    deployments.insert(first.clone()).await.expect("insert");
    let other = Deployment { circuit_id: circuit("other"), ..Deployment::keyed(5, "k") };
    let key = |circuit_id| DeploymentKey { circuit_id, key: "k".to_owned() };
    let elsewhere = key(circuit("other"));
    assert_eq!(deployments.by_key(&elsewhere).await.expect("by_key"), None, "the key belongs to a circuit");
    assert!(deployments.insert(other.clone()).await.expect("insert").1, "one circuit's key blocks another's");
    assert_eq!(deployments.by_key(&elsewhere).await.expect("by_key"), Some(other));
    let own = key(first.circuit_id.clone());
    assert_eq!(deployments.by_key(&own).await.expect("by_key"), Some(first));
}

/// Filters by circuit and status, alone and together.
pub(super) async fn deployments_are_filtered(catalog: Subject) {
    let elsewhere = Deployment { circuit_id: circuit("other"), ..Deployment::sample(1) };
    let mut failed = Deployment::sample(2);
    failed.fail(failure(), moment(9)).expect("it is pending");
    for deployment in [&elsewhere, &failed] {
        all::<Deployment>(&catalog).insert(deployment.clone()).await.expect("insert");
    }
    let by = async |circuit_id, status| {
        list::<Deployment>(&catalog, &DeploymentFilter { circuit_id, status, tenant: None }, 9).await
    };
    assert_eq!(by(Some(circuit("other")), None).await, std::slice::from_ref(&elsewhere));
    assert_eq!(by(None, Some(DeploymentStatus::Failed)).await, std::slice::from_ref(&failed));
    assert_eq!(by(None, Some(DeploymentStatus::Pending)).await, std::slice::from_ref(&elsewhere));
    assert!(by(Some(circuit("other")), Some(DeploymentStatus::Failed)).await.is_empty());
    assert_eq!(by(Some(circuit("circuit")), Some(DeploymentStatus::Failed)).await, [failed]);
}

/// Every field is read back unchanged after each transition.
pub(super) async fn a_completed_ceremony_survives_as_it_was_written(catalog: Subject) {
    let ceremonies = all::<Ceremony>(&catalog);
    let (mut ceremony, _) = ceremonies.insert(Ceremony::keyed(1_234, "k")).await.expect("insert");
    let meta = |content: &str| {
        let id = ceremony.id.clone();
        let sha256 = Digest::of(content);
        let key = ArtifactPath::CeremonyKey { ceremony: id, key: sha256 }.key();
        ArtifactMeta { key, size: u64::from(u32::MAX) + 1, sha256 }
    };
    let (initial, second, last, record) = (meta("0"), meta("1"), meta("2"), meta("record"));
    let initial_key = CeremonyCircuit {
        r1cs: Digest::of("r1cs"),
        circuit_hash: "00".repeat(64),
        powers: "11".repeat(64),
        powers_origin: "a file".to_owned(),
    };
    ceremony.prepared(initial_key, initial, Duration::ZERO, moment(2_000)).expect("it is pending");
    for name in ["ann", "ben", "cleo"] {
        let caller = (name != "ben").then(|| Digest::of(format!("caller {name}")));
        ceremony.join(Contributor { token: Digest::of(name), caller }, moment(3_000)).expect("it is open");
    }
    assert!(ceremony.take_turn(&Digest::of("ann"), moment(4_000)));
    ceremony.attach(UploadId::generate(moment(4_000)), moment(4_000));
    ceremony.submit(moment(5_000)).expect("ann has the turn");
    let mut ceremony = ceremonies.replace(ceremony).await.expect("replace");
    assert_eq!(read(&catalog, &ceremony).await, ceremony, "places were read back changed");
    let contribution = ReceivedContribution {
        number: 1,
        name: Some("Ann \u{1F600}".to_owned()),
        hash: "ab".repeat(64),
        zkey: second.sha256,
        received_at: moment(5_000),
    };
    ceremony.accept(contribution, second, Duration::ZERO, moment(6_000)).expect("it is submitted");
    assert!(ceremony.take_turn(&Digest::of("ben"), moment(6_000)));
    ceremony.submit(moment(7_000)).expect("ben has the turn");
    ceremony.refuse(failure(), moment(8_000)).expect("it is submitted");
    ceremony.leave(&Digest::of("cleo"), moment(8_500));
    let beacon = GivenBeacon { value: "0a".to_owned(), given_at: moment(9_000) };
    ceremony.end(beacon, moment(9_000)).expect("it is open");
    let mut ceremony = ceremonies.replace(ceremony).await.expect("replace");
    assert_eq!(read(&catalog, &ceremony).await, ceremony, "contributions were read back changed");
    let provenance = Provenance::Ceremony(2);
    let result = CeremonyResult { provenance, record, circuit_id: Some(circuit("result")), problem: None };
    ceremony.complete(last, result, Duration::ZERO, moment(9_999)).expect("it is pending");
    let ceremony = ceremonies.replace(ceremony).await.expect("replace");
    assert_eq!(read(&catalog, &ceremony).await, ceremony, "a result was read back changed");
}

/// Filters by tenant, circuit and status; an idempotency key is unique for each tenant.
pub(super) async fn ceremonies_are_filtered_and_have_keys_by_tenant(catalog: Subject) {
    let ceremonies = all::<Ceremony>(&catalog);
    let tenant = |name: &str| name.parse::<TenantId>().expect("a tenant");
    let of = |name: &str| {
        let mut ceremony = Ceremony::keyed(1, "k");
        ceremony.life.tenant = tenant(name);
        ceremony
    };
    let (one, other) = (of("one"), of("other"));
    let mut failed = Ceremony { circuit_id: circuit("other"), ..Ceremony::sample(2) };
    failed.fail(failure(), moment(9)).expect("it is pending");
    for ceremony in [&one, &other, &failed] {
        assert!(
            ceremonies.insert(ceremony.clone()).await.expect("insert").1,
            "one tenant's key blocks another's"
        );
    }
    assert_eq!(ceremonies.insert(of("one")).await.expect("insert"), (one.clone(), false));
    let key = CeremonyKey { tenant: tenant("other"), key: "k".to_owned() };
    assert_eq!(ceremonies.by_key(&key).await.expect("by_key"), Some(other));
    let by = async |filter: CeremonyFilter| list::<Ceremony>(&catalog, &filter, 9).await;
    let every = CeremonyFilter::default();
    assert_eq!(by(CeremonyFilter { tenant: Some(tenant("one")), ..every.clone() }).await, [one]);
    assert_eq!(
        by(CeremonyFilter { circuit_id: Some(circuit("other")), ..every.clone() }).await,
        [failed.clone()]
    );
    assert_eq!(by(CeremonyFilter { status: Some(CeremonyStatus::Failed), ..every }).await, [failed]);
}

/// A document has one delivery. Lists are by tenant and status.
pub(super) async fn a_delivery_is_found_by_its_subject_and_tenant(catalog: Subject) {
    let deliveries = all::<Delivery>(&catalog);
    let (mut one, other) = (Delivery::keyed(1, "one"), Delivery::keyed(2, "other"));
    one.life.tenant = "one".parse().expect("a tenant");
    for delivery in [&one, &other] {
        deliveries.insert(delivery.clone()).await.expect("insert");
    }
    let key = DeliveryKey { subject: one.subject.clone() };
    assert_eq!(deliveries.by_key(&key).await.expect("by_key"), Some(one.clone()));
    let by = async |tenant, status| list::<Delivery>(&catalog, &DeliveryFilter { tenant, status }, 9).await;
    let tenant = Some(one.life.tenant.clone());
    assert_eq!(by(None, None).await, [other, one.clone()]);
    assert_eq!(by(tenant.clone(), None).await, std::slice::from_ref(&one));
    one.deliver(Duration::ZERO, moment(9)).expect("it is pending");
    let mut one = deliveries.replace(one).await.expect("replace");
    assert!(by(tenant.clone(), Some(DeliveryStatus::Pending)).await.is_empty());
    assert_eq!(by(tenant.clone(), Some(DeliveryStatus::Delivered)).await, std::slice::from_ref(&one));
    one.restart(moment(10));
    let one = deliveries.replace(one).await.expect("replace");
    assert_eq!(by(tenant, Some(DeliveryStatus::Pending)).await, [one]);
}

/// The callback of every kind is read back unchanged.
pub(super) async fn a_callback_survives_as_it_was_written(catalog: Subject) {
    async fn survives<D: Sample>(catalog: &Subject) {
        let mut document = D::sample(1);
        document.life_mut().callback = Some(Sealed(vec![0, 1, 255]));
        let (stored, _) = all::<D>(catalog).insert(document.clone()).await.expect("insert");
        assert_eq!(read(catalog, &stored).await, document, "a callback was read back changed");
    }
    survives::<Circuit>(&catalog).await;
    survives::<ProofRequest>(&catalog).await;
    survives::<Deployment>(&catalog).await;
}

fn contract() -> DeployedContract {
    DeployedContract {
        chain_id: 11_155_111,
        address: Address([0xc3; 20]),
        transaction: Some(TransactionHash([0xb2; 32])),
        block: 7_654_321,
        gas_used: Some(302_579),
        verification_key: Digest::of("vk"),
        compiler: Some("0.8.30+commit.73712a01".to_owned()),
        code: Digest::of("code"),
    }
}
