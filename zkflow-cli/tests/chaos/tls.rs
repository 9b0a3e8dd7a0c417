//! Redis over TLS, with a password.

use zkflow_testbed::RedisOptions;

use crate::fleet::{Fleet, Requests};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_a_worker_share_a_redis_over_tls() {
    let options =
        RedisOptions { tls: true, password: Some("canary-1618".to_owned()), ..RedisOptions::default() };
    let fleet = Fleet::over(options, &[]).await;
    assert!(fleet.redis.url().starts_with("rediss://"));
    let api = fleet.api();
    let _worker = fleet.worker(&[]);
    let mut requests = Requests::new(api.client(), 3).await;
    requests.ask(3).await;
    requests.outcome().await.assert_whole();
}
