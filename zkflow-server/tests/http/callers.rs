//! Servers with authentication, and documents of tenants.

use std::sync::atomic::{AtomicU32, Ordering};

use std::time::Duration;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, Request};
use secrecy::SecretString;
use serde_json::Value;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::catalog::{
    ApiKey, Ceremony, Circuit, Delivery, Deployment, Document as _, Failure, FileRole, ProofRequest, Scope,
    Sealed, Signer, Visibility,
};
use zkflow_core::service::ceremony::{AnnouncedBeacon, CeremonyCircuit, CeremonyRules};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::flow::ceremony::Contributor;
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::{CeremonyId, DeliveryId, DeploymentId, ProofId, UploadId};
use zkflow_core::service::store::{ArtifactPath, PutMode};
use zkflow_core::service::tenant::TenantId;
use zkflow_core::service::upload::UploadFile;
use zkflow_queue::deliveries::owe;
use zkflow_server::auth::NewKey;
use zkflow_server::callbacks::Hooks;
use zkflow_server::config::{AuthMethod, Config};
use zkflow_server::service::uploads;

use crate::support::{Reply, Server, json_request, ready_circuit, request, shared};

/// A server that asks for keys.
pub(crate) async fn guarded() -> Server {
    guarded_with(|_| ()).await
}

/// Like [`guarded`], with changed settings.
pub(crate) async fn guarded_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::idle_with(|config| {
        config.auth.methods = vec![AuthMethod::Keys];
        change(config);
    })
    .await
}

/// The documents of a tenant.
pub(crate) struct Owned {
    pub(crate) circuit: Circuit,
    pub(crate) proof: ProofId,
    pub(crate) deployment: DeploymentId,
    /// An upload of one byte that was sent.
    pub(crate) upload: UploadId,
    /// An open ceremony, in which the contributor with [`TOKEN`] has the turn and has declared a key of one byte.
    pub(crate) ceremony: CeremonyId,
    /// A delivery that was given up.
    pub(crate) event: DeliveryId,
}

/// Token of the contributor that has the turn.
pub(crate) const TOKEN: &str = "a-token";

impl Server {
    /// Makes a key and returns it with its document.
    pub(crate) async fn key_until(
        &self,
        tenant: &str,
        scopes: &[Scope],
        expires_at: Option<Timestamp>,
    ) -> (ApiKey, String) {
        let (name, tenant, scopes) = ("test".to_owned(), tenant.parse().unwrap(), scopes.to_vec());
        let new = NewKey { name, tenant, scopes, expires_at };
        let (key, text) = new.create(&*self.app.catalog, self.app.now()).await.unwrap();
        (key, text.expose().to_owned())
    }

    /// Makes a key.
    pub(crate) async fn key(&self, tenant: &str, scopes: &[Scope]) -> String {
        self.key_until(tenant, scopes, None).await.1
    }

