//! Conformance suite of [`ArtifactStore`].

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt as _, future};

use crate::service::clock::Timestamp;
use crate::service::id::ProofId;
use crate::service::store::{ArtifactKey, ArtifactMeta, ArtifactPath, ArtifactStore, PutMode, StoreError};
use zkflow_groth16::digest::Digest;

/// The store under test.
type Store = Arc<dyn ArtifactStore>;

/// Runs every check, each on a new, empty store from `make`.
///
/// # Panics
/// A check fails.
pub async fn artifact_store<T: ArtifactStore>(make: impl AsyncFn() -> T) {
    let make = async || shared(make().await);
    what_was_put_is_read_back(make().await).await;
    meta_tells_length_and_digest(make().await).await;
    an_empty_body_is_an_artifact(make().await).await;
    a_large_body_survives(make().await).await;
    a_missing_key_is_not_found(make().await).await;
    create_refuses_a_taken_key_and_keeps_what_is_there(make().await).await;
    overwrite_replaces(make().await).await;
    overwrite_creates_what_is_missing(make().await).await;
    one_of_many_creators_wins(make().await).await;
    a_reader_never_sees_half_a_put(make().await).await;
    a_deleted_artifact_is_gone(make().await).await;
    deleting_a_missing_key_is_success(make().await).await;
    a_deleted_key_can_be_created_again(make().await).await;
    a_range_is_read_in_pieces(make().await).await;
    a_moved_artifact_is_under_its_new_key_alone(make().await).await;
    a_move_replaces_and_can_be_repeated(make().await).await;
    a_key_may_be_a_prefix_of_another(make().await).await;
    the_empty_prefix_lists_everything(make().await).await;
    a_prefix_counts_whole_segments(make().await).await;
    a_prefix_that_is_no_path_lists_nothing(make().await).await;
    the_longest_key_is_accepted(make().await).await;
}

/// `get` returns the bytes that were put under the same key.
pub async fn what_was_put_is_read_back(store: Store) {
    put(&store, "circuits/00/a", b"first").await;
    put(&store, "circuits/00/b", b"second").await;
    assert_eq!(
        get(&store, "circuits/00/a").await,
        "first",
        "get returned bytes that differ from the put ones"
    );
    assert_eq!(
        get(&store, "circuits/00/b").await,
        "second",
        "get returned bytes that differ from the put ones"
    );
}

/// `put`, `head` and `get` agree on length and SHA-256.
pub async fn meta_tells_length_and_digest(store: Store) {
    let meta = put(&store, "a/b", b"abc").await;
    let expected = ArtifactMeta { key: key("a/b"), size: 3, sha256: Digest::of("abc") };
    assert_eq!(meta, expected, "put returned wrong meta");
    assert_eq!(store.head(&key("a/b")).await.expect("head"), expected, "head returned wrong meta");
    assert_eq!(store.get(&key("a/b")).await.expect("get").meta, expected, "get returned wrong meta");
}

/// An artifact may have zero bytes.
pub async fn an_empty_body_is_an_artifact(store: Store) {
    let meta = put(&store, "empty", b"").await;
    assert_eq!(meta.size, 0);
    assert_eq!(get(&store, "empty").await, "", "get of an empty artifact returned bytes");
}

/// Several megabytes with every byte value are read back unchanged.
pub async fn a_large_body_survives(store: Store) {
    let body: Vec<u8> = (0..5_000_003_u32).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
    put(&store, "large", &body).await;
    assert!(get(&store, "large").await == body, "a large artifact was changed");
}

/// `get` and `head` of a missing key fail with [`StoreError::NotFound`] and the key.
pub async fn a_missing_key_is_not_found(store: Store) {
    let missing = key("circuits/00/none");
    let error = store.get(&missing).await.expect_err("get of a missing key");
    assert!(matches!(&error, StoreError::NotFound(k) if *k == missing), "get of a missing key: {error}");
    let error = store.head(&missing).await.expect_err("head of a missing key");
    assert!(matches!(&error, StoreError::NotFound(k) if *k == missing), "head of a missing key: {error}");
}

/// [`PutMode::Create`] under a taken key fails with [`StoreError::Exists`] and changes nothing.
pub async fn create_refuses_a_taken_key_and_keeps_what_is_there(store: Store) {
    put(&store, "a", b"old").await;
    let result = store.put(&key("a"), Bytes::from_static(b"new"), PutMode::Create).await;
    let error = result.expect_err("create under a taken key");
    assert!(matches!(&error, StoreError::Exists(k) if *k == key("a")), "create under a taken key: {error}");
    assert_eq!(get(&store, "a").await, "old", "a refused create changed the artifact");
}

/// [`PutMode::Overwrite`] replaces bytes and meta.
pub async fn overwrite_replaces(store: Store) {
    put(&store, "a", b"a longer old body").await;
    let meta = store.put(&key("a"), Bytes::from_static(b"new"), PutMode::Overwrite).await.expect("overwrite");
    assert_eq!(meta.sha256, Digest::of("new"));
    assert_eq!(get(&store, "a").await, "new", "overwrite did not replace the bytes");
    assert_eq!(store.head(&key("a")).await.expect("head"), meta, "overwrite did not replace the meta");
}

