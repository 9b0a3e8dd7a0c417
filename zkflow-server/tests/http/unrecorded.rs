//! Changes whose entry in the audit log cannot be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use zkflow_core::service::catalog::{
    ApiKeys, AuditEntry, AuditLog, Catalog, CatalogError, Ceremony, CeremonyFilter, Circuit, CircuitFilter,
    CircuitStatus, Collection, Delivery, Deployment, DeploymentFilter, History, Named as _, Page,
    ProofRequest, Scope, Sessions, Spending, UsageLog, Workers,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::InstallationId;
use zkflow_server::callbacks::Hooks;
use zkflow_server::state::App;

use crate::callers::guarded_with;
use crate::support::{json_request, range_check, request};

/// A catalog whose audit log can be read, and takes no entry while it is full.
#[derive(Debug)]
struct Limited {
    catalog: Arc<dyn Catalog>,
    is_full: AtomicBool,
}

#[async_trait]
impl AuditLog for Limited {
    async fn last(&self) -> Result<Option<AuditEntry>, CatalogError> {
        self.catalog.audit_log().last().await
    }
    async fn append(&self, entry: &AuditEntry) -> Result<bool, CatalogError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(CatalogError::backend("appending to the audit log", "the disk is full"));
        }
        self.catalog.audit_log().append(entry).await
    }
    async fn entries(&self, after: u64, limit: usize) -> Result<Vec<AuditEntry>, CatalogError> {
        self.catalog.audit_log().entries(after, limit).await
    }
}

#[async_trait]
impl Catalog for Limited {
    fn circuits(&self) -> &dyn Collection<Circuit> {
        self.catalog.circuits()
    }
    fn proofs(&self) -> &dyn Collection<ProofRequest> {
        self.catalog.proofs()
    }
    fn deployments(&self) -> &dyn Collection<Deployment> {
        self.catalog.deployments()
    }
    fn ceremonies(&self) -> &dyn Collection<Ceremony> {
        self.catalog.ceremonies()
    }
    fn deliveries(&self) -> &dyn Collection<Delivery> {
        self.catalog.deliveries()
    }
    fn keys(&self) -> &dyn ApiKeys {
        self.catalog.keys()
    }
    fn sessions(&self) -> &dyn Sessions {
        self.catalog.sessions()
    }
    fn usage_log(&self) -> &dyn UsageLog {
        self.catalog.usage_log()
    }
    fn history(&self) -> &dyn History {
        self.catalog.history()
    }
    fn workers(&self) -> &dyn Workers {
        self.catalog.workers()
    }
    fn spending(&self) -> &dyn Spending {
        self.catalog.spending()
    }
    fn audit_log(&self) -> &dyn AuditLog {
        self
    }
    async fn expired_proofs(&self, now: Timestamp, limit: usize) -> Result<Vec<ProofRequest>, CatalogError> {
        self.catalog.expired_proofs(now, limit).await
    }
    async fn installation(&self) -> Result<Option<InstallationId>, CatalogError> {
        self.catalog.installation().await
    }
    async fn bind(&self, id: &InstallationId, replace: bool) -> Result<InstallationId, CatalogError> {
        self.catalog.bind(id, replace).await
    }
}

/// Everything that the requests of this test would change.
async fn state(app: &App) -> Vec<String> {
    let (catalog, page) = (&app.catalog, Page::first(99));
    // A use of a key is no change of it.
    let keys = catalog.keys().keys(None, &page).await.unwrap();
    let keys: Vec<_> = keys.into_iter().map(|key| (key.id, key.expires_at, key.revoked_at)).collect();
    let hooks = Hooks::read(&app.vault, &"operators".parse().unwrap()).await.unwrap();
    vec![
        format!("keys {keys:?}"),
        format!("circuits {:?}", catalog.circuits().list(&CircuitFilter::default(), &page).await.unwrap()),
        format!(
            "deployments {:?}",
            catalog.deployments().list(&DeploymentFilter::default(), &page).await.unwrap()
        ),
        format!(
            "ceremonies {:?}",
            catalog.ceremonies().list(&CeremonyFilter::default(), &page).await.unwrap()
        ),
        format!("webhooks {:?}", hooks.0),
        format!("paused {:?}", app.pauses.paused().await),
    ]
}

