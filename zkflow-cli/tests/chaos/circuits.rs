//! Many simultaneous requests for one circuit.

use serde_json::json;

use crate::fleet::{Fleet, PATIENCE, metric, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_identical_requests_to_three_servers_are_one_circuit_made_once() {
    let fleet = Fleet::new(&[]).await;
    let servers = [fleet.api(), fleet.api(), fleet.api()];
    let workers = [fleet.worker(&[]), fleet.worker(&[]), fleet.worker(&[])];
    let params = json!({"min": 18, "max": 120});
    let posts = (0..50).map(|i| {
        let client = servers[i % 3].client();
        let body = json!({"templateName": "rangeCheck", "params": params.clone()});
        tokio::spawn(async move { client.post("/v1/circuits", &body).await.unwrap() })
    });
    let mut ids = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let reply = post.await.unwrap();
        assert!(matches!(reply.status, 200 | 202), "{reply:?}");
        ids.push(reply.body["circuitId"].as_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    let circuit = servers[0].client().circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let setups = metric(&workers, "zkflow_stage_duration_seconds_count", "stage=\"setup\"").await;
    row(
        "50 identical POST /v1/circuits at once to 3 servers",
        &format!("{} id, {setups} key generation, attempt {}", ids.len(), circuit["attempt"]),
    );
    assert_eq!((ids.len(), setups, &circuit["attempt"]), (1, 1, &json!(1)));
}