/// [`PutMode::Overwrite`] succeeds under a missing key.
pub async fn overwrite_creates_what_is_missing(store: Store) {
    let result = store.put(&key("a"), Bytes::from_static(b"new"), PutMode::Overwrite).await;
    result.expect("overwrite of a missing key");
    assert_eq!(get(&store, "a").await, "new");
}

/// One of many concurrent creates succeeds, and its bytes stay. The others fail with [`StoreError::Exists`].
pub async fn one_of_many_creators_wins(store: Store) {
    let contested = key("a/contested");
    let puts = (0..16).map(|i| store.put(&contested, Bytes::from(format!("creator {i}")), PutMode::Create));
    let results = future::join_all(puts).await;
    let winners: Vec<usize> = (0..16).filter(|i| results[*i].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{} creates under one key succeeded, expected 1", winners.len());
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, StoreError::Exists(_)), "a create that lost failed with {error}");
    }
    let expected = format!("creator {}", winners[0]);
    assert_eq!(
        get(&store, "a/contested").await,
        expected,
        "the stored bytes are not those of the successful create"
    );
}

/// A read during overwrites returns one of the bodies, complete.
pub async fn a_reader_never_sees_half_a_put(store: Store) {
    let bodies: Vec<Bytes> = (0..8_u8).map(|i| Bytes::from(vec![i; 100_000 + usize::from(i)])).collect();
    let contested = key("a/contested");
    store.put(&contested, bodies[0].clone(), PutMode::Overwrite).await.expect("put");
    let writes =
        future::join_all(bodies.iter().map(|body| store.put(&contested, body.clone(), PutMode::Overwrite)));
    let reads = future::join_all((0..16).map(|_| store.get(&contested)));
    let (written, read) = future::join(writes, reads).await;
    written.into_iter().for_each(|result| drop(result.expect("put")));
    for result in read {
        let body = result.expect("get during overwrites").body;
        assert!(bodies.contains(&body), "get returned {} bytes that were never put", body.len());
    }
}

/// A deleted artifact is neither read nor listed.
pub async fn a_deleted_artifact_is_gone(store: Store) {
    put(&store, "a/gone", b"1").await;
    put(&store, "a/kept", b"2").await;
    store.delete(&key("a/gone")).await.expect("delete");
    let result = store.get(&key("a/gone")).await;
    assert!(matches!(result, Err(StoreError::NotFound(_))), "a deleted artifact was read");
    assert_eq!(list(&store, "").await, keys(["a/kept"]), "delete removed too few or too many artifacts");
}

/// `delete` of a missing key succeeds.
pub async fn deleting_a_missing_key_is_success(store: Store) {
    store.delete(&key("a/b/c")).await.expect("delete of a missing key succeeds");
}

/// The key of a deleted artifact is free.
pub async fn a_deleted_key_can_be_created_again(store: Store) {
    put(&store, "a/b", b"old").await;
    store.delete(&key("a/b")).await.expect("delete");
    put(&store, "a/b", b"new").await;
    assert_eq!(get(&store, "a/b").await, "new");
}

