//! Servers on sockets, with documents of a past that they did not have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::prove::Provers;
use zkflow_core::service::catalog::{
    Attempt, Circuit, Day, DeployedContract, Deployment, Document as _, Failure, Page, ProofArtifacts,
    ProofFilter, ProofRequest, ProofStage, ProofStatus, Scope, Signer, Usage, UsageKey, WorkerProcess,
};
use zkflow_core::service::chain::{Address, SignedTransaction, TransactionHash};
use zkflow_core::service::flow::deployment::Asked;
use zkflow_core::service::id::{DeploymentId, ProofId, WorkerId};
use zkflow_core::service::queue::{NewJob, QueueName, Retry};
use zkflow_core::service::tenant::TenantId;
use zkflow_server::auth::NewKey;
use zkflow_server::config::{AuthMethod, Config};
use zkflow_server::state::App;
use zkflow_server::{backends, http, work};

use crate::project;

const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A server in memory that listens on a port.
pub(crate) struct Served {
    app: Arc<App>,
    base: String,
    /// A ready circuit, and a proof made with it.
    made: Option<(CircuitId, ProofArtifacts)>,
}

impl Served {
    /// A server without authentication, with a ready circuit and a proof. Its workers do not run.
    pub(crate) async fn open() -> Self {
        let mut served = Self::start(|_| ()).await;
        let stop = CancellationToken::new();
        let app = served.app.clone();
        let working = tokio::spawn({
            let stop = stop.clone();
            async move {
                tokio::select! { () = work::run(app, &QueueName::ALL) => {}, () = stop.cancelled() => {} }
            }
        });
        let asked = json!({"templateName": "rangeCheck", "params": {"min": 18, "max": 120, "bits": 7}});
        let circuit = served.post("/v1/circuits", &asked).await["circuitId"].as_str().unwrap().to_owned();
        assert_eq!(served.get(&format!("/v1/circuits/{circuit}?wait=60")).await["status"], "ready");
        let inputs = json!({"circuitId": circuit, "privateInputs": {"age": 42}, "publicInputs": {"randomPublicSignal": 7}});
        let proof = served.post("/v1/proofs", &inputs).await["proofRequestId"].as_str().unwrap().to_owned();
        assert_eq!(served.get(&format!("/v1/proofs/{proof}?wait=60")).await["status"], "completed");
        stop.cancel();
        working.await.unwrap();
        let proof = served.app.catalog.proofs().get(&proof.parse().unwrap()).await.unwrap().unwrap();
        served.made = Some((circuit.parse().unwrap(), proof.artifacts.unwrap()));
        served
    }

