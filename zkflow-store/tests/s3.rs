//! Artifacts in S3, beyond the contract of the trait.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use zkflow_core::digest::Digest;
use zkflow_core::service::store::{ArtifactKey, ArtifactStore, PutMode, StoreError};
use zkflow_store::{S3Settings, S3Store};
use zkflow_testbed::{Conditions, S3Server};

use common::{credentials, open_bucket, settings};

fn key(text: &str) -> ArtifactKey {
    text.parse().unwrap()
}

/// 11 MiB: three parts, the last of them short.
fn large(seed: u8) -> Bytes {
    (0..11 * 1024 * 1024_u32).map(|i| (i ^ (i >> 9)) as u8 ^ seed).collect()
}

#[tokio::test]
async fn a_large_artifact_travels_in_parts() {
    let server = S3Server::start().await;
    let store = open_bucket(&server, server.endpoint()).await.unwrap();
    let (key, body) = (key("circuits/0/proving_key.zkey"), large(0));
    let meta = store.put(&key, body.clone(), PutMode::Create).await.unwrap();
    assert_eq!((meta.size, meta.sha256), (body.len() as u64, Digest::of(&body)));
    assert_eq!(store.head(&key).await.unwrap(), meta);
    assert!(store.get(&key).await.unwrap().body == body);
    let again = store.put(&key, large(1), PutMode::Create).await;
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    assert!(store.get(&key).await.unwrap().body == body, "a refused create changed the artifact");
    store.put(&key, large(1), PutMode::Overwrite).await.unwrap();
    assert!(store.get(&key).await.unwrap().body == large(1));
}

#[tokio::test]
async fn one_of_many_creators_of_a_large_artifact_wins() {
    one_creator_wins(S3Server::start().await).await;
}

#[tokio::test]
async fn one_of_many_creators_wins_although_uploads_in_parts_ignore_conditions() {
    one_creator_wins(S3Server::start_with(Conditions::IgnoredInParts).await).await;
}

#[tokio::test]
async fn a_server_that_ignores_conditions_is_refused() {
    let server = S3Server::start_with(Conditions::Ignored).await;
    let error = open_bucket(&server, server.endpoint()).await.unwrap_err();
    assert!(error.to_string().contains("the server ignores If-None-Match"), "{error}");
}

async fn one_creator_wins(server: S3Server) {
    let store = open_bucket(&server, server.endpoint()).await.unwrap();
    let key = key("circuits/0/proving_key.zkey");
    let results = join_all((0..4).map(|i| store.put(&key, large(i), PutMode::Create))).await;
    let winners: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(store.get(&key).await.unwrap().body == large(winners[0].0 as u8));
    assert!(results.iter().filter_map(|r| r.as_ref().err()).all(|e| matches!(e, StoreError::Exists(_))));
}

#[tokio::test]
async fn bytes_that_others_changed_are_noticed() {
    let server = S3Server::start_own().await;
    let settings = settings(&server, server.endpoint());
    let prefix = settings.prefix.clone();
    let store = S3Store::open(settings).await.unwrap();
    store.put(&key("a"), Bytes::from_static(b"the body"), PutMode::Create).await.unwrap();
    let client = server.client();
    let put = |body: &'static [u8], digest: Option<Digest>| {
        let call =
            client.put_object().bucket(server.bucket()).key(format!("{prefix}/a")).body(body.to_vec().into());
        let call = match digest {
            Some(digest) => call.metadata("sha256", digest.to_string()),
            None => call,
        };
        async move { call.send().await.unwrap() }
    };
    put(b"the bodz", Some(Digest::of("the body"))).await;
    assert!(matches!(store.get(&key("a")).await, Err(StoreError::Corrupt { .. })));
    put(b"the body", None).await;
    assert!(matches!(store.get(&key("a")).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.head(&key("a")).await, Err(StoreError::Corrupt { .. })));
    put(b"the body", Some(Digest::of("the body"))).await;
    assert_eq!(store.get(&key("a")).await.unwrap().body, "the body");
}

