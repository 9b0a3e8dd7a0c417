//! Quotas of circuits, and circuits that are not used.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{
    ApiKey, Day, Deployment, Hour, Named as _, Period, Scope, Signer, Usage, UsageKey, Visibility,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::DeploymentId;
use zkflow_core::service::tenant::TenantId;
use zkflow_server::auth::{NewKey, successor};
use zkflow_server::config::{Plan, Plans};
use zkflow_server::service::idle;
use zkflow_server::state::{App, Turns};

use crate::callers::{guarded, guarded_with, with_key};
use crate::support::{Server, json_request, range_check, ready_circuit, request, shared};

#[tokio::test]
async fn a_tenant_has_no_more_circuits_than_its_quota() {
    let server = guarded_with(|config| config.limits.max_circuits = 2).await;
    let scopes = [Scope::CircuitsBuild, Scope::CircuitsRead];
    let keys = [server.key("own", &scopes).await, server.key("other", &scopes).await];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    for key in &keys {
        for min in [1, 2] {
            assert_eq!(ask(key, min).await.status, StatusCode::ACCEPTED);
        }
        let refused = ask(key, 3).await;
        refused.problem(429, "too_many_circuits");
        assert!(refused.text().contains("max_circuits"), "{}", refused.text());
        // A circuit that exists is no further one.
        assert_eq!(ask(key, 1).await.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn the_time_for_building_circuits_has_a_quota_by_tenant() {
    let server = guarded_with(|config| config.limits.build_seconds_per_hour = 10).await;
    let keys = [
        server.key("own", &[Scope::CircuitsBuild]).await,
        server.key("other", &[Scope::CircuitsBuild]).await,
    ];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    let (log, own) = (server.app.catalog.usage_log(), Account::of_tenant("own".parse().unwrap()));
    let hour = Period::Hour(Hour::of(server.app.now()));
    let worked = |build_cpu_ms| Usage { build_cpu_ms, ..Usage::default() };
    log.spend(&own, &hour, &worked(9_999)).await.unwrap();
    assert_eq!(ask(&keys[0], 1).await.status, StatusCode::ACCEPTED);
    log.spend(&own, &hour, &worked(1)).await.unwrap();
    let refused = ask(&keys[0], 2).await;
    refused.problem(429, "too_many_circuits");
    assert!(refused.text().contains("build_seconds_per_hour"), "{}", refused.text());
    assert_eq!(ask(&keys[0], 1).await.status, StatusCode::ACCEPTED, "a circuit that exists costs nothing");
    assert_eq!(ask(&keys[1], 2).await.status, StatusCode::ACCEPTED, "another tenant has its own time");
}

#[tokio::test]
async fn building_a_circuit_takes_of_the_time_of_its_tenant() {
    ready_circuit().await;
    let app = &shared().await.app;
    let (account, hour) = (Account::of_tenant(TenantId::default()), Hour::of(app.now()));
    let spent =
        async |hour| app.catalog.usage_log().spent(&account, &Period::Hour(hour)).await.unwrap().build_cpu_ms;
    // The time is counted after the circuit is ready.
    let counted = async {
        while spent(hour).await + spent(hour.before()).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("the time is never counted");
}

#[tokio::test]
async fn the_backlog_of_a_tenant_leaves_room_for_others() {
    for tenant in ["own", "default"] {
        a_backlog_leaves_room_for_others(tenant).await;
    }
}

async fn a_backlog_leaves_room_for_others(tenant: &str) {
    let server = guarded_with(|config| {
        config.limits.max_pending_circuits = 5;
        config.limits.tenant_share_percent = 50;
    })
    .await;
    let scopes = [Scope::CircuitsBuild];
    let keys = [server.key(tenant, &scopes).await, server.key("other", &scopes).await];
    let ask = async |key: &str, min: u64| {
        let body = json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
        server.send(with_key(key, json_request("/v1/circuits", &body.to_string()))).await
    };
    for min in 1..=3 {
        assert_eq!(ask(&keys[0], min).await.status, StatusCode::ACCEPTED);
    }
    let refused = ask(&keys[0], 4).await;
    refused.problem(429, "overloaded");
    assert!(refused.text().contains("share"), "{}", refused.text());
    for min in 1..=2 {
        assert_eq!(ask(&keys[1], min).await.status, StatusCode::ACCEPTED);
    }
    let full = ask(&keys[1], 3).await;
    full.problem(429, "overloaded");
    assert!(full.text().contains("full"), "{}", full.text());
}

#[tokio::test]
async fn renderings_of_templates_are_bounded_before_anything_is_rendered() {
    let server = Server::idle().await.changed(|app| App { renderings: Turns::new(1, 0), ..app });
    let turn = server.app.renderings.turn().await.unwrap();
    let refused = server.post("/v1/circuits", &range_check()).await;
    refused.problem(429, "overloaded");
    assert!(refused.text().contains("at the same time"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(server.get("/v1/circuits").await.ok()["circuits"], json!([]));
    drop(turn);
    assert_eq!(server.post("/v1/circuits", &range_check()).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_tenant_that_asks_for_many_circuits_leaves_turns_for_others() {
    let server = guarded().await.changed(|app| App { renderings: Turns::new(2, 0).with_share(50), ..app });
    let ask = async |tenant: &str| {
        let key = server.key(tenant, &[Scope::CircuitsBuild]).await;
        server.post_as(&key, "/v1/circuits", &range_check()).await
    };
    let turn = server.app.renderings.turn_of(&"loud".parse().unwrap()).await.unwrap();
    ask("loud").await.problem(429, "overloaded");
    assert_eq!(ask("quiet").await.status, StatusCode::ACCEPTED);
    drop(turn);
    assert_eq!(ask("loud").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_caller_has_a_burst_and_then_a_rate_and_others_are_untouched() {
    let server = guarded_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 3;
    })
    .await;
    let keys = [server.key("own", &[Scope::ProofsRead]).await, server.key("own", &[Scope::ProofsRead]).await];
    let ask =
        async |key: &str| server.send(with_key(key, request(Method::GET, "/v1/proofs", Body::empty()))).await;
    for key in &keys {
        let mut refused = None;
        // The clock goes on, so a request more may pass.
        for sent in 0..10 {
            let reply = ask(key).await;
            assert_eq!(reply.header("ratelimit-policy"), "\"caller\";q=3;w=3");
            if sent == 0 {
                assert_eq!(reply.header("ratelimit"), "\"caller\";r=2;t=1");
            }
            assert!(sent >= 3 || reply.status == StatusCode::OK, "{}", reply.text());
            if reply.status != StatusCode::OK {
                refused = Some(reply);
                break;
            }
        }
        let refused = refused.expect("the tenth request at once is refused");
        refused.problem(429, "too_many_requests");
        assert!(refused.header("ratelimit").starts_with("\"caller\";r=0"), "{}", refused.header("ratelimit"));
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=2).contains(&seconds)));
    }
    for _ in 0..5 {
        server.get("/v1/proofs").await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn requests_without_the_scope_count_too() {
    let server = guarded_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 3;
    })
    .await;
    let key = server.key("own", &[Scope::Verify]).await;
    let ask = async || server.get_as(&key, "/v1/proofs").await;
    ask().await.problem(403, "scope_missing");
    for _ in 0..10 {
        let reply = ask().await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            return;
        }
        reply.problem(403, "scope_missing");
    }
    panic!("requests without the scope are not counted");
}

#[tokio::test]
async fn more_keys_give_a_tenant_no_more_than_its_pace() {
    let server = guarded_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 10;
        config.limits.tenant_pace = 2;
    })
    .await;
    let mut refused = 0;
    // 20 pass at once, and two a second.
    for number in 0..100 {
        let key = server.key("own", &[Scope::ProofsRead]).await;
        let reply = server.get_as(&key, "/v1/proofs").await;
        if reply.status != StatusCode::OK {
            assert!(number >= 20, "{}", reply.text());
            reply.problem(429, "too_many_requests");
            assert!(reply.text().contains("tenant_pace"), "{}", reply.text());
            refused += 1;
        }
    }
    assert!(refused > 0, "100 keys have the pace of 100");
    let other = server.key("other", &[Scope::ProofsRead]).await;
    assert_eq!(server.get_as(&other, "/v1/proofs").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_tenant_without_a_plan_has_a_share_of_watchers_and_downloads() {
    let server = guarded_with(|config| {
        (config.http.max_watchers, config.http.max_downloads) = (4, 4);
        config.http.address_share_percent = 100;
        config.limits.tenant_share_percent = 50;
    })
    .await;
    let mut open = Vec::new();
    for tenant in ["own", "other"] {
        let key = server.key(tenant, &[Scope::ProofsCreate, Scope::ProofsRead, Scope::CircuitsRead]).await;
        let circuit = server.circuit_of(tenant, Default::default()).await.id.to_string();
        let asked = server.post_as(&key, "/v1/proofs", &crate::support::age_proof(&circuit, 42)).await.json();
        let proof = asked["proofRequestId"].as_str().unwrap().to_owned();
        let paths = [
            (format!("/v1/proofs/{proof}/events"), "too_many_watchers"),
            (format!("/v1/circuits/{circuit}/artifacts/proving_key.zkey"), "too_many_downloads"),
        ];
        for (path, code) in paths {
            for number in 0..3 {
                let get = with_key(&key, request(Method::GET, &path, Body::empty()));
                let reply = server.open(get).await;
                if number == 2 {
                    crate::support::Reply::of(reply).await.problem(429, code);
                } else {
                    assert_eq!(reply.status(), StatusCode::OK, "{tenant}: {path}");
                    open.push(reply);
                }
            }
        }
    }
}

#[tokio::test]
async fn the_files_of_circuits_have_a_quota() {
    let server = Server::idle_with(|config| config.limits.circuits_mib = 3).await;
    let mut circuit = shared().await.circuit(ready_circuit().await).await;
    circuit.artifacts.retain(|name, _| name == "circuit.wasm" || name == "proving_key.zkey");
    circuit.artifacts.values_mut().for_each(|file| file.size = (3 << 19) - 1);
    server.app.catalog.circuits().insert(circuit.clone()).await.unwrap();
    let another =
        |min: u64| json!({"templateName": "rangeCheck", "params": {"min": min, "max": 120, "bits": 8}});
    assert_eq!(server.post("/v1/circuits", &another(1)).await.status, StatusCode::ACCEPTED);
    circuit = server.circuit(circuit.id.as_str()).await;
    circuit.artifacts.values_mut().for_each(|file| file.size = 3 << 19);
    server.app.save(circuit).await.unwrap();
    let refused = server.post("/v1/circuits", &another(2)).await;
    refused.problem(429, "too_many_circuits");
    assert!(refused.text().contains("circuits_mib"), "{}", refused.text());
    assert!(server.post("/v1/circuits", &range_check()).await.status.is_success());
}

#[tokio::test]
async fn a_circuit_without_proof_requests_is_deleted_when_it_is_old() {
    let (server, id) = Server::idle_with_circuit().await;
    let changed = server.circuit(&id).await.life.updated_at;
    let later = changed + Duration::from_millis(1);
    let delete = async |before| idle::delete_unused(&server.app, before, || true).await.unwrap();
    assert_eq!(delete(changed).await, 0, "it is not old enough");
    let proof = server.ask_for_proof(&id, 42).await;
    assert_eq!(delete(later).await, 0, "it has a proof request");
    server.post_text(&format!("/v1/proofs/{proof}/cancel"), "").await;
    assert_eq!(delete(later).await, 0, "it has a proof request that is final");
    assert_eq!(server.delete(&format!("/v1/proofs/{proof}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(idle::delete_unused(&server.app, later, || false).await.unwrap(), 0, "the work was cancelled");
    assert_eq!(delete(later).await, 1);
    server.get(&format!("/v1/circuits/{id}")).await.problem(404, "circuit_not_found");
    let again = server.post("/v1/circuits", &range_check()).await.json();
    assert!(again["replaces"]["provingKey"].is_string(), "{again}");
}

/// A plan of tenant `small`, beside tenants without one.
fn plan(plan: Plan) -> Plans {
    let plan = Plan { tenants: vec!["small".parse().unwrap()], ..plan };
    Plans::new([("small".to_owned(), plan)].into()).unwrap()
}

#[tokio::test]
async fn a_plan_limits_its_tenants_and_no_others() {
    let plans = plan(Plan {
        requests_per_second: Some(1),
        requests_burst: Some(200),
        max_pending_proofs: Some(2),
        max_pending_circuits: Some(1),
        max_circuits: Some(3),
        ..Plan::default()
    });
    let server = guarded_with(|config| config.plans = plans).await;
    let scopes = [Scope::CircuitsBuild, Scope::CircuitsRead, Scope::ProofsCreate, Scope::ProofsRead];
    for (tenant, limited) in [("small", true), ("large", false)] {
        let key = server.key(tenant, &scopes).await;
        let circuit = server.circuit_of(tenant, Default::default()).await.id.to_string();
        let ask = async |path: &str, body: &Value| server.post_as(&key, path, body).await;
        // A request that is refused for its content takes no place.
        let mut wrong = crate::support::age_proof(&circuit, 42);
        wrong["callback"] = json!("https://callback.example/");
        for _ in 0..2 {
            let reply = ask("/v1/proofs", &wrong).await;
            assert!(reply.status.is_client_error() && reply.status != 429, "{}", reply.text());
        }
        for number in 0..4 {
            let reply = ask("/v1/proofs", &crate::support::age_proof(&circuit, 42)).await;
            match limited && number >= 2 {
                true => {
                    reply.problem(429, "plan_exhausted");
                    assert_eq!(reply.header("retry-after"), "5");
                    assert!(reply.text().contains("max_pending_proofs"), "{}", reply.text());
                }
                false => assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text()),
            }
        }
        for min in 1..4 {
            let params = json!({"min": min, "max": 120, "bits": 8});
            let reply = ask("/v1/circuits", &json!({"templateName": "rangeCheck", "params": params})).await;
            match limited && min >= 2 {
                true => drop(reply.problem(429, "plan_exhausted")),
                false => assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text()),
            }
        }
        let policy = server.get_as(&key, "/v1/proofs").await;
        let burst = if limited { "q=200" } else { "q=1000" };
        assert!(policy.header("ratelimit-policy").contains(burst), "{policy:?}");
    }
}

#[tokio::test]
async fn the_work_of_a_day_ends_with_the_seconds_of_the_plan() {
    let server = guarded_with(|config| {
        config.plans = plan(Plan { work_s_per_day: Some(10), ..Plan::default() });
    })
    .await;
    let key = server.key("small", &[Scope::ProofsCreate]).await;
    let circuit = server.circuit_of("small", Default::default()).await;
    let used = async |tenant: &str, day: Day, work_ms: u64| {
        let key = UsageKey { day, tenant: tenant.parse().unwrap(), circuit: circuit.id.clone() };
        server.app.catalog.usage_log().count(&key, &Usage { work_ms, ..Usage::default() }).await.unwrap();
    };
    let today = Day::of(server.app.now());
    used("small", today.clone(), 9_999).await;
    used("small", "2026-01-01".parse().unwrap(), 99_999).await;
    used("large", today.clone(), 99_999).await;
    let body = crate::support::age_proof(circuit.id.as_str(), 42);
    assert_eq!(server.post_as(&key, "/v1/proofs", &body).await.status, StatusCode::ACCEPTED);
    used("small", today, 1).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let refused = server.post_as(&key, "/v1/proofs", &body).await;
    refused.problem(429, "plan_exhausted");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=24 * 3600).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_deployments_of_a_day_end_with_the_plan() {
    let server = guarded_with(|config| {
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
        config.chain.allow_request_keys = true;
        config.plans = plan(Plan { deployments_per_day: Some(2), ..Plan::default() });
    })
    .await;
    for (tenant, limited) in [("small", true), ("large", false)] {
        let key = server.key(tenant, &[Scope::Deploy]).await;
        let circuit = server.circuit_of(tenant, Default::default()).await;
        // Neither one of yesterday nor a bound contract counts.
        let earlier = server.app.now() - Duration::from_secs(24 * 3600);
        for (signer, moment) in [(Signer::Request, earlier), (Signer::Absent, server.app.now())] {
            let asked = Asked { chain_id: Some(31_337), signer, own_rpc: false, idempotency: None };
            let id = DeploymentId::generate(moment);
            let mut deployment = Deployment::new(id, circuit.id.clone(), asked, moment);
            deployment.life.tenant = circuit.life.tenant.clone();
            server.app.catalog.deployments().insert(deployment).await.unwrap();
        }
        let path = format!("/v1/circuits/{}/deploy", circuit.id);
        let body = json!({"chainId": 31_337, "privateKey": "1".repeat(64)});
        for number in 0..3 {
            let reply = server.post_as(&key, &path, &body).await;
            if limited && number == 2 {
                reply.problem(429, "plan_exhausted");
                assert!(reply.text().contains("deployments_per_day"), "{}", reply.text());
                let wait: u64 = reply.header("retry-after").parse().unwrap();
                assert!((1..=24 * 3600).contains(&wait), "{wait}");
            } else {
                assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
            }
        }
    }
}

#[tokio::test]
async fn a_plan_limits_watchers_and_downloads() {
    let server = guarded_with(|config| {
        config.plans = plan(Plan { max_watchers: Some(1), max_downloads: Some(1), ..Plan::default() });
    })
    .await;
    for (tenant, limited) in [("small", true), ("large", false)] {
        let scopes = [Scope::ProofsCreate, Scope::ProofsRead, Scope::CircuitsRead];
        let key = server.key(tenant, &scopes).await;
        let circuit = server.circuit_of(tenant, Default::default()).await.id.to_string();
        let asked = server.post_as(&key, "/v1/proofs", &crate::support::age_proof(&circuit, 42)).await.json();
        let proof = asked["proofRequestId"].as_str().unwrap().to_owned();
        let paths = [
            (format!("/v1/proofs/{proof}/events"), "too_many_watchers"),
            (format!("/v1/circuits/{circuit}/artifacts/proving_key.zkey"), "too_many_downloads"),
        ];
        for (path, code) in paths {
            let get = || with_key(&key, request(Method::GET, &path, Body::empty()));
            let first = server.open(get()).await;
            assert_eq!(first.status(), StatusCode::OK);
            let second = server.open(get()).await;
            match limited {
                true => drop(crate::support::Reply::of(second).await.problem(429, code)),
                false => assert_eq!(second.status(), StatusCode::OK),
            }
            drop(first);
            assert_eq!(server.open(get()).await.status(), StatusCode::OK);
        }
    }
}

/// Makes a key of a tenant that no server knows yet.
fn new_key(tenant: &str) -> (ApiKey, String) {
    let (name, tenant, scopes) = ("test".to_owned(), tenant.parse().unwrap(), Scope::ALL.to_vec());
    let now = Timestamp::from_millis(1_767_225_600_000);
    let (key, text) = NewKey { name, tenant, scopes, expires_at: None }.make(now);
    (key, text.expose().to_owned())
}

#[tokio::test]
async fn a_key_has_limits_of_its_own_beside_those_of_its_tenant() {
    let (own, text) = new_key("acme");
    let small = Plan {
        keys: vec![own.id.clone()],
        max_pending_proofs: Some(2),
        max_pending_circuits: Some(5),
        max_circuits: Some(1),
        deployments_per_day: Some(1),
        ..Plan::default()
    };
    let large = Plan {
        tenants: vec!["acme".parse().unwrap()],
        max_pending_proofs: Some(6),
        max_circuits: Some(5),
        ..Plan::default()
    };
    let plans = Plans::new([("small".to_owned(), small), ("large".to_owned(), large)].into()).unwrap();
    let server = guarded_with(|config| {
        config.plans = plans;
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
        config.chain.allow_request_keys = true;
    })
    .await;
    server.app.catalog.keys().add(&own).await.unwrap();
    let (next, next_text) = successor(&own, server.app.now());
    server.app.catalog.keys().add(&next).await.unwrap();
    let other = server.key("acme", Scope::ALL).await;
    let circuit = server.circuit_of("acme", Default::default()).await.id.to_string();
    let prove =
        async |key: &str| server.post_as(key, "/v1/proofs", &crate::support::age_proof(&circuit, 42)).await;
    let accepted =
        |reply: crate::support::Reply| assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text());
    let refused = |reply: crate::support::Reply, code: &str, words: &str| {
        reply.problem(429, code);
        assert!(reply.text().contains(words), "{}", reply.text());
    };
    let (other, text, next) = (other.as_str(), text.as_str(), next_text.expose());
    // Requests of another key of the tenant do not count for this one; those of its successor do.
    for key in [other, other, other, text, next] {
        accepted(prove(key).await);
    }
    // A request that is refused for the key does not count for the tenant.
    for key in [text, next, text] {
        refused(prove(key).await, "plan_exhausted", "the key has reached the limit max_pending_proofs");
    }
    accepted(prove(other).await);
    refused(prove(other).await, "plan_exhausted", "the tenant has reached the limit max_pending_proofs");

    let build = async |key: &str, min: u64| {
        let params = json!({"min": min, "max": 120, "bits": 8});
        server.post_as(key, "/v1/circuits", &json!({"templateName": "rangeCheck", "params": params})).await
    };
    for (key, min) in [(other, 1), (text, 2), (other, 3)] {
        accepted(build(key, min).await);
    }
    refused(build(next, 4).await, "too_many_circuits", "circuits of the key reach the setting max_circuits");
    accepted(build(other, 4).await);
    refused(
        build(other, 5).await,
        "too_many_circuits",
        "circuits of the tenant reach the setting max_circuits",
    );

    let deploy = async |key: &str| {
        let body = json!({"chainId": 31_337, "privateKey": "1".repeat(64)});
        server.post_as(key, &format!("/v1/circuits/{circuit}/deploy"), &body).await
    };
    for key in [other, text] {
        accepted(deploy(key).await);
    }
    refused(deploy(text).await, "plan_exhausted", "the key has reached the limit deployments_per_day");
    accepted(deploy(other).await);
}

#[tokio::test]
async fn a_key_has_watchers_and_downloads_of_its_own() {
    let (own, text) = new_key("acme");
    let small =
        Plan { keys: vec![own.id.clone()], max_watchers: Some(1), max_downloads: Some(1), ..Plan::default() };
    let plans = Plans::new([("small".to_owned(), small)].into()).unwrap();
    let server = guarded_with(|config| config.plans = plans).await;
    server.app.catalog.keys().add(&own).await.unwrap();
    let other = server.key("acme", Scope::ALL).await;
    let circuit = server.circuit_of("acme", Default::default()).await.id.to_string();
    let asked = server.post_as(&other, "/v1/proofs", &crate::support::age_proof(&circuit, 42)).await.json();
    let proof = asked["proofRequestId"].as_str().unwrap().to_owned();
    for (path, code) in [
        (format!("/v1/proofs/{proof}/events"), "too_many_watchers"),
        (format!("/v1/circuits/{circuit}/artifacts/proving_key.zkey"), "too_many_downloads"),
    ] {
        let open =
            async |key: &str| server.open(with_key(key, request(Method::GET, &path, Body::empty()))).await;
        let held = [open(&other).await, open(&other).await, open(&text).await];
        assert!(held.iter().all(|reply| reply.status() == StatusCode::OK));
        let refused = crate::support::Reply::of(open(&text).await).await;
        refused.problem(429, code);
        assert!(refused.text().contains("for the key"), "{}", refused.text());
        assert_eq!(open(&other).await.status(), StatusCode::OK);
        drop(held);
        assert_eq!(open(&text).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn the_seconds_of_a_stage_are_limited_for_tenants_and_keys() {
    let of_stages = [
        ("witness_s_per_day", Usage { witness_cpu_ms: 1, ..Usage::default() }),
        ("proving_s_per_day", Usage { proving_cpu_ms: 1, ..Usage::default() }),
        ("build_s_per_day", Usage { build_cpu_ms: 1, ..Usage::default() }),
    ];
    let accounts = ["below", "above", "of-keys"];
    // For each stage, a tenant below its limit, one at it, and keys of a tenant without a plan.
    let keys = of_stages.map(|_| [new_key("of-keys"), new_key("of-keys")]);
    let plans = of_stages.iter().zip(&keys).map(|((limit, _), keys)| {
        let of = |name: &str| (*limit == name).then_some(10);
        let plan = Plan {
            tenants: accounts[..2].iter().map(|name| format!("{name}-{limit}").parse().unwrap()).collect(),
            keys: keys.iter().map(|(key, _)| key.id.clone()).collect(),
            witness_s_per_day: of("witness_s_per_day"),
            proving_s_per_day: of("proving_s_per_day"),
            build_s_per_day: of("build_s_per_day"),
            ..Plan::default()
        };
        ((*limit).to_owned(), plan)
    });
    let plans = Plans::new(plans.collect()).unwrap();
    let server = guarded_with(|config| config.plans = plans).await;
    let (log, today) = (server.app.catalog.usage_log(), Day::of(server.app.now()));
    let mut builds = 0;
    // Requests of proofs are for a circuit that all may use.
    let circuit = server.circuit_of("owner", Visibility::Public).await.id;
    for ((limit, one), keys) in of_stages.into_iter().zip(keys) {
        for (is_above, (key, text)) in [false, true].into_iter().zip(keys) {
            server.app.catalog.keys().add(&key).await.unwrap();
            let used = Usage::of_counts(one.counts().map(|ms| ms * if is_above { 10_000 } else { 9_999 }));
            let account = Account::of_key(key.tenant.clone(), key.id.clone());
            log.spend(&account, &Period::Day(today.clone()), &used).await.unwrap();
            let tenant = format!("{}-{limit}", accounts[usize::from(is_above)]);
            let row =
                UsageKey { day: today.clone(), tenant: tenant.parse().unwrap(), circuit: circuit.clone() };
            log.count(&row, &used).await.unwrap();
            let of_tenant = server.key(&tenant, Scope::ALL).await;
            for (caller, kind) in [(&text, "key"), (&of_tenant, "tenant")] {
                let proof = crate::support::age_proof(circuit.as_str(), 42);
                let proof = server.post_as(caller, "/v1/proofs", &proof).await;
                // A circuit that exists would cost nothing.
                builds += 1;
                let params = json!({"min": builds, "max": 120, "bits": 8});
                let build = json!({"templateName": "rangeCheck", "params": params});
                let build = server.post_as(caller, "/v1/circuits", &build).await;
                let is_build = limit == "build_s_per_day";
                for (reply, counts) in [(proof, !is_build), (build, is_build)] {
                    if is_above && counts {
                        reply.problem(429, "plan_exhausted");
                        let words = format!("the {kind} has reached the limit {limit}");
                        assert!(reply.text().contains(&words), "{}", reply.text());
                        let wait: u64 = reply.header("retry-after").parse().unwrap();
                        assert!((1..=24 * 3600).contains(&wait), "{wait}");
                    } else {
                        assert_eq!(reply.status, StatusCode::ACCEPTED, "{limit}: {}", reply.text());
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_has_the_rate_of_its_own_plan() {
    let server = guarded_with(|config| config.limits.requests_per_second = 100).await;
    let (own, text) = server.key_until("large", &[Scope::ProofsRead], None).await;
    let other = server.key("large", &[Scope::ProofsRead]).await;
    let slow = Plan {
        keys: vec![own.id.clone()],
        requests_per_second: Some(1),
        requests_burst: Some(7),
        ..Plan::default()
    };
    let plans = Plans::new([("slow".to_owned(), slow)].into()).unwrap();
    let rates = zkflow_server::state::Rates::new(&server.app.config.limits, &plans);
    let rate = async |key: &str| {
        let request = with_key(key, request(Method::GET, "/v1/proofs", Body::empty()));
        let from = std::net::IpAddr::from([127, 0, 0, 1]);
        let caller = server.app.authenticator.caller(request.headers(), from).await.unwrap();
        rates.take(&plans, &caller.principal).await.unwrap()
    };
    assert_eq!(rate(&text).await.burst, 7);
    assert_eq!(rate(&other).await.burst, 1000);
    // Keys that replace it have its plan, and share its pace.
    let (mut key, now) = (server.app.catalog.keys().key(&own.id).await.unwrap().unwrap(), server.app.now());
    for number in 2..5 {
        let (next, text) = successor(&key, now);
        server.app.catalog.keys().add(&next).await.unwrap();
        assert_ne!(next.id, key.id);
        let rate = rate(text.expose()).await;
        assert_eq!((rate.burst, rate.remaining), (7, 7 - number), "{rate:?}");
        key = next;
    }
}