    /// A server that asks for keys.
    pub(crate) async fn guarded() -> Self {
        Self::start(|config| {
            config.auth.methods = vec![AuthMethod::Keys];
            (config.http.dashboard_idle_s, config.http.dashboard_session_s) = (600, 3600);
        })
        .await
    }

    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.circuits.module_cache = Some(std::env::temp_dir().join("zkflow-test-modules"));
        // Published powers of tau, so that a ceremony can be hosted.
        let powers = "zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau";
        config.circuits.ptau_path = Some(project(powers));
        config.webhooks.callbacks = true;
        config.webhooks.local_callbacks = true;
        change(&mut config);
        let app = backends::in_memory(config, Provers::default(), CancellationToken::new()).await.unwrap();
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let router = http::router(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { app, base, made: None }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Id of the ready circuit.
    pub(crate) fn circuit(&self) -> String {
        self.made.as_ref().unwrap().0.to_string()
    }

    /// Starts the workers.
    pub(crate) fn work(&self) {
        let app = self.app.clone();
        tokio::spawn(async move { work::run(app, &QueueName::ALL).await });
    }

    async fn get(&self, path: &str) -> Value {
        reqwest::get(format!("{}{}", self.base, &path[1..])).await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{}", self.base, &path[1..]);
        reqwest::Client::new().post(url).json(body).send().await.unwrap().json().await.unwrap()
    }

    /// Makes a key.
    pub(crate) async fn key(&self, tenant: &str, scopes: &[Scope]) -> String {
        let new = NewKey {
            name: format!("for {tenant}"),
            tenant: tenant.parse().unwrap(),
            scopes: scopes.to_vec(),
            expires_at: None,
        };
        new.create(&*self.app.catalog, self.app.now()).await.unwrap().1.expose().to_owned()
    }

    /// Adds completed and failed proof requests of the last week, most of them young, and returns the id of a completed one.
    pub(crate) async fn seed(&self, completed: u64, failed: u64) -> String {
        let (circuit, artifacts) = self.made.clone().unwrap();
        let now = self.app.now();
        let mut last = String::new();
        for number in 0..completed + failed {
            // Cubes spread the ages: a tenth of a second up to a week.
            let part = number as f64 / (completed + failed) as f64;
            let asked = now - (WEEK - MINUTE).mul_f64(part.powi(3)) - Duration::from_secs(2);
            let id = ProofId::generate(asked);
            let user = (number % 3 > 0).then(|| format!("user-{}", number % 5).parse().unwrap());
            let mut proof = ProofRequest::new(id.clone(), circuit.clone(), user, None, asked, WEEK);
            let (witness, prove) = (3 + number % 9, 60 + (number * 37) % 140);
            let wait = (number * 53) % 400;
            let life = &mut proof.life;
            life.attempt = 1;
            let began_at = asked + Duration::from_millis(wait);
            life.attempts.push(Attempt {
                number: 1,
                began_at,
                ended_at: Some(began_at + Duration::from_millis(witness + prove)),
                stage: ProofStage::Done,
                cause: None,
            });
            life.timings.insert("witness".to_owned(), witness);
            if number % (completed + failed).div_ceil(failed) == 0 {
                life.status = ProofStatus::Failed;
                life.stage = ProofStage::Witness;
                life.timings.clear();
                life.error = Some(Failure {
                    code: "constraint_failed".to_owned(),
                    message: "a constraint of the circuit is not satisfied: template RangeCheck, line 29"
                        .to_owned(),
                });
                life.updated_at = asked + Duration::from_millis(wait + witness);
                life.attempts[0].ended_at = Some(life.updated_at);
                life.attempts[0].stage = ProofStage::Witness;
                life.attempts[0].cause = Some("constraint_failed".to_owned());
            } else {
                life.status = ProofStatus::Completed;
                life.stage = ProofStage::Done;
                life.timings.insert("prove".to_owned(), prove);
                life.updated_at = asked + Duration::from_millis(wait + witness + prove);
                proof.artifacts = Some(artifacts.clone());
                last = id.to_string();
            }
            self.app.activity.record(&proof);
            self.app.catalog.proofs().insert(proof).await.unwrap();
        }
        last
    }

    fn request(&self) -> ProofRequest {
        let now = self.app.now();
        let circuit = self.made.as_ref().unwrap().0.clone();
        ProofRequest::new(ProofId::generate(now), circuit, None, None, now, WEEK)
    }

    /// Adds a request that failed because its circuit was deleted.
    pub(crate) async fn gone(&self) {
        let mut gone = self.request();
        let message = "the circuit was deleted".to_owned();
        gone.fail(Failure { code: "circuit_gone".to_owned(), message }, self.app.now()).unwrap();
        self.app.catalog.proofs().insert(gone).await.unwrap();
    }

    /// Adds a request that waits for memory, and returns its id. Its job is due in an hour.
    pub(crate) async fn delayed(&self) -> String {
        let mut delayed = self.request();
        let crashed = Failure { code: "panic".to_owned(), message: "the work panicked".to_owned() };
        delayed.begin(1, self.app.now()).unwrap();
        delayed.delay(crashed, self.app.now()).unwrap();
        delayed.begin(2, self.app.now()).unwrap();
        let message = "the proof needs 70 GiB, and 3 GiB are left".to_owned();
        delayed.delay(Failure { code: "proof_does_not_fit".to_owned(), message }, self.app.now()).unwrap();
        let id = delayed.id.to_string();
        let job = NewJob { delay: 60 * MINUTE, ..NewJob::new(QueueName::ProofGeneration, &*id) };
        self.app.queue.push(job).await.unwrap();
        self.app.catalog.proofs().insert(delayed).await.unwrap();
        id
    }

    /// A deployment of the circuit.
    fn deployment(&self, chain_id: u64) -> Deployment {
        let now = self.app.now();
        let signer = Signer::Named("treasury".to_owned());
        let asked = Asked { chain_id: Some(chain_id), signer, own_rpc: false, idempotency: None };
        let circuit = self.made.as_ref().unwrap().0.clone();
        Deployment::new(DeploymentId::generate(now), circuit, asked, now)
    }

    /// Adds a deployment that failed after its transaction was signed; each byte of the hash is `byte`.
    pub(crate) async fn failed_deployment(&self, chain_id: u64, byte: u8) -> String {
        let (now, mut deployment) = (self.app.now(), self.deployment(chain_id));
        let transaction = SignedTransaction {
            sender: Address([byte; 20]),
            nonce: 3,
            hash: TransactionHash([byte; 32]),
            raw: String::new(),
        };
        deployment.signed(chain_id, transaction, now).unwrap();
        let code = "transaction_failed".to_owned();
        deployment.fail(Failure { code, message: "the transaction was reverted".to_owned() }, now).unwrap();
        let id = deployment.id.to_string();
        self.app.catalog.deployments().insert(deployment).await.unwrap();
        id
    }

    /// Adds a confirmed deployment of the circuit; each byte of the contract's address is `byte`.
    pub(crate) async fn deployed(&self, chain_id: u64, byte: u8) {
        let (now, mut deployment) = (self.app.now(), self.deployment(chain_id));
        let contract = DeployedContract {
            chain_id,
            address: Address([byte; 20]),
            transaction: Some(TransactionHash([byte; 32])),
            block: 7,
            gas_used: Some(400_123),
            verification_key: Digest::of("a key"),
            compiler: None,
            code: Digest::of("a contract"),
        };
        deployment.confirm(contract, MINUTE, now).unwrap();
        self.app.catalog.deployments().insert(deployment).await.unwrap();
    }

    /// Announces workers of other machines, and counts usage of earlier days.
    pub(crate) async fn past(&self) {
        let now = self.app.now();
        let processes: [&[(QueueName, u32)]; 3] = [
            &[(QueueName::ProofGeneration, 4)],
            &[(QueueName::ProofGeneration, 4)],
            &[(QueueName::KeyGeneration, 1), (QueueName::Ceremony, 1), (QueueName::Cleanup, 1)],
        ];
        for (number, queues) in processes.into_iter().enumerate() {
            let process = WorkerProcess {
                id: WorkerId::generate(now - 60 * MINUTE * (number as u32 + 1)),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                prover: "native".to_owned(),
                kernel: "ifma".to_owned(),
                queues: queues.iter().copied().collect(),
                memory_bytes: Some((3 - number as u64) * 700_000_000),
            };
            self.app.catalog.workers().announce(&process).await.unwrap();
        }
        let circuit = self.made.as_ref().unwrap().0.clone();
        for day in 1..6_u32 {
            let key = UsageKey {
                day: Day::of(now - 24 * 60 * MINUTE * day),
                tenant: TenantId::default(),
                circuit: circuit.clone(),
            };
            let proofs = u64::from(40 * day % 130 + 17);
            let usage = Usage {
                proofs,
                failed_proofs: proofs / 13,
                work_ms: proofs * 140,
                witness_cpu_ms: proofs * 9,
                proving_cpu_ms: proofs * 210,
                ..Usage::default()
            };
            self.app.catalog.usage_log().count(&key, &usage).await.unwrap();
        }
    }

    /// Announces a ceremony for the circuit, and returns its id.
    pub(crate) async fn ceremony(&self) -> String {
        let day = |number: u32| (self.app.now() + 24 * 60 * MINUTE * number).to_string();
        let beacon = json!({"source": "drand, chain 8990e7a9, round 5100000", "at": day(8)});
        let rules =
            json!({"circuitId": self.circuit(), "minContributions": 3, "deadline": day(7), "beacon": beacon});
        let made = self.post("/v1/ceremonies", &rules).await;
        made["ceremonyId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// A circuit whose job is a dead letter. The workers must not run.
    pub(crate) async fn dead_letter(&self, max: u64) -> String {
        let asked = json!({"templateName": "rangeCheck", "params": {"min": 1, "max": max, "bits": 8}});
        let subject = self.post("/v1/circuits", &asked).await["circuitId"].as_str().unwrap().to_owned();
        let lease =
            self.app.queue.lease(QueueName::KeyGeneration, 1, MINUTE, MINUTE).await.unwrap().remove(0);
        assert_eq!(lease.job.subject, subject);
        self.app.queue.fail(&lease.token, "<b>out of memory</b>", Retry::Never).await.unwrap();
        let mut circuit = self.app.catalog.circuits().get(&subject.parse().unwrap()).await.unwrap().unwrap();
        let message = "<b>out of memory</b>: the compiler was stopped".to_owned();
        circuit.fail(Failure { code: "compiler_failed".to_owned(), message }, self.app.now()).unwrap();
        self.app.save::<Circuit>(circuit).await.unwrap();
        subject
    }

    /// Id of a failed proof request.
    pub(crate) async fn failed_proof(&self) -> String {
        let failed = ProofFilter { status: Some(ProofStatus::Failed), ..ProofFilter::default() };
        let found = self.app.catalog.proofs().list(&failed, &Page::first(1)).await.unwrap();
        found[0].id.to_string()
    }
}
