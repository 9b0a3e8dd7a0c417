//! Helpers of the tests on real servers.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::time::{Duration, Instant};

use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::Circuit;
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::store::StoreError;
use zkflow_store::{S3Settings, S3Store};
use zkflow_testbed::S3Server;

/// A store in the bucket of `server`, reached at `endpoint`, below a new prefix.
pub(crate) async fn open_bucket(server: &S3Server, endpoint: &str) -> Result<S3Store, StoreError> {
    S3Store::open(settings(server, endpoint)).await
}

pub(crate) fn settings(server: &S3Server, endpoint: &str) -> S3Settings {
    S3Settings {
        prefix: server.fresh_prefix(),
        endpoint: Some(endpoint.to_owned()),
        force_path_style: true,
        credentials: server.is_own().then(|| credentials(S3Server::ACCESS_KEY, S3Server::SECRET_KEY)),
        part_bytes: 5 * 1024 * 1024,
        ..S3Settings::new(server.bucket())
    }
}

pub(crate) fn credentials(id: &str, secret: &str) -> SharedCredentialsProvider {
    let who =
        Credentials::builder().access_key_id(id).secret_access_key(secret).provider_name("test").build();
    SharedCredentialsProvider::new(who)
}

/// A circuit whose id depends on `name` only.
pub(crate) fn circuit(name: &str, created: i64) -> Circuit {
    let template = "rangeCheck".parse().unwrap();
    Circuit::new(Digest::of(name), template, serde_json::Map::new(), Timestamp::from_millis(created))
}

/// Repeats `call` until it succeeds; returns the time until then.
pub(crate) async fn until_it_succeeds<T, E: std::fmt::Debug>(
    limit: Duration,
    mut call: impl AsyncFnMut() -> Result<T, E>,
) -> Duration {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(_) => return began.elapsed(),
            Err(error) => assert!(began.elapsed() < limit, "no recovery within {limit:?}: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
