//! The list of tenants, for administrators.

use serde_json::{Value, json};
use zkflow_core::service::catalog::{Day, Named as _, Scope, Usage, UsageKey, Visibility};
use zkflow_server::config::{Plan, Plans};

use crate::callers::guarded_with;
use crate::support::{Server, age_proof};

async fn count(server: &Server, tenant: &str, circuit: &zkflow_core::id::CircuitId, days: u32, proofs: u64) {
    let now = server.app.now() - std::time::Duration::from_secs(24 * 3600) * days;
    let key = UsageKey { day: Day::of(now), tenant: tenant.parse().unwrap(), circuit: circuit.clone() };
    let usage = Usage { proofs, failed_proofs: 1, work_ms: 500, ..Usage::default() };
    server.app.catalog.usage_log().count(&key, &usage).await.unwrap();
}

#[tokio::test]
async fn tenants_are_listed_with_their_limits_and_what_they_have() {
    let plan = Plan {
        tenants: ["planned", "small"].map(|tenant| tenant.parse().unwrap()).to_vec(),
        max_circuits: Some(3),
        max_pending_proofs: Some(2),
        ..Plan::default()
    };
    let plans = Plans::new([("tight".to_owned(), plan)].into()).unwrap();
    let server = guarded_with(|config| config.plans = plans).await;
    let admin = server.key("ops", Scope::ALL).await;
    let small = server.key("small", &[Scope::ProofsCreate]).await;
    let circuit = server.circuit_of("small", Visibility::Tenant).await;
    server.post_as(&small, "/v1/proofs", &age_proof(circuit.id.as_str(), 42)).await;
    // Tenants without a key or a plan: one that worked today and yesterday, and one that did long ago. Names in the order of
    // the rows, in which a dot is before a longer name's end.
    for (tenant, days, proofs) in
        [("jwt", 0, 5), ("jwt", 1, 7), ("jwt", 2, 100), ("jwt.a", 1, 2), ("old", 4, 9)]
    {
        count(&server, tenant, &circuit.id, days, proofs).await;
    }
    let list = async |query: &str| server.get_as(&admin, &format!("/v1/tenants{query}")).await.ok();
    let all = list("").await;
    let tenants = all["tenants"].as_array().unwrap();
    let names: Vec<&str> = tenants.iter().map(|one| one["tenant"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "jwt.a", "jwt", "ops", "planned", "small"]);
    assert!(all.get("nextCursor").is_none());
    let of = |name: &str| tenants.iter().find(|one| one["tenant"] == name).unwrap();
    let jwt = of("jwt");
    assert_eq!((&jwt["proofs"], &jwt["failedProofs"], &jwt["workMs"]), (&json!(12), &json!(2), &json!(1000)));
    assert_eq!((jwt.get("plan"), &jwt["more"], &jwt["circuits"]), (None, &json!(false), &json!(0)));
    let bytes: u64 = circuit.artifacts.values().map(|file| file.size).sum();
    let small = of("small");
    assert_eq!(
        (&small["plan"], &small["circuits"], &small["bytes"]),
        (&json!("tight"), &json!(1), &json!(bytes))
    );
    assert_eq!((&small["pendingProofs"], &small["pendingCircuits"]), (&json!(1), &json!(0)));
    let limits = &small["limits"];
    assert_eq!((&limits["maxCircuits"], &limits["maxPendingProofs"]), (&json!(3), &json!(2)));
    assert!(limits.get("maxPendingCircuits").is_none());
    let usual = &of("ops")["limits"];
    assert_eq!(usual["maxCircuits"], json!(server.app.config.limits.max_circuits));

    // Pages of one and two together are the list.
    for limit in [1, 2] {
        let (mut seen, mut cursor) = (Vec::<Value>::new(), String::new());
        loop {
            let page = list(&format!("?limit={limit}{cursor}")).await;
            let found = page["tenants"].as_array().unwrap();
            assert!(found.len() <= limit && seen.len() < tenants.len(), "{page}");
            seen.extend(found.iter().map(|one| one["tenant"].clone()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, names, "{limit}");
    }
    for (query, code) in
        [("limit=0", "invalid_limit"), ("limit=51", "invalid_limit"), ("cursor=A%20b", "invalid_cursor")]
    {
        server.get_as(&admin, &format!("/v1/tenants?{query}")).await.problem(400, code);
    }
    let operator = server.key("ops", &[Scope::Operate]).await;
    server.get_as(&operator, "/v1/tenants").await.problem(403, "scope_missing");
}
