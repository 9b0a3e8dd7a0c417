use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::stream::{self, StreamExt as _};

use super::*;
use crate::MemoryStore;

/// A far store that counts its gets and its streams.
#[derive(Debug, Default)]
struct Far {
    store: MemoryStore,
    fetched: AtomicUsize,
    streamed: AtomicUsize,
    /// Whether streams are cut off in the middle.
    cut: AtomicBool,
}

#[async_trait]
impl ArtifactStore for Far {
    async fn put(&self, key: &ArtifactKey, body: Bytes, mode: PutMode) -> Result<ArtifactMeta, StoreError> {
        self.store.put(key, body, mode).await
    }

    async fn get(&self, key: &ArtifactKey) -> Result<Artifact, StoreError> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.store.get(key).await
    }

    async fn stream(&self, key: &ArtifactKey, range: Range<u64>) -> Result<Pieces, StoreError> {
        self.streamed.fetch_add(1, Ordering::Relaxed);
        let body = self.store.get(key).await?.body;
        assert_eq!(range, 0..u64::MAX);
        let mut pieces: Vec<_> = body.chunks(70_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        if self.cut.load(Ordering::Relaxed) {
            pieces.truncate(pieces.len() / 2);
            pieces.push(Err(StoreError::backend("reading", std::io::Error::other("cut off"))));
        }
        Ok(stream::iter(pieces).boxed())
    }

    async fn head(&self, key: &ArtifactKey) -> Result<ArtifactMeta, StoreError> {
        self.store.head(key).await
    }

    async fn delete(&self, key: &ArtifactKey) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ArtifactKey, StoreError>> {
        self.store.list(prefix)
    }
}

struct Setup {
    far: Arc<Far>,
    near: CachedStore,
    folder: tempfile::TempDir,
}

fn setup(limit: u64) -> Setup {
    let (far, folder) = (Arc::new(Far::default()), tempfile::tempdir().unwrap());
    let near = CachedStore::open(far.clone(), folder.path(), limit, is_cached).unwrap();
    Setup { far, near, folder }
}

impl Setup {
    /// Reads through a new cache on the same folder, as another process does.
    async fn read(&self, text: &str) -> Bytes {
        let limit = self.near.folder.limit;
        let other = CachedStore::open(self.far.clone(), self.folder.path(), limit, is_cached).unwrap();
        other.get(&key(text)).await.unwrap().body
    }

    fn fetched(&self) -> usize {
        self.far.fetched.load(Ordering::Relaxed)
    }

    fn streamed(&self) -> usize {
        self.far.streamed.load(Ordering::Relaxed)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    }

    async fn put_far(&self, text: &str, body: &[u8]) {
        self.far.put(&key(text), Bytes::copy_from_slice(body), PutMode::Overwrite).await.unwrap();
    }
}

fn is_cached(key: &ArtifactKey) -> bool {
    key.is_under("circuits")
}

