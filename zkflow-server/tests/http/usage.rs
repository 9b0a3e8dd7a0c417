//! What tenants used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zkflow_core::format::zkey::ZKey;
use zkflow_core::proof::{Proof, VerifyingKey};
use zkflow_core::prove::native::NativeProver;
use zkflow_core::prove::{PreparedKey, ProveError, Prover, Provers};
use zkflow_core::rng::SecureRng;
use zkflow_core::service::account::Account;
use zkflow_core::service::catalog::{ApiKey, Day, Named as _, Period, Scope, Usage, UsageKey, Visibility};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::queue::QueueName;
use zkflow_core::witness::Witness;
use zkflow_server::auth::NewKey;
use zkflow_server::config::{Plan, Plans};
use zkflow_server::work;

use crate::callers::{guarded, guarded_with};
use crate::support::{Server, age_proof, ready_circuit, shared};

async fn usage(server: &Server, key: &str, query: &str) -> Value {
    server.get_as(key, &format!("/v1/usage{query}")).await.ok()
}

#[tokio::test]
async fn proofs_are_counted_by_tenant_circuit_and_day() {
    let server = guarded().await;
    let (one, other) = (server.key("one", Scope::ALL).await, server.key("other", Scope::ALL).await);
    let circuit = server.circuit_of("one", Visibility::Public).await.id;
    let app = server.app.clone();
    tokio::spawn(async move { work::run(app, &[QueueName::ProofGeneration]).await });
    for (key, age) in [(&one, 42), (&one, 43), (&one, 7), (&other, 42)] {
        let asked = server.post_as(key, "/v1/proofs", &age_proof(circuit.as_str(), age)).await.json();
        let path = format!("/v1/proofs/{}?wait=60", asked["proofRequestId"].as_str().unwrap());
        server.get_as(key, &path).await.ok();
    }
    for (key, proofs, failed) in [(&one, 2, 1), (&other, 1, 0)] {
        // The count follows the end.
        let found = loop {
            let found = usage(&server, key, "").await["usage"].clone();
            let done = |name: &str| found[0][name].as_u64().unwrap_or(0);
            if done("proofs") + done("failedProofs") == proofs + failed {
                break found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
        let entry = &found[0];
        assert_eq!(
            (&entry["circuitId"], &entry["day"]),
            (&json!(circuit), &json!(Day::of(server.app.now())))
        );
        assert_eq!((&entry["proofs"], &entry["failedProofs"]), (&json!(proofs), &json!(failed)));
    }
}

#[tokio::test]
async fn the_work_of_a_key_with_a_plan_is_summed_for_it_alone() {
    let new = |tenant: &str| {
        let (name, tenant, scopes) = ("test".to_owned(), tenant.parse().unwrap(), Scope::ALL.to_vec());
        NewKey { name, tenant, scopes, expires_at: None }.make(Timestamp::from_millis(1_767_225_600_000))
    };
    let [(limited, limited_text), (free, free_text)] = [new("one"), new("one")];
    let plan = Plan { keys: vec![limited.id.clone()], ..Plan::default() };
    let plans = Plans::new([("small".to_owned(), plan)].into()).unwrap();
    let server = guarded_with(|config| config.plans = plans).await;
    let circuit = server.circuit_of("one", Visibility::Tenant).await.id;
    let app = server.app.clone();
    tokio::spawn(async move { work::run(app, &[QueueName::ProofGeneration]).await });
    for (key, text) in [(&free, &free_text), (&limited, &limited_text)] {
        server.app.catalog.keys().add(key).await.unwrap();
        let body = age_proof(circuit.as_str(), 42);
        let asked = server.post_as(text.expose(), "/v1/proofs", &body).await.json();
        let path = format!("/v1/proofs/{}?wait=60", asked["proofRequestId"].as_str().unwrap());
        server.get_as(text.expose(), &path).await.ok();
    }
    let (log, now) = (server.app.catalog.usage_log(), server.app.now());
    let sum = async |key: &ApiKey| {
        let account = Account::of_key(key.tenant.clone(), key.id.clone());
        log.spent(&account, &Period::Day(Day::of(now))).await.unwrap()
    };
    // The sum follows the end.
    let found = loop {
        let found = sum(&limited).await;
        if found.proofs > 0 {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(found.proofs == 1 && found.work_ms > 0, "{found:?}");
    assert_eq!(sum(&free).await, Usage::default());
}

/// Time of an attempt of [`Failing`].
const ATTEMPT: Duration = Duration::from_millis(60);

/// Uses the processor until the thread has had `time` of it.
fn compute(time: Duration) {
    let now = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    let began = now();
    while now() - began < time {
        std::hint::spin_loop();
    }
}

/// A prover whose first attempt panics, and whose second one gives an error.
#[derive(Debug)]
struct Failing(NativeProver);

#[derive(Debug)]
struct FailingKey(Arc<dyn PreparedKey>, AtomicU32);

impl Prover for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn prepare(&self, key: Arc<ZKey>) -> Result<Arc<dyn PreparedKey>, ProveError> {
        Ok(Arc::new(FailingKey(self.0.prepare(key)?, AtomicU32::new(0))))
    }
}

impl PreparedKey for FailingKey {
    fn prover(&self) -> &'static str {
        "failing"
    }

    fn verifying_key(&self) -> &VerifyingKey {
        self.0.verifying_key()
    }

    fn prove(&self, _: &Witness, _: &mut dyn SecureRng) -> Result<Proof, ProveError> {
        compute(ATTEMPT);
        assert!(self.1.fetch_add(1, Ordering::Relaxed) > 0, "the first attempt");
        Err(ProveError::Key("the second attempt".to_owned()))
    }

    fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes()
    }
}

#[tokio::test]
async fn work_that_fails_is_counted_with_all_its_attempts() {
    let provers =
        Provers::default().with("failing", |options| Ok(Arc::new(Failing(NativeProver::new(options)?))));
    let server =
        Server::idle_with_provers(provers, |config| config.proving.prover = "failing".to_owned()).await;
    let circuit = ready_circuit().await;
    server.adopt(shared().await, shared().await.circuit(circuit).await).await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::ProofGeneration]));
    let id = server.ask_for_proof(circuit, 42).await;
    let failed = server.get(&format!("/v1/proofs/{id}?wait=60")).await.ok();
    assert_eq!((&failed["status"], &failed["attempt"]), (&json!("failed"), &json!(2)), "{failed}");
    let entry = loop {
        let found = server.get("/v1/usage").await.ok()["usage"][0].clone();
        if found["failedProofs"] == 1 {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let both = 2 * ATTEMPT.as_millis() as u64;
    assert!(entry["workMs"].as_u64().unwrap() >= both, "an attempt is free: {entry}");
    assert!(entry["provingCpuMs"].as_u64().unwrap() >= both, "processor time of an attempt is free: {entry}");
    assert_eq!(
        (&entry["proofs"], &entry["buildCpuMs"], &entry["storedBytes"]),
        (&json!(0), &json!(0), &json!(0))
    );
}

#[tokio::test]
async fn a_build_is_counted_with_its_processor_time_and_its_files() {
    let (server, id) = (shared().await, ready_circuit().await);
    let entry = loop {
        let found =
            server.get(&format!("/v1/usage?from=2000-01-01&circuitId={id}")).await.ok()["usage"][0].clone();
        if found["builds"] == 1 {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let files = server.circuit(id).await.artifacts;
    assert_eq!(entry["storedBytes"], files.values().map(|file| file.size).sum::<u64>());
    assert!(entry["buildCpuMs"].as_u64().unwrap() > 0, "{entry}");
}

#[tokio::test]
async fn usage_has_pages_days_and_a_form_for_spreadsheets() {
    let server = guarded().await;
    let key = server.key("one", &[Scope::ProofsRead]).await;
    let circuit = |i: u32| format!("{i:032x}");
    for day in ["2026-01-31", "2026-02-01"] {
        for i in 0..3 {
            for tenant in ["one", "other"] {
                let id = UsageKey {
                    day: day.parse().unwrap(),
                    tenant: tenant.parse().unwrap(),
                    circuit: circuit(i).parse().unwrap(),
                };
                let more = Usage { proofs: 1, gas: u64::from(i), ..Usage::default() };
                server.app.catalog.usage_log().count(&id, &more).await.unwrap();
            }
        }
    }
    let days = "from=2026-01-31&to=2026-02-01";
    let first = usage(&server, &key, &format!("?{days}&limit=4")).await;
    assert_eq!(first["usage"].as_array().unwrap().len(), 4);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = usage(&server, &key, &format!("?{days}&limit=4&cursor={cursor}")).await;
    assert_eq!((rest["usage"].as_array().unwrap().len(), rest.get("nextCursor")), (2, None));
    assert_eq!(usage(&server, &key, "?to=2026-01-31").await["usage"].as_array().unwrap().len(), 3);
    let csv = server.get_as(&key, &format!("/v1/usage?{days}&format=csv")).await;
    let expected: String = ["2026-01-31", "2026-02-01"]
        .iter()
        .flat_map(|day| (0..3).map(move |i| format!("{day},{:032x},1,0,0,0,0,{i},0,0,0,0\r\n", i)))
        .collect();
    assert_eq!(
        csv.text(),
        format!(
            "day,circuit_id,proofs,failed_proofs,builds,work_ms,deployments,gas,witness_cpu_ms,proving_cpu_ms,\
             build_cpu_ms,stored_bytes\r\n{expected}"
        )
    );
    assert!(csv.header("content-type").starts_with("text/csv"));
    let of_one = usage(&server, &key, &format!("?{days}&circuitId={}&limit=1", circuit(2))).await;
    let cursor = of_one["nextCursor"].as_str().unwrap();
    let query = format!("?{days}&circuitId={}&limit=1&cursor={cursor}", circuit(2));
    let rest = usage(&server, &key, &query).await;
    for (page, day) in [(&of_one, "2026-01-31"), (&rest, "2026-02-01")] {
        let entry = &page["usage"][0];
        assert_eq!((&entry["circuitId"], &entry["day"]), (&json!(circuit(2)), &json!(day)));
    }
    assert_eq!((rest["usage"].as_array().unwrap().len(), rest.get("nextCursor")), (1, None));
    assert_eq!(usage(&server, &key, &format!("?{days}&circuitId={}", circuit(9))).await["usage"], json!([]));
    let csv = server.get_as(&key, &format!("/v1/usage?{days}&circuitId={}&format=csv", circuit(1))).await;
    assert_eq!(csv.text().lines().count(), 3, "{}", csv.text());
    for (query, code) in [
        ("from=2026-02-30", "invalid_query"),
        ("circuitId=x", "invalid_query"),
        ("format=xml", "invalid_query"),
        ("limit=0", "invalid_limit"),
        ("cursor=x", "invalid_cursor"),
    ] {
        server.get_as(&key, &format!("/v1/usage?{query}")).await.problem(400, code);
    }
}
