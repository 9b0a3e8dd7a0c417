//! The stored data of a server that was lost, mixed up, damaged, or put back: no key is ever lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod mortal;
mod pieces;
mod rotation;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt as _;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{
    CircuitFilter, CircuitStatus, Document as _, Page, ProofFilter, ProofStatus, Scope,
};
use zkflow_core::service::queue::QueueName;
use zkflow_core::service::store::{ArtifactKey, ArtifactPath, StoreError};
use zkflow_core::service::tenant::TenantId;
use zkflow_server::auth::NewKey;
use zkflow_server::maintenance::clean::{self, Action, Grace, Step};
use zkflow_server::maintenance::manifest::{self, Rebuilt};
use zkflow_server::maintenance::repair::{self, Repaired};
use zkflow_server::maintenance::{Data, backup, binding, restore};

use support::{Installation, damage, data, installation, open, open_again};

/// Digests of all artifacts of circuits and requests, wherever they are.
async fn artifacts(data: &Data) -> BTreeMap<ArtifactKey, Digest> {
    let mut found = BTreeMap::new();
    let mut keys = data.store.list("");
    while let Some(key) = keys.try_next().await.unwrap() {
        if key.as_str().parse::<ArtifactPath>().is_ok_and(|path| path.unit().is_some()) {
            let digest = data.store.head(&key).await.unwrap().sha256;
            found.insert(key, digest);
        }
    }
    found
}