    /// Sends a request with a key.
    pub(crate) async fn send_as(&self, key: &str, request: Request<Body>) -> Reply {
        self.send(with_key(key, request)).await
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str) -> Reply {
        self.send_as(key, request(Method::GET, path, Body::empty())).await
    }

    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.send_as(key, json_request(path, &body.to_string())).await
    }

    pub(crate) async fn delete_as(&self, key: &str, path: &str) -> Reply {
        self.send_as(key, request(Method::DELETE, path, Body::empty())).await
    }

    /// Adds a ready circuit of a tenant, as a worker would leave it.
    pub(crate) async fn circuit_of(&self, tenant: &str, visibility: Visibility) -> Circuit {
        let (shared, tenant) = (shared().await, tenant.parse::<TenantId>().unwrap());
        let mut circuit = shared.circuit(ready_circuit().await).await;
        circuit.circuit_hash = tenant.scoped(&circuit.circuit_hash);
        circuit.id = CircuitId::from_hash(&circuit.circuit_hash);
        circuit.visibility = visibility;
        circuit.life.tenant = tenant;
        if let Some(present) = self.app.catalog.circuits().get(&circuit.id).await.unwrap() {
            self.app.erase(present).await.unwrap();
        }
        for meta in circuit.artifacts.values() {
            let body = shared.app.store.get(&meta.key).await.unwrap().body;
            self.app.store.put(&meta.key, body, PutMode::Overwrite).await.unwrap();
        }
        self.app.catalog.circuits().insert(circuit.clone()).await.unwrap();
        circuit
    }

    /// Adds an open ceremony for a circuit, in which the contributor with [`TOKEN`] has the turn.
    async fn ceremony_of(&self, circuit: &Circuit, upload: &UploadId) -> CeremonyId {
        let (now, id) = (self.app.now(), CeremonyId::generate(self.app.now()));
        let deadline = now + Duration::from_secs(3600);
        let beacon = AnnouncedBeacon { source: "a block".to_owned(), exponent: 10, at: deadline };
        let rules = CeremonyRules { min_contributions: 1, deadline, turn_seconds: 3600, beacon };
        let mut ceremony = Ceremony::new(id.clone(), circuit.id.clone(), rules, None, now);
        ceremony.life.tenant = circuit.life.tenant.clone();
        let place = ArtifactPath::CeremonyKey { ceremony: id.clone(), key: Digest::of("key") }.key();
        let key = self.app.store.put(&place, "key".into(), PutMode::Create).await.unwrap();
        let circuit = CeremonyCircuit {
            r1cs: Digest::of("r1cs"),
            circuit_hash: "0".repeat(128),
            powers: "0".repeat(128),
            powers_origin: "a file".to_owned(),
        };
        ceremony.prepared(circuit, key, Duration::ZERO, now).unwrap();
        let token = Digest::of(TOKEN);
        ceremony.join(Contributor { token, caller: None }, now).unwrap();
        assert!(ceremony.take_turn(&token, now));
        ceremony.attach(upload.clone(), now);
        self.app.catalog.ceremonies().insert(ceremony).await.unwrap();
        id
    }

    /// Adds a circuit, a pending proof request and a pending deployment of a tenant.
    pub(crate) async fn documents_of(&self, tenant: &str) -> Owned {
        let circuit = self.circuit_of(tenant, Visibility::Tenant).await;
        let (now, tenant) = (self.app.now(), circuit.life.tenant.clone());
        let (proof, deployment) = (ProofId::generate(now), DeploymentId::generate(now));
        let week = Duration::from_secs(7 * 24 * 3600);
        let mut asked = ProofRequest::new(proof.clone(), circuit.id.clone(), None, None, now, week);
        asked.life.tenant = tenant.clone();
        self.app.catalog.proofs().insert(asked).await.unwrap();
        let signer = Signer::Named("deployer".to_owned());
        let asked = Asked { chain_id: Some(31_337), signer, own_rpc: false, idempotency: None };
        let mut asked = Deployment::new(deployment.clone(), circuit.id.clone(), asked, now);
        asked.life.tenant = tenant.clone();
        self.app.catalog.deployments().insert(asked).await.unwrap();
        let role = FileRole::Wasm;
        let file = UploadFile { role, path: None, size: 1, sha256: Digest::of("a") };
        let tenant = &circuit.life.tenant;
        let upload = uploads::create(&self.app, tenant, vec![file]).await.unwrap().id;
        let ceremony = self.ceremony_of(&circuit, &upload).await;
        let url = SecretString::from("https://1.1.1.1/hooks".to_owned());
        let (version, _) = Hooks::read(&self.app.vault, tenant).await.unwrap();
        let hooks = Hooks::new(&url, false);
        assert!(Hooks::write(Some(&hooks), &self.app.vault, tenant, version).await.unwrap());
        let event = self.failed_delivery(&circuit).await.id;
        Owned { circuit, proof, deployment, upload, ceremony, event }
    }
}

impl Server {
    /// Adds a delivery about a circuit that was given up.
    pub(crate) async fn failed_delivery(&self, circuit: &Circuit) -> Delivery {
        let (mut subject, now) = (circuit.clone(), self.app.now());
        subject.life.callback = Some(Sealed(vec![0]));
        // A further end of the circuit for each call.
        static ENDS: AtomicU32 = AtomicU32::new(0);
        subject.life.restarts = ENDS.fetch_add(1, Ordering::Relaxed);
        let owed = owe(&*self.app.catalog, Delivery::owed_by(&subject, now).unwrap()).await;
        let mut delivery = owed.unwrap();
        let failure = Failure { code: "callback_failed".to_owned(), message: "no answer".to_owned() };
        delivery.fail(failure, now).unwrap();
        self.app.save(delivery).await.unwrap()
    }
}

/// Adds a key to a request.
pub(crate) fn with_key(key: &str, mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
    request
}