/// `stream` returns the bytes of the range, and ends at the end of the artifact.
pub async fn a_range_is_read_in_pieces(store: Store) {
    let body: Vec<u8> = (0..200_003_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    put(&store, "large", &body).await;
    put(&store, "empty", b"").await;
    let read = async |name: &str, range: std::ops::Range<u64>| {
        let pieces = store.stream(&key(name), range).await.expect("stream");
        pieces.try_collect::<Vec<Bytes>>().await.expect("pieces").concat()
    };
    assert!(read("large", 0..u64::MAX).await == body, "the whole artifact");
    assert!(read("large", 0..body.len() as u64).await == body, "the exact range");
    for (start, end) in [(0, 1), (1, 2), (70_000, 140_001), (200_002, 200_003), (5, 5)] {
        assert!(read("large", start..end).await == body[start as usize..end as usize], "{start}..{end}");
    }
    assert!(read("large", 200_000..u64::MAX).await == body[200_000..], "beyond the end");
    assert_eq!(read("large", 300_000..400_000).await, b"", "behind the end");
    assert_eq!(read("empty", 0..u64::MAX).await, b"", "an empty artifact");
    let Err(error) = store.stream(&key("none"), 0..1).await else { panic!("stream of a missing key") };
    assert!(matches!(error, StoreError::NotFound(_)), "stream of a missing key: {error}");
}

/// A moved artifact has the same bytes and digest, and the old key is free.
pub async fn a_moved_artifact_is_under_its_new_key_alone(store: Store) {
    let meta = put(&store, "circuits/00/a", b"bytes").await;
    put(&store, "circuits/00/b", b"other").await;
    store.rename(&key("circuits/00/a"), &key("trash/1/circuits/00/a")).await.expect("rename");
    let moved = store.get(&key("trash/1/circuits/00/a")).await.expect("get");
    assert_eq!((moved.meta.sha256, moved.body.as_ref()), (meta.sha256, &b"bytes"[..]));
    assert_eq!(moved.meta.key, key("trash/1/circuits/00/a"), "the meta has the old key");
    let error = store.get(&key("circuits/00/a")).await.expect_err("get of a moved key");
    assert!(matches!(error, StoreError::NotFound(_)), "get of a moved key: {error}");
    assert_eq!(get(&store, "circuits/00/b").await, "other", "a move changed another artifact");
}

/// A move onto a taken key replaces it. A repeated move succeeds; a move of what never was fails.
pub async fn a_move_replaces_and_can_be_repeated(store: Store) {
    put(&store, "a", b"new").await;
    put(&store, "b", b"old").await;
    for _ in 0..2 {
        store.rename(&key("a"), &key("b")).await.expect("rename");
        assert_eq!(get(&store, "b").await, "new", "the move did not replace");
    }
    let error = store.rename(&key("x"), &key("y")).await.expect_err("rename of a missing key");
    assert!(matches!(error, StoreError::NotFound(_)), "rename of a missing key: {error}");
}

/// `a` and `a/b` are two artifacts, in whichever order they are put.
pub async fn a_key_may_be_a_prefix_of_another(store: Store) {
    put(&store, "a", b"1").await;
    put(&store, "a/b", b"2").await;
    put(&store, "c/d/e", b"3").await;
    put(&store, "c/d", b"4").await;
    assert_eq!(list(&store, "").await, keys(["a", "a/b", "c/d", "c/d/e"]));
    store.delete(&key("c/d")).await.expect("delete");
    assert_eq!(get(&store, "c/d/e").await, "3", "delete removed an artifact below the key");
}

/// `list("")` returns each artifact once.
pub async fn the_empty_prefix_lists_everything(store: Store) {
    assert_eq!(list(&store, "").await, keys([]), "a new store is not empty");
    let sealed = ArtifactPath::SealedInputs(ProofId::generate(Timestamp::from_millis(0))).key();
    put(&store, sealed.as_str(), b"1").await;
    put(&store, "circuits/00/a", b"2").await;
    put(&store, "top", b"3").await;
    assert_eq!(list(&store, "").await, keys([sealed.as_str(), "circuits/00/a", "top"]));
}

/// `circuits/ab` lists `circuits/ab/x`, but neither `circuits/abc/x` nor `circuits/a`.
pub async fn a_prefix_counts_whole_segments(store: Store) {
    for name in ["circuits/ab/x", "circuits/ab/y/z", "circuits/abc/x", "circuits/a", "circuits/ab"] {
        put(&store, name, b"1").await;
    }
    let under = keys(["circuits/ab", "circuits/ab/x", "circuits/ab/y/z"]);
    assert_eq!(list(&store, "circuits/ab").await, under);
    assert_eq!(list(&store, "circuits/ab/x").await, keys(["circuits/ab/x"]));
    assert_eq!(list(&store, "circuit").await, keys([]), "a prefix matched part of a segment");
}

/// A prefix cannot reach outside the store.
pub async fn a_prefix_that_is_no_path_lists_nothing(store: Store) {
    put(&store, "a/b", b"1").await;
    for prefix in ["..", "/", "../a", "a/../a", "a//b", ".", "a/./b"] {
        assert_eq!(list(&store, prefix).await, keys([]), "prefix {prefix:?} listed something");
    }
}

/// A key may have 512 characters, eight segments, and a segment of 128 characters.
pub async fn the_longest_key_is_accepted(store: Store) {
    let longest = ["k".repeat(128), vec!["l".repeat(54); 6].join("/"), "m".repeat(53)].join("/");
    assert_eq!(longest.len(), ArtifactKey::MAX_LENGTH);
    put(&store, &longest, b"deep").await;
    assert_eq!(get(&store, &longest).await, "deep");
    assert_eq!(list(&store, "").await, keys([longest.as_str()]));
}

fn shared(store: impl ArtifactStore) -> Store {
    Arc::new(store)
}

fn key(text: &str) -> ArtifactKey {
    text.parse().expect("keys of the suite are well-formed")
}

fn keys<const N: usize>(texts: [&str; N]) -> BTreeSet<ArtifactKey> {
    texts.into_iter().map(key).collect()
}

async fn put(store: &Store, text: &str, body: &[u8]) -> ArtifactMeta {
    let result = store.put(&key(text), Bytes::copy_from_slice(body), PutMode::Create).await;
    result.unwrap_or_else(|error| panic!("put {text}: {error}"))
}

async fn get(store: &Store, text: &str) -> Bytes {
    store.get(&key(text)).await.unwrap_or_else(|error| panic!("get {text}: {error}")).body
}

async fn list(store: &Store, prefix: &str) -> BTreeSet<ArtifactKey> {
    let listed: Vec<_> = store.list(prefix).collect().await;
    let count = listed.len();
    let keys: BTreeSet<_> = listed
        .into_iter()
        .map(|item| item.unwrap_or_else(|error| panic!("list {prefix:?}: {error}")))
        .collect();
    assert_eq!(keys.len(), count, "list {prefix:?} returned an artifact twice");
    keys
}