#[tokio::test]
async fn whoever_holds_a_signed_address_can_download() {
    let server = S3Server::start().await;
    let store = open_bucket(&server, server.endpoint()).await.unwrap();
    store.put(&key("circuits/0/key"), Bytes::from_static(b"the key"), PutMode::Create).await.unwrap();
    let url = store.download_url(&key("circuits/0/key"), Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(url.starts_with(server.endpoint()), "{url}");
    assert_eq!(zkflow_testbed::download(&url).await, (200, b"the key".to_vec()));
    let unsigned = url.split('?').next().unwrap();
    assert_eq!(zkflow_testbed::download(unsigned).await.0, 403);
    let forged = url.replace("circuits/0/key", "circuits/0/other");
    assert_eq!(zkflow_testbed::download(&forged).await.0, 403);
}

#[tokio::test]
async fn a_signed_upload_stores_one_artifact_of_the_announced_length() {
    let server = S3Server::start().await;
    let store = open_bucket(&server, server.endpoint()).await.unwrap();
    let (own, body) = (key("upload-parts/0/0-0"), large(3));
    let signed = async |sha256: &Digest| {
        let size = body.len() as u64;
        store.upload_url(&own, size, sha256, Duration::from_secs(60)).await.unwrap().unwrap()
    };
    let put = signed(&Digest::of(&body)).await;
    assert!(put.url.starts_with(server.endpoint()), "{put:?}");
    assert_eq!(zkflow_testbed::upload(&put.url, &put.headers, body.to_vec()).await, 200);
    assert!(store.get(&own).await.unwrap().body == body);

    // Another length, another place, another digest in the header, no header, no signature.
    for length in [body.len() - 1, body.len() + 1] {
        let mut other = body.to_vec();
        other.resize(length, 0);
        let headers: Vec<_> =
            put.headers.iter().filter(|(name, _)| name != "content-length").cloned().collect();
        assert_eq!(zkflow_testbed::upload(&put.url, &headers, other).await, 403, "{length}");
    }
    let forged = put.url.replace("0-0", "0-1");
    assert_eq!(zkflow_testbed::upload(&forged, &put.headers, body.to_vec()).await, 403);
    let other = signed(&Digest::of("other bytes")).await;
    assert_eq!(zkflow_testbed::upload(&put.url, &other.headers, body.to_vec()).await, 403);
    assert_eq!(
        zkflow_testbed::upload(put.url.split('?').next().unwrap(), &put.headers, body.to_vec()).await,
        403
    );
    assert!(store.get(&own).await.unwrap().body == body, "nothing was replaced");

    // Bytes that are not the announced ones are found when they are read.
    assert_eq!(zkflow_testbed::upload(&other.url, &other.headers, body.to_vec()).await, 200);
    assert!(matches!(store.get(&own).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_refused_in_words() {
    let server = S3Server::start_own().await;
    let endpoint = server.endpoint();
    let usable = settings(&server, endpoint);
    let missing = S3Settings { bucket: "no-such-bucket".to_owned(), ..usable.clone() };
    let wrong = Some(credentials(S3Server::ACCESS_KEY, "canary"));
    let wrong_secret = S3Settings { credentials: wrong, ..usable.clone() };
    let unknown = S3Settings { credentials: Some(credentials("nobody", "canary")), ..usable.clone() };
    let nobody = S3Settings { endpoint: Some("http://127.0.0.1:1".to_owned()), ..usable };
    let refused = "credentials are refused";
    for (settings, words) in [
        (missing, "no such bucket"),
        (wrong_secret, refused),
        (unknown, refused),
        (nobody, "opening the bucket"),
    ] {
        let error = S3Store::open(settings).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn stores_below_different_prefixes_do_not_see_each_other() {
    let server = S3Server::start().await;
    let one = open_bucket(&server, server.endpoint()).await.unwrap();
    let other = open_bucket(&server, server.endpoint()).await.unwrap();
    one.put(&key("a"), Bytes::from_static(b"1"), PutMode::Create).await.unwrap();
    assert!(matches!(other.get(&key("a")).await, Err(StoreError::NotFound(_))));
    let listed: Vec<_> = futures::TryStreamExt::try_collect(other.list("")).await.unwrap();
    assert_eq!(listed, Vec::<ArtifactKey>::new());
}

/// A copy names its source in a header, where characters of the prefix must be encoded.
#[tokio::test]
async fn any_prefix_can_be_used() {
    let server = S3Server::start_own().await;
    for prefix in ["pre fix", "a+b", "a%2Fb", "é", "a?b#c&d"] {
        let settings = S3Settings { prefix: prefix.to_owned(), ..settings(&server, server.endpoint()) };
        let store = S3Store::open(settings).await.unwrap();
        store.put(&key("from"), Bytes::from_static(b"moved"), PutMode::Create).await.unwrap();
        store.rename(&key("from"), &key("to")).await.unwrap();
        assert_eq!(store.get(&key("to")).await.unwrap().body, "moved", "{prefix}");
        let listed: Vec<_> = futures::TryStreamExt::try_collect(store.list("")).await.unwrap();
        assert_eq!(listed, [key("to")], "{prefix}");
    }
}

/// A list longer than a page of S3 is complete.
#[tokio::test]
async fn a_long_list_is_whole() {
    let server = S3Server::start_own().await;
    let store = open_bucket(&server, server.endpoint()).await.unwrap();
    let keys: Vec<ArtifactKey> = (0..1005).map(|i| key(&format!("sealed/{i:04}"))).collect();
    for part in keys.chunks(50) {
        let puts = part.iter().map(|key| store.put(key, Bytes::from_static(b"x"), PutMode::Create));
        join_all(puts).await.into_iter().for_each(|put| drop(put.unwrap()));
    }
    let mut listed: Vec<_> = futures::TryStreamExt::try_collect(store.list("sealed")).await.unwrap();
    listed.sort();
    assert!(listed == keys, "{} of {} keys", listed.len(), keys.len());
}
