//! The key that seals private inputs is changed while servers run: nothing that was sealed is lost, and nothing needs the
//! earlier key afterwards.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use zkflow_core::circuit::FileName;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::secret::CircuitInputs;
use zkflow_core::service::catalog::{
    AuditAction, Catalog, Circuit, CircuitFilter, Delivery, Deployment, Document as _, Page, ProofFilter,
    ProofRequest, Sealed, Signer, Stored, Subject,
};
use zkflow_core::service::clock::SystemClock;
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::{DeploymentId, ProofId};
use zkflow_core::service::store::{ArtifactPath, ArtifactStore};
use zkflow_core::service::tenant::TenantId;
use zkflow_server::backends::{KEY_FILE, KeyRing};
use zkflow_server::maintenance::audit::{self, Check, Fault, Sealer};
use zkflow_server::maintenance::manifest::{self, Rebuilt};
use zkflow_server::maintenance::reseal::{self, Progress, ResealError, Resealed};
use zkflow_server::maintenance::{Data, backup, restore};
use zkflow_store::vault::KeyError;
use zkflow_store::vault::sealing::{Sealing, SealingRing};
use zkflow_store::{MemoryStore, SqliteCatalog, Vault, sqlite};

use super::lose_catalog;
use super::mortal::{Life, Mortal};
use super::support::{Installation, data, installation, open, open_again};

const INPUTS: &str = r#"{"age":"31415926535897932384"}"#;
const ADDRESS: &str = "https://receiver.example/path";

async fn run(data: &Data) -> Result<Resealed, ResealError> {
    let mut report = |progress: Progress<'_>| {
        assert!(!matches!(progress, Progress::Left(_)), "{progress:?}");
    };
    reseal::run(data, "command:test", Duration::from_millis(20), &mut report).await
}

fn change_keys(folder: &Path, change: impl FnOnce(&mut KeyRing)) {
    let change = |ring: &mut KeyRing| {
        change(ring);
        Ok::<(), KeyError>(())
    };
    KeyRing::change(&folder.join(KEY_FILE), change).unwrap();
}

/// Removes the only earlier key.
fn forget_older(ring: &mut KeyRing) {
    let older = ring.ids().split_off(1);
    assert_eq!((ring.forget(&older), older.len()), (older.clone(), 1));
}

