use std::fs;
use std::time::SystemTime;

use futures::TryStreamExt;

use super::*;

fn store() -> (tempfile::TempDir, FsStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    (folder, store)
}

fn key(text: &str) -> ArtifactKey {
    text.parse().unwrap()
}

async fn put(store: &FsStore, text: &str, body: &'static str) {
    store.put(&key(text), Bytes::from_static(body.as_bytes()), PutMode::Create).await.unwrap();
}

#[tokio::test]
async fn any_changed_byte_is_noticed() {
    let (folder, store) = store();
    put(&store, "a/b", "the body").await;
    let path = folder.path().join("a/b@");
    let good = fs::read(&path).unwrap();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(&path, &bad).unwrap();
        let error = store.get(&key("a/b")).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "byte {position}: {error}");
    }
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        let error = store.get(&key("a/b")).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "cut to {length}: {error}");
        let error = store.head(&key("a/b")).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "cut to {length}: {error}");
    }
}

#[tokio::test]
async fn the_bytes_of_a_large_artifact_stay_when_it_is_replaced_and_deleted() {
    let (_folder, store) = store();
    let body: Vec<u8> = (0..2 * crate::local::SMALL + 1).map(|i| (i ^ (i >> 9)) as u8).collect();
    store.put(&key("a/b"), body.clone().into(), PutMode::Create).await.unwrap();
    let read = store.get(&key("a/b")).await.unwrap();
    assert!(read.body == body && read.meta.size == body.len() as u64);
    store.put(&key("a/b"), vec![7; body.len()].into(), PutMode::Overwrite).await.unwrap();
    assert!(read.body == body);
    store.delete(&key("a/b")).await.unwrap();
    assert!(read.body == body);
}

#[tokio::test]
async fn what_a_killed_put_left_is_no_artifact_and_goes_away() {
    let (folder, store) = store();
    put(&store, "kept", "1").await;
    let leftover = folder.path().join(".tmp/put-killed");
    fs::write(&leftover, "half a bo").unwrap();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);

    FsStore::open(folder.path()).unwrap();
    assert!(leftover.exists(), "a recent file may belong to a running put of another process");
    let old = SystemTime::now() - LEFTOVER_AGE;
    fs::File::options().write(true).open(&leftover).unwrap().set_modified(old).unwrap();
    FsStore::open(folder.path()).unwrap();
    assert!(!leftover.exists());
    assert_eq!(store.get(&key("kept")).await.unwrap().body, "1");
}

#[tokio::test]
async fn a_put_leaves_no_temporary_file_also_when_it_fails() {
    let (folder, store) = store();
    put(&store, "a", "1").await;
    store.put(&key("a"), Bytes::new(), PutMode::Create).await.unwrap_err();
    assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn artifacts_survive_reopening() {
    let (folder, store) = store();
    put(&store, "circuits/00/key", "1").await;
    drop(store);
    let store = FsStore::open(folder.path()).unwrap();
    assert_eq!(store.get(&key("circuits/00/key")).await.unwrap().body, "1");
}

#[tokio::test]
async fn deleting_removes_the_folders_it_empties() {
    let (folder, store) = store();
    put(&store, "a/b/c", "1").await;
    put(&store, "a/d", "2").await;
    store.delete(&key("a/b/c")).await.unwrap();
    assert!(!folder.path().join("a/b").exists());
    assert!(folder.path().join("a").exists());
}

#[tokio::test]
async fn puts_and_deletes_in_one_folder_do_not_disturb_each_other() {
    let (_folder, store) = store();
    let rounds = (0..8).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = key(&format!("sealed/deep/{i}"));
            for _ in 0..20 {
                store.put(&key, Bytes::from_static(b"x"), PutMode::Create).await.unwrap();
                store.delete(&key).await.unwrap();
            }
        })
    });
    for task in rounds.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_link_is_not_followed() {
    let (folder, store) = store();
    let outside = tempfile::tempdir().unwrap();
    put(&FsStore::open(outside.path()).unwrap(), "secret", "1").await;
    std::os::unix::fs::symlink(outside.path(), folder.path().join("linked")).unwrap();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
}

#[test]
fn nobody_else_can_read_an_artifact() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, store) = store();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(put(&store, "a", "1"));
    assert_eq!(fs::metadata(folder.path().join("a@")).unwrap().permissions().mode() & 0o077, 0);
}