/// The actions of a pass of the clean-up.
async fn clean(data: &Data, unclaimed: Duration, trash: Duration) -> Vec<Action> {
    let mut actions = Vec::new();
    let grace = Grace { unclaimed, trash };
    let mut report = |action: &Action| {
        actions.push(action.clone());
        true
    };
    clean::pass(data, grace, true, &mut report).await.unwrap();
    actions
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_catalog_does_not_start_and_the_catalog_is_made_again() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let before = artifacts(&data(folder.path()).await).await;
    lose_catalog(folder.path());
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.contains("rebuild-catalog"), "{error}");
    let lost = data(folder.path()).await;
    assert_eq!(artifacts(&lost).await, before);

    let mut rebuilt = Vec::new();
    let again =
        manifest::rebuild(&lost, &mut |id, outcome| rebuilt.push((id.clone(), outcome.clone()))).await;
    again.unwrap();
    assert_eq!(rebuilt, [(circuit.id.clone(), Rebuilt::Added)]);
    let found = lost.catalog.circuits().get(&circuit.id).await.unwrap().unwrap();
    assert_eq!(found.artifacts, circuit.artifacts);
    assert_eq!((found.provenance, found.life.status), (circuit.provenance, CircuitStatus::Ready));
    drop(lost);
    open_again(folder.path()).await.prove(&circuit.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_claims_another_label_or_other_files_adds_no_circuit() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let generation = match circuit.artifacts.values().next().unwrap().key.as_str().parse() {
        Ok(ArtifactPath::CircuitFile { generation, .. }) => generation,
        other => panic!("{other:?}"),
    };
    let key = ArtifactPath::Manifest(generation).key();
    let own = data(folder.path()).await.store.get(&key).await.unwrap().body;
    let own = std::str::from_utf8(&own).unwrap();
    let changed = [
        own.replace("\"development\"", "\"single-operator\""),
        own.replace("\"development\"", "{\"ceremony\": 9}"),
        own.replace("\"ready\"", "\"pending\""),
        own.replacen(circuit.id.as_str(), "0123456789abcdef0123456789abcdef", 1),
        own.replace(&circuit.artifacts["circuit.wasm"].sha256.to_string(), &Digest::of("x").to_string()),
        "{".to_owned(),
    ];
    lose_catalog(folder.path());
    for text in changed {
        assert_ne!(text, own);
        let data = data(folder.path()).await;
        data.store.put(&key, text.into(), zkflow_core::service::store::PutMode::Overwrite).await.unwrap();
        let mut refused = 0;
        let mut count = |_: &_, rebuilt: &_| refused += u32::from(matches!(rebuilt, Rebuilt::Refused(_)));
        manifest::rebuild(&data, &mut count).await.unwrap();
        assert_eq!(refused, 1);
        assert_eq!(data.catalog.circuits().get(&circuit.id).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_catalog_of_last_night_nothing_is_lost() {
    let Installation { folder, circuit, old_catalog, .. } = installation().await.copy();
    let now = data(folder.path()).await;
    let before = artifacts(&now).await;
    drop(now);
    let kept = folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    move_catalog(folder.path(), &kept);
    copy_catalog(old_catalog.path(), folder.path());

    // The old catalog belongs to the installation, so the server starts. Its clean-up notes the circuit, and waits.
    drop(open_again(folder.path()).await);
    let old = data(folder.path()).await;
    assert_eq!(old.catalog.circuits().get(&circuit.id).await.unwrap(), None);
    let noted = clean(&old, DAY, DAY).await;
    assert!(!noted.is_empty() && noted.iter().all(|action| action.step == Step::Note), "{noted:?}");
    assert_eq!(clean(&old, DAY, DAY).await, [], "the second pass repeats itself");
    assert_eq!(artifacts(&old).await, before);
    drop(old);

    // The new catalog is put back: the notes go, and everything is as it was.
    lose_catalog(folder.path());
    move_catalog(&kept, folder.path());
    let back = data(folder.path()).await;
    let forgotten = clean(&back, DAY, DAY).await;
    assert!(forgotten.iter().all(|action| action.step == Step::Forget) && forgotten.len() == noted.len());
    assert_eq!(artifacts(&back).await, before);
    drop(back);
    open_again(folder.path()).await.prove(&circuit.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_without_a_document_goes_through_the_trash() {
    let Installation { folder, old_catalog, .. } = installation().await.copy();
    let before = artifacts(&data(folder.path()).await).await;
    lose_catalog(folder.path());
    copy_catalog(old_catalog.path(), folder.path());
    let old = data(folder.path()).await;
    let in_trash = async || old.store.list("trash").try_collect::<Vec<_>>().await.unwrap();

    let noted = clean(&old, DAY, DAY).await.len();
    assert!(noted > 0);
    // Within an hour of their sealing, inputs may still get a request.
    let young = |key: &ArtifactKey| key.is_under("sealed");
    let discarded = clean(&old, Duration::ZERO, DAY).await;
    let moved: Vec<_> = discarded.iter().filter(|action| action.step == Step::Discard).collect();
    assert_eq!(moved.len(), before.keys().filter(|key| !young(key)).count());
    assert_eq!(in_trash().await.len(), moved.len());
    for key in in_trash().await {
        let original: ArtifactKey = key.as_str().splitn(3, '/').nth(2).unwrap().parse().unwrap();
        assert_eq!(old.store.get(&key).await.unwrap().meta.sha256, before[&original]);
    }
    // The note goes when its files are gone: in this pass, or in the next.
    let forgotten = clean(&old, DAY, DAY).await;
    assert!(forgotten.iter().all(|action| action.step == Step::Forget), "{forgotten:?}");
    assert_eq!(old.store.list("unclaimed").try_collect::<Vec<_>>().await.unwrap(), []);
    let deleted = clean(&old, DAY, Duration::ZERO).await;
    assert!(deleted.iter().all(|action| action.step == Step::Delete), "{deleted:?}");
    assert_eq!(in_trash().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_the_clean_up_changes_nothing() {
    let Installation { folder, old_catalog, .. } = installation().await.copy();
    lose_catalog(folder.path());
    copy_catalog(old_catalog.path(), folder.path());
    let old = data(folder.path()).await;
    let all = async || {
        let mut keys: Vec<_> = old.store.list("").try_collect::<Vec<_>>().await.unwrap();
        keys.sort();
        keys
    };
    let before = all().await;
    let mut actions = 0;
    let grace = Grace { unclaimed: Duration::ZERO, trash: Duration::ZERO };
    let mut report = |_: &Action| {
        actions += 1;
        true
    };
    clean::pass(&old, grace, false, &mut report).await.unwrap();
    assert!(actions > 0);
    assert_eq!(all().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_of_another_installation_is_refused_with_both_ids() {
    let (one, other) = (installation().await.copy(), installation().await.copy());
    let present = binding::check(&data(one.folder.path()).await).await.unwrap();
    let same = binding::adopt(&data(one.folder.path()).await).await.unwrap();
    assert_eq!(same, present, "the backups of an installation must stay of use");
    // Another environment, with its own catalog.
    lose_catalog(other.folder.path());
    let adopted = binding::adopt(&data(other.folder.path()).await).await.unwrap();
    let own = binding::check(&data(one.folder.path()).await).await.unwrap();
    let before = artifacts(&data(one.folder.path()).await).await;
    lose_catalog(one.folder.path());
    copy_catalog(other.folder.path(), one.folder.path());
    let error = open(one.folder.path()).await.unwrap_err();
    assert!(error.contains(own.as_str()) && error.contains(adopted.as_str()), "{error}");
    assert!(error.contains("zkflow store adopt"), "{error}");
    assert_eq!(artifacts(&data(one.folder.path()).await).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_or_a_store_that_was_exchanged_before_the_first_circuit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_again(folder.path()).await);
    lose_catalog(folder.path());
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.contains("check MONGODB_URI") && error.contains("rebuild-catalog"), "{error}");
    manifest::rebuild(&data(folder.path()).await, &mut |_, _| ()).await.unwrap();
    drop(open_again(folder.path()).await);

    fs::remove_dir_all(folder.path().join("artifacts")).unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.contains("check S3_BUCKET") && error.contains("zkflow store adopt"), "{error}");
    binding::adopt(&data(folder.path()).await).await.unwrap();
    drop(open_again(folder.path()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_the_files_of_the_catalog_is_refused_until_it_is_restored() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let backups = tempfile::tempdir().unwrap();
    let before = data(folder.path()).await;
    let expected = artifacts(&before).await;
    backup::backup(&before, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    drop(before);
    fs::remove_dir_all(folder.path().join("artifacts")).unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(error.contains("zkflow store repair"), "{error}");

    let emptied = data(folder.path()).await;
    let index = backup::newest(backups.path()).unwrap();
    restore::restore(&emptied, &index, &mut |problem| panic!("{problem}")).await.unwrap();
    assert_eq!(artifacts(&emptied).await, expected);
    drop(emptied);
    open_again(folder.path()).await.prove(&circuit.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_uncharged_while_the_folder_of_the_store_is_away() {
    let Installation { folder, pending, .. } = installation().await.copy();
    let server = open_again(folder.path()).await;
    // Without this, the worker would not know whether its queue is paused, and wait for that.
    assert!(server.app.pauses.paused().await.is_empty());
    let (store, away) = (folder.path().join("artifacts"), folder.path().join("away"));
    fs::rename(&store, &away).unwrap();
    server.work(&[QueueName::ProofGeneration, QueueName::Cleanup]);
    let delayed = server.until(&pending, |proof| proof.life.delayed_by.is_some() || proof.is_final()).await;
    assert_eq!((delayed.life.status, &delayed.life.error), (ProofStatus::Pending, &None));
    assert_eq!(delayed.life.delayed_by.unwrap().code, "artifact_store_unavailable");
    assert!(!store.exists(), "a folder was made in place of the store");
    fs::rename(&away, &store).unwrap();
    assert_eq!(server.completed(&pending).await.life.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_onto_an_empty_machine() {
    let Installation { folder, circuit, pending, .. } = installation().await.copy();
    let backups = tempfile::tempdir().unwrap();
    let original = data(folder.path()).await;
    let new = NewKey {
        name: "test".to_owned(),
        tenant: TenantId::default(),
        scopes: vec![Scope::Verify],
        expires_at: None,
    };
    let (api_key, text) = new.create(&*original.catalog, original.clock.now()).await.unwrap();
    let (_, counts) =
        backup::backup(&original, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    assert_eq!(counts.documents, 4, "a circuit, two proof requests and a key of the API");
    assert!(counts.new_artifacts > 0 && counts.damaged == 0);
    let (index, again) =
        backup::backup(&original, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    assert_eq!(
        (again.new_artifacts, again.artifacts),
        (0, counts.artifacts),
        "the second backup copies again"
    );

    let empty = tempfile::tempdir().unwrap();
    let unable = data(empty.path()).await;
    let error = restore::restore(&unable, &index, &mut |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("ZKFLOW_SECRET_KEY"), "{error}");
    assert_eq!(artifacts(&unable).await, BTreeMap::new());
    drop(unable);
    fs::copy(folder.path().join("secret.key"), empty.path().join("secret.key")).unwrap();
    let restored = data(empty.path()).await;
    for round in 0..2 {
        let done = restore::restore(&restored, &index, &mut |problem| panic!("{problem}")).await.unwrap();
        assert_eq!(done.documents, if round == 0 { 4 } else { 0 }, "a repeated restore adds documents");
    }
    assert_eq!(artifacts(&restored).await, artifacts(&original).await);
    let (circuits, proofs) = (CircuitFilter::default(), ProofFilter::default());
    let page = Page::first(99);
    let of = async |data: &Data| {
        let circuits = data.catalog.circuits().list(&circuits, &page).await.unwrap();
        (circuits, data.catalog.proofs().list(&proofs, &page).await.unwrap())
    };
    assert_eq!(of(&restored).await, of(&original).await);
    assert_eq!(restored.catalog.keys().key(&api_key.id).await.unwrap(), Some(api_key));
    let written = fs::read_to_string(&index).unwrap();
    assert!(!written.contains(&text.expose()["zk_".len()..]), "the backup contains a key of the API");
    drop((restored, original));

    // The request that was pending is completed here.
    let server = open_again(empty.path()).await;
    server.completed(&pending).await;
    server.prove(&circuit.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_or_damaged_backup_is_refused() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let backups = tempfile::tempdir().unwrap();
    let original = data(folder.path()).await;
    let (index, _) = backup::backup(&original, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    let whole = fs::read_to_string(&index).unwrap();

    let empty = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join("secret.key"), empty.path().join("secret.key")).unwrap();
    let restored = data(empty.path()).await;
    let lines: Vec<&str> = whole.lines().collect();
    for (text, why) in [
        (lines[..lines.len() - 1].join("\n"), "incomplete"),
        (lines[1..].join("\n"), "not the index"),
        (whole.replacen("\"format\":1", "\"format\":2", 1), "format 2"),
        (whole.replacen("{\"artifact\"", "{\"artefact\"", 1), "line"),
        (String::new(), "not the index"),
    ] {
        fs::write(&index, text).unwrap();
        let error = restore::restore(&restored, &index, &mut |_| ()).await.unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("jsonl"), "{error}");
    }
    assert_eq!(artifacts(&restored).await, BTreeMap::new());

    // A damaged copy of the key: the circuit is not restored, and the rest is.
    fs::write(&index, whole).unwrap();
    let digest = circuit.artifacts["proving_key.zkey"].sha256.to_string();
    fs::write(backups.path().join("blobs").join(&digest[..2]).join(&digest), "x").unwrap();
    let mut problems = Vec::new();
    restore::restore(&restored, &index, &mut |problem| problems.push(problem.to_owned())).await.unwrap();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("proving_key.zkey")), "{problems:?}");
    assert_eq!(restored.catalog.circuits().get(&circuit.id).await.unwrap(), None);
    assert_eq!(
        restored.catalog.proofs().list(&ProofFilter::default(), &Page::first(9)).await.unwrap().len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_reports_each_file_of_a_circuit_that_the_store_does_not_have() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let (backups, data) = (tempfile::tempdir().unwrap(), data(folder.path()).await);
    let key = &circuit.artifacts["proving_key.zkey"].key;
    data.store.delete(key).await.unwrap();
    let mut problems = Vec::new();
    let mut problem = |error: &StoreError| problems.push(error.to_string());
    let (_, counts) = backup::backup(&data, backups.path(), &mut problem).await.unwrap();
    assert_eq!((counts.damaged, problems), (1, vec![StoreError::NotFound(key.clone()).to_string()]));

    // As a disk that is removed between the documents and the files.
    fs::remove_dir_all(folder.path().join("artifacts").join("circuits")).unwrap();
    let (_, counts) = backup::backup(&data, backups.path(), &mut |_| ()).await.unwrap();
    assert_eq!(counts.damaged, circuit.artifacts.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_damaged_files_of_a_circuit_are_repaired_from_a_backup() {
    let Installation { folder, circuit, .. } = installation().await.copy();
    let backups = tempfile::tempdir().unwrap();
    let original = data(folder.path()).await;
    let expected = artifacts(&original).await;
    backup::backup(&original, backups.path(), &mut |error| panic!("{error}")).await.unwrap();
    let (missing, damaged) = (&circuit.artifacts["proving_key.zkey"], &circuit.artifacts["circuit.wasm"]);
    original.store.delete(&missing.key).await.unwrap();
    damage(folder.path(), &damaged.key);
    for (act, outcome) in [(false, Repaired::Found), (true, Repaired::Restored)] {
        let mut repaired = Vec::new();
        let mut report =
            |meta: &zkflow_core::service::store::ArtifactMeta, done| repaired.push((meta.key.clone(), done));
        let checked = repair::repair(&original, backups.path(), act, &mut report).await.unwrap();
        repaired.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(repaired, [(damaged.key.clone(), outcome), (missing.key.clone(), outcome)]);
        assert_eq!((checked.files, checked.repaired, checked.lost), (circuit.artifacts.len() as u64, 2, 0));
    }
    assert_eq!(artifacts(&original).await, expected);
    original.store.delete(&missing.key).await.unwrap();
    let empty = tempfile::tempdir().unwrap();
    let checked = repair::repair(&original, empty.path(), true, &mut |_, _| ()).await.unwrap();
    let mistyped = empty.path().join("mistyped");
    let error = repair::repair(&original, &mistyped, true, &mut |_, _| ()).await.unwrap_err();
    assert!(error.to_string().contains("mistyped: there is no such folder"), "{error}");
    assert_eq!(checked.lost, 1);
}

const CATALOG: [&str; 3] = ["zkflow.db", "zkflow.db-wal", "zkflow.db-shm"];

fn lose_catalog(folder: &Path) {
    for file in CATALOG {
        let _ = fs::remove_file(folder.join(file));
    }
}

fn move_catalog(from: &Path, to: &Path) {
    copy_catalog(from, to);
    lose_catalog(from);
}

fn copy_catalog(from: &Path, to: &Path) {
    for file in CATALOG {
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}