async fn audit_log(data: &Data) -> Result<u64, Fault> {
    let entries = data.catalog.audit_log().entries(0, 1000).await.unwrap();
    let mut check = Check::sealed_by(Sealer::of(data));
    entries.into_iter().try_for_each(|entry| check.next(entry))?;
    check.finish()?;
    Ok(check.last().map_or(0, |last| last.number))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_while_a_server_makes_proofs() {
    let Installation { folder, circuit, pending, .. } = installation().await.copy();
    let folder = folder.path();
    // The key of the first server alone must not open anything in the end.
    let first = fs::read(folder.join(KEY_FILE)).unwrap();
    change_keys(folder, |ring| ring.renew().unwrap());
    let error = run(&data(folder).await).await.unwrap_err();
    assert!(matches!(error, ResealError::Unclaimed), "{error}");

    let server = open_again(folder).await;
    let (done, ()) = futures::join!(async { run(&data(folder).await).await.unwrap() }, async {
        for _ in 0..5 {
            server.prove(&circuit.id).await;
        }
    });
    assert_eq!((done.files, done.in_work, done.foreign), (2, 0, 0), "{done:?}");
    server.completed(&pending).await;
    drop(server);

    // Everything works without the first key, and nothing works with it alone.
    change_keys(folder, forget_older);
    let later = data(folder).await;
    assert!(later.vault.is_settled().await.unwrap());
    assert_eq!(run(&later).await.unwrap(), Resealed::default(), "the second run repeats the first");
    assert!(audit_log(&later).await.unwrap() > 0);
    let found = later.catalog.circuits().get(&circuit.id).await.unwrap().unwrap();
    for file in [FileName::Setup, FileName::Tape] {
        let (old, new) = (&circuit.artifacts[file.as_str()], &found.artifacts[file.as_str()]);
        assert!(old.key != new.key && old.sha256 != new.sha256);
        assert!(later.store.head(&old.key).await.is_err(), "{} is left", old.key);
        assert_eq!(later.store.head(&new.key).await.unwrap(), *new);
    }
    drop(later);
    open_again(folder).await.prove(&circuit.id).await;
    // The record is accepted: only with it is the circuit added to a new catalog.
    lose_catalog(folder);
    let lost = data(folder).await;
    let mut rebuilt = Vec::new();
    manifest::rebuild(&lost, &mut |_, outcome| rebuilt.push(outcome.clone())).await.unwrap();
    assert_eq!(rebuilt, [Rebuilt::Added]);
    drop(lost);
    let rotated = fs::read(folder.join(KEY_FILE)).unwrap();
    fs::write(folder.join(KEY_FILE), first).unwrap();
    let error = open(folder).await.unwrap_err();
    assert!(error.contains("zkflow vault rotate"), "{error}");
    fs::write(folder.join(KEY_FILE), rotated).unwrap();
    open_again(folder).await.prove(&circuit.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_before_the_change_is_restored_with_both_keys() {
    let Installation { folder, circuit, pending, .. } = installation().await.copy();
    let backups = tempfile::tempdir().unwrap();
    let before = data(folder.path()).await;
    let (index, _) = backup::backup(&before, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    drop(before);

    let empty = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join(KEY_FILE), empty.path().join(KEY_FILE)).unwrap();
    change_keys(empty.path(), |ring| ring.renew().unwrap());
    let restored = data(empty.path()).await;
    restore::restore(&restored, &index, &mut |problem| panic!("{problem}")).await.unwrap();
    assert!(!restored.vault.is_settled().await.unwrap(), "the key of the backup is needed");
    drop(restored);
    let server = open_again(empty.path()).await;
    run(&data(empty.path()).await).await.unwrap();
    drop(server);
    change_keys(empty.path(), forget_older);
    let server = open_again(empty.path()).await;
    server.completed(&pending).await;
    server.prove(&circuit.id).await;
}

/// Documents and artifacts with everything that a vault seals.
struct Scene {
    catalog: Arc<dyn Catalog>,
    store: Arc<MemoryStore>,
    tenant: TenantId,
    small: Vec<ProofRequest>,
    large: Vec<ProofRequest>,
    deployment: Deployment,
    circuit: Circuit,
    delivery: Delivery,
}

fn key(number: u32) -> String {
    Digest::of(format!("key {number}")).to_string()
}

impl Scene {
    /// Everything is sealed with key 0.
    async fn new(catalog: Arc<dyn Catalog>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let data = Self::opened(catalog.clone(), store.clone(), &[0]);
        data.vault.claim().await.unwrap();
        let (vault, now, tenant) = (&data.vault, data.clock.now(), TenantId::default());
        let callback = |subject: Option<Subject>| -> Option<Sealed> {
            Some(vault.enclose_callback(&tenant, &subject?, &SecretString::from(ADDRESS.to_owned())))
        };
        let id = CircuitId::from_hash(&Digest::of("a circuit"));
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for number in 0..6 {
            let keep = Duration::from_secs(3600);
            let mut proof = ProofRequest::new(ProofId::generate(now), id.clone(), None, None, now, keep);
            let inputs = CircuitInputs::from_json(INPUTS.to_owned());
            proof.life.callback = callback(proof.subject());
            if number % 2 == 0 {
                proof.inputs = Some(vault.enclose(&proof, &inputs));
            } else {
                vault.seal(&proof, &inputs).await.unwrap();
            }
            let (proof, _) = catalog.proofs().insert(proof).await.unwrap();
            if number % 2 == 0 { small.push(proof) } else { large.push(proof) }
        }
        let signer = Signer::Request;
        let asked = Asked { chain_id: Some(31_337), signer, own_rpc: false, idempotency: None };
        let mut deployment = Deployment::new(DeploymentId::generate(now), id, asked, now);
        deployment.life.callback = callback(deployment.subject());
        vault.seal_deployment(&deployment, &SecretString::from("secret".to_owned())).await.unwrap();
        let (deployment, _) = catalog.deployments().insert(deployment).await.unwrap();
        let template = "rangeCheck".parse().unwrap();
        let mut circuit = Circuit::new(Digest::of("pending"), template, serde_json::Map::new(), now);
        circuit.life.callback = callback(circuit.subject());
        let (circuit, _) = catalog.circuits().insert(circuit).await.unwrap();
        let delivery = Delivery::owed_by(&circuit, now).unwrap();
        let (delivery, _) = catalog.deliveries().insert(delivery).await.unwrap();
        assert!(vault.seal_webhooks(&tenant, 0, &SecretString::from("hooks".to_owned())).await.unwrap());
        audit::record(&data, &tenant, "key:x", AuditAction::KeyCreate, "x").await.unwrap();
        Self { catalog, store, tenant, small, large, deployment, circuit, delivery }
    }

    /// With these keys, the current one first.
    fn data(&self, keys: &[u32]) -> Data {
        Self::opened(self.catalog.clone(), self.store.clone(), keys)
    }

    /// The same, of a process that ends after the steps of `life`.
    fn mortal(&self, keys: &[u32], life: &Arc<Life>) -> Data {
        let catalog = Mortal { backend: self.catalog.clone(), life: life.clone() };
        let store = Mortal::<dyn ArtifactStore> { backend: self.store.clone(), life: life.clone() };
        Self::opened(Arc::new(catalog), Arc::new(store), keys)
    }

    fn opened(catalog: Arc<dyn Catalog>, store: Arc<dyn ArtifactStore>, keys: &[u32]) -> Data {
        let ring: Vec<_> = keys.iter().map(|number| key(*number)).collect();
        let vault = Vault::new(KeyRing::parse(&ring.join(",")).unwrap(), store.clone());
        Data { catalog, store, clock: Arc::new(SystemClock), vault }
    }

    async fn present<D: Stored>(&self, id: &D::Id) -> D {
        D::collection(&*self.catalog).get(id).await.unwrap().unwrap()
    }

    /// Opens everything with these keys.
    async fn check(&self, keys: &[u32]) {
        let data = self.data(keys);
        data.vault.check().await.unwrap();
        let address = |subject: Option<Subject>, sealed: Option<&Sealed>| {
            let opened = data.vault.disclose_callback(&self.tenant, &subject.unwrap(), sealed.unwrap());
            assert_eq!(opened.unwrap().expose_secret(), ADDRESS);
        };
        for asked in self.small.iter().chain(&self.large) {
            let proof: ProofRequest = self.present(&asked.id).await;
            let inputs = match &proof.inputs {
                Some(sealed) => data.vault.disclose(&proof, sealed).unwrap(),
                None => data.vault.open(&proof).await.unwrap(),
            };
            assert_eq!(inputs.expose(), INPUTS);
            address(proof.subject(), proof.life.callback.as_ref());
        }
        let deployment: Deployment = self.present(&self.deployment.id).await;
        assert_eq!(data.vault.open_deployment(&deployment).await.unwrap().expose_secret(), "secret");
        address(deployment.subject(), deployment.life.callback.as_ref());
        let circuit: Circuit = self.present(&self.circuit.id).await;
        address(circuit.subject(), circuit.life.callback.as_ref());
        let delivery: Delivery = self.present(&self.delivery.id).await;
        address(Some(delivery.subject.clone()), Some(&delivery.address));
        assert_eq!(data.vault.open_webhooks(&self.tenant).await.unwrap().1.expose_secret(), "hooks");
        audit_log(&data).await.unwrap();
    }
}

async fn a_crash_at_any_step_is_continued(catalog: Arc<dyn Catalog>) {
    let scene = Scene::new(catalog).await;
    let mut finished = false;
    let mut number = 0;
    while !finished {
        let both = [number + 1, number];
        let data = scene.data(&both);
        data.vault.claim().await.unwrap();
        let life = Life::new(number);
        finished = life.run(run(&scene.mortal(&both, &life))).await.is_some();
        scene.check(&both).await;
        let done = run(&data).await.unwrap();
        assert!(done.documents <= 9 && done.artifacts <= 4 && done.tenants <= 1, "{done:?}");
        scene.check(&[number + 1]).await;
        assert!(data.vault.is_settled().await.unwrap());
        number += 1;
    }
    assert!(number > 50, "it crashed at {number} places only");
}

async fn writers_at_the_same_time_lose_nothing(catalog: Arc<dyn Catalog>) {
    let scene = Scene::new(catalog).await;
    let data = scene.data(&[1, 0]);
    data.vault.claim().await.unwrap();
    let worker = async {
        // Requests end while they are sealed again: the document first, then its inputs.
        for asked in scene.small.iter().chain(&scene.large) {
            loop {
                let mut proof: ProofRequest = scene.present(&asked.id).await;
                proof.cancel(data.clock.now()).unwrap();
                if scene.catalog.proofs().replace(proof).await.is_ok() {
                    break;
                }
            }
            data.vault.destroy(&asked.id).await.unwrap();
        }
    };
    let requests = async {
        let mut ids = Vec::new();
        for _ in 0..20 {
            let (now, keep) = (data.clock.now(), Duration::from_secs(3600));
            let circuit = scene.circuit.id.clone();
            let proof = ProofRequest::new(ProofId::generate(now), circuit, None, None, now, keep);
            data.vault.seal(&proof, &CircuitInputs::from_json(INPUTS.to_owned())).await.unwrap();
            ids.push(scene.catalog.proofs().insert(proof).await.unwrap().0);
        }
        ids
    };
    let hooks = async {
        for number in 0..20 {
            let text = SecretString::from(format!("hooks {number}"));
            // Of a change and a rotation at the same time, one is repeated.
            loop {
                let (version, _) = data.vault.open_webhooks(&scene.tenant).await.unwrap();
                if data.vault.seal_webhooks(&scene.tenant, version, &text).await.unwrap() {
                    break;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let (done, (), new, ()) = futures::join!(run(&data), worker, requests, hooks);
    done.unwrap();
    let later = scene.data(&[1]);
    later.vault.check().await.unwrap();
    for proof in &new {
        assert_eq!(later.vault.open(proof).await.unwrap().expose(), INPUTS);
    }
    assert_eq!(later.vault.open_webhooks(&scene.tenant).await.unwrap().1.expose_secret(), "hooks 19");
    // Destroyed inputs stay destroyed.
    let mut sealed: Vec<_> = scene.store.list("sealed").try_collect().await.unwrap();
    let mut expected: Vec<_> =
        new.iter().map(|proof| ArtifactPath::SealedInputs(proof.id.clone()).key()).collect();
    sealed.sort();
    expected.sort();
    assert_eq!(sealed, expected);
    let all = scene.catalog.proofs().list(&ProofFilter::default(), &Page::first(99)).await.unwrap();
    assert_eq!(all.iter().filter(|proof| proof.inputs.is_some()).count(), 0);
    assert_eq!(
        scene.catalog.circuits().list(&CircuitFilter::default(), &Page::first(9)).await.unwrap().len(),
        1
    );
    audit_log(&later).await.unwrap();
}

#[tokio::test]
async fn a_log_with_a_fault_is_not_covered() {
    let catalog: Arc<dyn Catalog> = Arc::new(zkflow_store::MemoryCatalog::new());
    let scene = Scene::new(catalog).await;
    // An entry of a stranger: the chain is whole, the seal is of another key.
    let stranger = scene.data(&[7]);
    audit::record(&stranger, &scene.tenant, "key:x", AuditAction::KeyCreate, "forged").await.unwrap();
    let data = scene.data(&[1, 0]);
    data.vault.claim().await.unwrap();
    let error = run(&data).await.unwrap_err();
    assert!(matches!(error, ResealError::Log(_)), "{error}");
    assert!(!data.vault.is_settled().await.unwrap());
    assert_eq!(audit_log(&data).await, Err(Fault::Seal(2)));
}

#[tokio::test]
async fn the_key_of_a_process_that_was_not_restarted_is_still_needed() {
    let scene = Scene::new(Arc::new(zkflow_store::MemoryCatalog::default())).await;
    let (stale, data) = (scene.data(&[0]), scene.data(&[1, 0]));
    data.vault.claim().await.unwrap();
    run(&data).await.unwrap();
    assert!(data.vault.stays_settled(Duration::ZERO).await.unwrap());
    data.vault.repeat_claim().await.unwrap();
    assert!(data.vault.is_settled().await.unwrap(), "the present key is no earlier one");
    let wait = Duration::from_millis(200);
    let (settled, repeated) = futures::join!(data.vault.stays_settled(wait), async {
        tokio::task::yield_now().await;
        stale.vault.repeat_claim().await
    });
    repeated.unwrap();
    assert!(!settled.unwrap(), "the key of a running process is removed");
    run(&data).await.unwrap();
    assert!(data.vault.is_settled().await.unwrap());
}

#[tokio::test]
async fn inputs_under_an_old_key_are_sealed_again_where_only_public_keys_are_set() {
    let scene = Scene::new(Arc::new(zkflow_store::MemoryCatalog::default())).await;
    let ring = SealingRing::generate();
    let public = Sealing::public_only(ring.public_keys().collect()).unwrap();
    let mut data = scene.data(&[1, 0]);
    data.vault = data.vault.with_sealing(public);
    data.vault.claim().await.unwrap();
    let done = run(&data).await.unwrap();
    assert_eq!(done.foreign, 0, "{done:?}");
    // The processes with the private keys open them without the old key.
    let mut worker = scene.data(&[1]);
    worker.vault = worker.vault.with_sealing(Sealing::with_ring(ring));
    for request in scene.small.iter().chain(&scene.large) {
        let request = scene.catalog.proofs().get(&request.id).await.unwrap().unwrap();
        let opened = match &request.inputs {
            Some(sealed) => worker.vault.disclose(&request, sealed).unwrap(),
            None => worker.vault.open(&request).await.unwrap(),
        };
        assert_eq!(opened.expose(), INPUTS);
    }
}

/// A catalog in SQLite, and the folder that it needs.
async fn in_sqlite() -> (tempfile::TempDir, Arc<dyn Catalog>) {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite::open(&folder.path().join("zkflow.db")).await.unwrap();
    (folder, Arc::new(SqliteCatalog::open(database).await.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sqlite_a_crash_at_any_step_is_continued() {
    let (_folder, catalog) = in_sqlite().await;
    a_crash_at_any_step_is_continued(catalog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sqlite_writers_at_the_same_time_lose_nothing() {
    let (_folder, catalog) = in_sqlite().await;
    writers_at_the_same_time_lose_nothing(catalog).await;
}

#[cfg(feature = "mongodb")]
async fn in_mongodb() -> (zkflow_testbed::MongoServer, Arc<dyn Catalog>) {
    let server = zkflow_testbed::MongoServer::start().await;
    let catalog = zkflow_store::MongoCatalog::open(&server.fresh_uri()).await.unwrap();
    (server, Arc::new(catalog))
}

#[cfg(feature = "mongodb")]
#[tokio::test(flavor = "multi_thread")]
async fn with_mongodb_a_crash_at_any_step_is_continued() {
    let (_server, catalog) = in_mongodb().await;
    a_crash_at_any_step_is_continued(catalog).await;
}

#[cfg(feature = "mongodb")]
#[tokio::test(flavor = "multi_thread")]
async fn with_mongodb_writers_at_the_same_time_lose_nothing() {
    let (_server, catalog) = in_mongodb().await;
    writers_at_the_same_time_lose_nothing(catalog).await;
}