fn key(text: &str) -> ArtifactKey {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_artifact_is_fetched_once() {
    let setup = setup(1000);
    setup.put_far("circuits/0/key", b"the key").await;
    for _ in 0..3 {
        assert_eq!(setup.read("circuits/0/key").await, "the key");
    }
    assert_eq!(setup.fetched(), 1);
}

#[tokio::test]
async fn what_was_put_here_is_not_fetched() {
    let setup = setup(1000);
    setup.near.put(&key("circuits/0/key"), Bytes::from_static(b"the key"), PutMode::Create).await.unwrap();
    assert_eq!(setup.read("circuits/0/key").await, "the key");
    assert_eq!(setup.fetched(), 0);
}

#[tokio::test]
async fn a_damaged_file_is_fetched_again() {
    let setup = setup(1000);
    setup.put_far("circuits/0/key", b"the key").await;
    setup.read("circuits/0/key").await;
    let [file] = setup.files().try_into().unwrap();
    for damage in [b"the kez".as_slice(), b"the ke", b"", b"the key and more"] {
        std::fs::write(&file, damage).unwrap();
        let before = setup.fetched();
        assert_eq!(setup.read("circuits/0/key").await, "the key");
        assert_eq!(setup.fetched(), before + 1, "{damage:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"the key");
    }
}

#[tokio::test]
async fn what_was_used_longest_ago_goes_first() {
    let setup = setup(250);
    for name in ["a", "b", "c"] {
        setup.put_far(&format!("circuits/0/{name}"), name.repeat(100).as_bytes()).await;
    }
    setup.read("circuits/0/a").await;
    setup.read("circuits/0/b").await;
    setup.read("circuits/0/a").await;
    setup.read("circuits/0/c").await;
    assert_eq!(setup.files().len(), 2);
    let before = setup.fetched();
    setup.read("circuits/0/a").await;
    setup.read("circuits/0/c").await;
    assert_eq!(setup.fetched(), before);
    setup.read("circuits/0/b").await;
    assert_eq!(setup.fetched(), before + 1);
}

#[tokio::test]
async fn what_is_larger_than_the_cache_is_not_kept() {
    let setup = setup(50);
    setup.put_far("circuits/0/large", &[7; 51]).await;
    assert_eq!(setup.read("circuits/0/large").await.len(), 51);
    assert!(setup.files().is_empty());
}

/// Bytes of an artifact that is not read whole.
fn large() -> Vec<u8> {
    (0..2 * local::SMALL + 1).map(|i| (i ^ (i >> 9)) as u8).collect()
}

#[tokio::test]
async fn a_large_artifact_is_fetched_in_pieces_also_above_the_limit() {
    let body = large();
    for (limit, files, streams) in [(4 * local::SMALL, 1, 1), (local::SMALL, 0, 3)] {
        let setup = setup(limit);
        setup.put_far("circuits/0/key", &body).await;
        let first = setup.read("circuits/0/key").await;
        for _ in 0..2 {
            assert!(setup.read("circuits/0/key").await == body);
        }
        assert_eq!((setup.files().len(), setup.fetched(), setup.streamed()), (files, 0, streams));
        assert_eq!(std::fs::read_dir(setup.folder.path().join(".tmp")).unwrap().count(), 0);
        // The bytes stay when the file is replaced and removed.
        setup.put_far("circuits/0/key", &vec![7; 2 * local::SMALL as usize]).await;
        setup.read("circuits/0/key").await;
        setup.files().iter().for_each(|file| std::fs::remove_file(file).unwrap());
        assert!(first == body);
    }
}

#[tokio::test]
async fn a_transfer_that_is_cut_off_leaves_nothing() {
    let setup = setup(4 * local::SMALL);
    setup.put_far("circuits/0/key", &large()).await;
    setup.far.cut.store(true, Ordering::Relaxed);
    let error = setup.near.get(&key("circuits/0/key")).await.unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error}");
    assert_eq!((setup.files().len(), setup.fetched()), (0, 0));
    setup.far.cut.store(false, Ordering::Relaxed);
    assert!(setup.read("circuits/0/key").await == large());
}

#[tokio::test]
async fn a_large_artifact_is_read_whole_if_the_folder_cannot_be_written() {
    let setup = setup(4 * local::SMALL);
    setup.put_far("circuits/0/key", &large()).await;
    std::fs::remove_dir_all(setup.folder.path()).unwrap();
    let artifact = setup.near.get(&key("circuits/0/key")).await.unwrap();
    assert!(artifact.body == large());
    assert_eq!((setup.fetched(), setup.streamed()), (1, 0));
}

#[tokio::test]
async fn what_is_replaced_or_deleted_far_away_is_so_here() {
    let setup = setup(1000);
    setup.put_far("circuits/0/key", b"old").await;
    setup.read("circuits/0/key").await;
    setup.put_far("circuits/0/key", b"new").await;
    assert_eq!(setup.read("circuits/0/key").await, "new");
    setup.far.delete(&key("circuits/0/key")).await.unwrap();
    assert!(matches!(setup.near.get(&key("circuits/0/key")).await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn what_the_predicate_refuses_is_never_cached() {
    let setup = setup(1000);
    for name in ["sealed/0", "sealed-deployments/0", "vault/key-id", "circuitsx/0"] {
        setup.near.put(&key(name), Bytes::from_static(b"secret"), PutMode::Create).await.unwrap();
        setup.read(name).await;
    }
    assert!(setup.files().is_empty());
}

#[tokio::test]
async fn processes_on_one_folder_do_not_disturb_each_other() {
    let setup = Arc::new(setup(350));
    for i in 0..8 {
        setup.put_far(&format!("circuits/0/{i}"), &[i; 100]).await;
    }
    let tasks = (0..8_u8).map(|start| {
        let setup = setup.clone();
        tokio::spawn(async move {
            for i in (0..40).map(|i| (start + i) % 8) {
                assert_eq!(setup.read(&format!("circuits/0/{i}")).await, [i; 100].as_slice());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    setup.read("circuits/0/0").await;
    let total: u64 = setup.files().iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(total <= 350, "{total}");
}