fn with_method(method: Method, mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = method;
    request
}

#[tokio::test]
async fn a_change_whose_entry_cannot_be_written_is_not_made() {
    let server = guarded_with(|config| {
        config.webhooks.callbacks = true;
        config.chain.allow_request_keys = true;
        config.chain.rpc_urls = Some("31337=http://127.0.0.1:9".parse().unwrap());
    })
    .await;
    let (_, key) = server.key_until("operators", Scope::ALL, None).await;
    let (victim, _) = server.key_until("acme", &[Scope::Verify], None).await;
    let owned = server.documents_of("operators").await;
    // Neither is in the way of a deletion.
    let (app, circuit) = (&server.app, &owned.circuit.id);
    app.erase(app.catalog.proofs().get(&owned.proof).await.unwrap().unwrap()).await.unwrap();
    app.erase(app.catalog.deployments().get(&owned.deployment).await.unwrap().unwrap()).await.unwrap();
    assert_eq!(owned.circuit.life.status, CircuitStatus::Ready);

    let mut public = range_check();
    public["visibility"] = json!("public");
    let post = |path: &str, body: serde_json::Value| json_request(path, &body.to_string());
    let plain = |method: Method, path: &str| request(method, path, Body::empty());
    let requests = || {
        let new = json!({"templateName": "rangeCheck", "params": {"min": 1, "max": 9, "bits": 8}});
        let webhooks = post("/v1/webhooks", json!({"url": "https://1.1.1.1/", "every": true}));
        let deployment = json!({"chainId": 31_337, "privateKey": "1".repeat(64)});
        [
            post("/v1/keys", json!({"name": "a", "tenant": "acme", "scopes": ["verify"]})),
            plain(Method::POST, &format!("/v1/keys/{}/rotate", victim.id)),
            plain(Method::DELETE, &format!("/v1/keys/{}", victim.id)),
            post("/v1/circuits", new),
            post("/v1/circuits", public.clone()),
            post(&format!("/v1/circuits/{circuit}/deploy"), deployment),
            with_method(Method::PUT, webhooks),
            plain(Method::POST, "/v1/webhooks/rotate"),
            plain(Method::DELETE, "/v1/webhooks"),
            plain(Method::POST, "/v1/queues/deploy/pause"),
            plain(Method::DELETE, &format!("/v1/ceremonies/{}", owned.ceremony)),
            plain(Method::DELETE, &format!("/v1/circuits/{circuit}")),
        ]
    };

    let limited = Arc::new(Limited { catalog: app.catalog.clone(), is_full: AtomicBool::new(true) });
    let server = server.changed(|app| App { catalog: limited.clone(), ..app });
    let before = state(&server.app).await;
    for request in requests() {
        server.send_as(&key, request).await.problem(503, "catalog_unavailable");
    }
    assert_eq!(state(&server.app).await, before);
    assert!(limited.audit_log().last().await.unwrap().is_none());

    // A control: with the log, each request is a change.
    limited.is_full.store(false, Ordering::SeqCst);
    for request in requests() {
        let shown = format!("{} {}", request.method(), request.uri());
        let deployments = &server.app.catalog.deployments();
        for deployment in deployments.list(&DeploymentFilter::default(), &Page::first(9)).await.unwrap() {
            server.app.erase(deployment).await.unwrap();
        }
        let before = state(&server.app).await;
        let reply = server.send_as(&key, request).await;
        assert!(reply.status.is_success(), "{shown}: {}", reply.text());
        assert_ne!(state(&server.app).await, before, "{shown}");
    }
}
