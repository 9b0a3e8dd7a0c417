//! Measures the lists and searches of a catalog with many documents, over HTTP.
//!
//! The documents are written first. Then each request is made several times, with an API in this process.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::prove::Provers;
use zkflow_core::service::catalog::{
    Circuit, Document as _, Failure, Named as _, ProofArtifacts, ProofRequest, ProofStage, Scope, Stored,
};
use zkflow_core::service::clock::Timestamp;
use zkflow_core::service::id::ProofId;
use zkflow_core::service::queue::{NewJob, QueueName, Retry};
use zkflow_core::service::tenant::TenantId;
use zkflow_server::auth::NewKey;
use zkflow_server::client::Client;
use zkflow_server::config::{AuthMethod, Config};
use zkflow_server::state::App;
use zkflow_server::{backends, http};
use zkflow_testbed::MongoServer;

/// Measures lists and searches
#[derive(Parser)]
struct Args {
    /// Proof requests in the catalog; there are a fiftieth as many circuits, and a tenth as many dead letters, at most 10 000
    #[arg(long, default_value_t = 100_000)]
    proofs: u64,
    /// Catalogs: sqlite, mongodb (`MONGODB_URI`, or the server of the tests)
    #[arg(long, value_delimiter = ',', default_values_t = ["sqlite".to_owned()])]
    catalogs: Vec<String>,
    /// Measurements of each request
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Time between two requests.
const STEP: Duration = Duration::from_secs(60);
/// Documents that are written at the same time.
const AT_ONCE: usize = 256;
/// A tenant with few requests.
const SMALL: &str = "small";

/// A filled catalog, and the API on it.
struct Service {
    app: Arc<App>,
    large: Client,
    small: Client,
    /// The circuit of most requests, and one of few.
    circuits: [CircuitId; 2],
    now: Timestamp,
    _folder: tempfile::TempDir,
    _mongo: Option<MongoServer>,
}

impl Service {
    async fn start(catalog: &str, proofs: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mongo = match catalog {
            "mongodb" => Some(MongoServer::start().await),
            _ => None,
        };
        let mut config = Config::default();
        config.storage.data_dir = folder.path().to_owned();
        config.auth.methods = vec![AuthMethod::Keys];
        if let Some(mongo) = &mongo {
            config.storage.mongodb_uri = Some(mongo.fresh_uri().parse().expect("a URI is a setting"));
        }
        let app = backends::open_for(&[], config, Provers::default(), CancellationToken::new());
        let app = app.await.expect("the backends open");
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = listener.await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let router = http::router(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let large = client(&app, &base, TenantId::default()).await;
        let small = client(&app, &base, SMALL.parse().expect("a tenant")).await;
        let circuits = ["often", "rarely"].map(|name| CircuitId::from_hash(&Digest::of(name)));
        let service = Self { now: app.now(), app, large, small, circuits, _folder: folder, _mongo: mongo };
        let began = Instant::now();
        service.fill(proofs).await;
        eprintln!("{catalog}: {proofs} proof requests are written in {:.0?}", began.elapsed());
        service
    }

    async fn fill(&self, proofs: u64) {
        let circuits = futures::stream::iter(0..proofs / 50);
        circuits.for_each_concurrent(AT_ONCE, |number| self.insert(circuit(number, self.now))).await;
        let requests = futures::stream::iter(0..proofs);
        requests.for_each_concurrent(AT_ONCE, |number| self.insert(self.proof(number))).await;
        for number in 0..(proofs / 10).min(10_000) {
            let job = NewJob::new(QueueName::KeyGeneration, format!("{number:032x}"));
            self.app.queue.push(job).await.expect("a job is pushed");
            let leased =
                self.app.queue.lease(QueueName::KeyGeneration, 1, STEP, STEP).await.expect("a lease");
            for lease in leased {
                let failed = self.app.queue.fail(&lease.token, "out of memory", Retry::Never).await;
                failed.expect("the job dies");
            }
        }
    }

    async fn insert<D: Stored>(&self, document: D) {
        let inserted = self.app.documents::<D>().insert(document).await;
        assert!(inserted.expect("a document is written").1, "a document is there already");
    }

    /// Of a hundred requests, two have failed, and one of 5000 is pending. One of 33 is of the small tenant.
    fn proof(&self, number: u64) -> ProofRequest {
        let asked = self.now - STEP * u32::try_from(number).unwrap_or(u32::MAX);
        let circuit = self.circuits[usize::from(number.is_multiple_of(997))].clone();
        let user =
            (!number.is_multiple_of(3)).then(|| format!("user-{}", number % 1000).parse().expect("a user"));
        let keep = Duration::from_secs(30 * 24 * 3600);
        let mut proof = ProofRequest::new(ProofId::generate(asked), circuit, user, None, asked, keep);
        if number % 33 == 5 {
            proof.life.tenant = SMALL.parse().expect("a tenant");
        }
        if number % 5000 == 1 {
            return proof;
        }
        let ended = asked + Duration::from_millis(150);
        proof.begin(1, asked).expect("it is pending");
        if number % 50 == 7 {
            let code = if number % 5000 == 7 { "circuit_gone" } else { "constraint_failed" };
            let failure =
                Failure { code: code.to_owned(), message: "a constraint is not satisfied".to_owned() };
            proof.fail(failure, ended).expect("it is pending");
            return proof;
        }
        proof.advance(ProofStage::Prove, Duration::from_millis(5), ended).expect("it is pending");
        let digits = "21888242871839275222246405745257275088548364400416034343698204186575808495616";
        let point = json!([[digits, digits], [digits, digits], ["1", "0"]]);
        let artifacts = ProofArtifacts {
            proof: json!({"pi_a": point[0], "pi_b": point, "pi_c": point[1], "protocol": "groth16", "curve": "bn128"}),
            public_signals: vec![digits.to_owned(); 4],
            proving_key: Digest::of("key"),
            prover: "native".to_owned(),
        };
        proof.complete(artifacts, Duration::from_millis(140), ended).expect("it is pending");
        proof
    }

    /// The requests to measure, by what they ask for.
    fn questions(&self) -> Vec<Question> {
        let [often, rarely] = &self.circuits;
        let first = circuit(0, self.now).id;
        let hour = self.now - Duration::from_secs(3600);
        let quarter = self.now - Duration::from_secs(60 * 60 * 24 * 17);
        let large = |asks: &str, path: String| Question { asks: asks.to_owned(), path, small: false };
        let mut questions = vec![
            large("proofs, newest 50", "/v1/proofs?".to_owned()),
            large("proofs, newest 200", "/v1/proofs?limit=200".to_owned()),
            large("proofs, failed", "/v1/proofs?status=failed".to_owned()),
            large("proofs, cancelled: none", "/v1/proofs?status=cancelled".to_owned()),
            large("proofs of the usual circuit", format!("/v1/proofs?circuitId={often}")),
            large("… pending", format!("/v1/proofs?circuitId={often}&status=pending")),
            large("proofs of a rare circuit", format!("/v1/proofs?circuitId={rarely}")),
            large("… failed", format!("/v1/proofs?circuitId={rarely}&status=failed")),
            large("proofs of a user", "/v1/proofs?userId=user-7".to_owned()),
            large("… completed", "/v1/proofs?userId=user-8&status=completed".to_owned()),
            large("… of a circuit", format!("/v1/proofs?userId=user-8&circuitId={rarely}")),
            large("proofs with an error code", "/v1/proofs?errorCode=circuit_gone".to_owned()),
            large("… that none has", "/v1/proofs?errorCode=panic".to_owned()),
            large("proofs of the last hour", format!("/v1/proofs?since={hour}")),
            large(
                "… of a quarter of the time, cancelled: none",
                format!("/v1/proofs?since={quarter}&status=cancelled"),
            ),
            large("proofs until a quarter of the time", format!("/v1/proofs?until={quarter}")),
            large("circuits, newest 200", "/v1/circuits?limit=200".to_owned()),
            large("circuits of a template", "/v1/circuits?templateName=poseidonPreimage".to_owned()),
            large("circuits by name", "/v1/circuits?search=POSEIDON".to_owned()),
            large("circuits by id", format!("/v1/circuits?search={}", &first.to_string()[..8])),
            large("circuits by name: none", "/v1/circuits?search=merkle".to_owned()),
            large("circuits of a ceremony: none", "/v1/circuits?provenance=ceremony".to_owned()),
            large("circuits of every tenant", "/v1/circuits?tenant=*&limit=200".to_owned()),
            large(
                "… by name, with a template",
                "/v1/circuits?tenant=*&search=range&templateName=rangeCheck".to_owned(),
            ),
            large("circuits, failed: none", "/v1/circuits?status=failed".to_owned()),
            large(
                "circuits with a file, a page of 200",
                format!("/v1/circuits?limit=200&sha256={}", "0".repeat(64)),
            ),
        ];
        for state in ["pending", "failed", "dead"] {
            for queue in ["proof-generation", "key-generation", "deploy"] {
                let asks = format!("jobs of {queue}, {state}");
                questions.push(large(&asks, format!("/v1/jobs?limit=200&queue={queue}&state={state}")));
            }
        }
        for (asks, filter) in [
            ("failed proofs with a code", "queue=proof-generation&state=failed&errorCode=circuit_gone"),
            (
                "failed proofs with a text that none has",
                "queue=proof-generation&state=failed&containing=panic",
            ),
            ("failed proofs, counted", "queue=proof-generation&state=failed&count=true"),
            ("dead letters with a text that none has", "queue=key-generation&state=dead&containing=panic"),
            ("dead letters, counted", "queue=key-generation&state=dead&count=true"),
            ("waiting proofs of a tenant", "queue=proof-generation&state=pending&tenant=small"),
        ] {
            questions.push(large(asks, format!("/v1/jobs?{filter}")));
        }
        for (asks, path) in [
            ("ceremonies", "/v1/ceremonies?limit=200".to_owned()),
            ("deployments of a circuit", format!("/v1/circuits/{first}/deployments?limit=200")),
            ("webhook deliveries", "/v1/webhooks/deliveries?limit=200".to_owned()),
            ("usage of 30 days", "/v1/usage?limit=200".to_owned()),
            ("keys", "/v1/keys?limit=200".to_owned()),
            ("audit log", "/v1/audit-log?limit=200".to_owned()),
        ] {
            questions.push(large(asks, path));
        }
        questions.push(large("tenants", "/v1/tenants?".to_owned()));
        questions.push(large("overview", "/v1/overview?".to_owned()));
        for (asks, path) in [
            ("proofs of a small tenant", "/v1/proofs?".to_owned()),
            ("… failed", "/v1/proofs?status=failed".to_owned()),
            ("… pending", "/v1/proofs?status=pending".to_owned()),
            ("… of a circuit", format!("/v1/proofs?circuitId={rarely}")),
        ] {
            questions.push(Question { asks: asks.to_owned(), path, small: true });
        }
        questions
    }

    /// The times of a request, and its last answer.
    async fn measure(&self, question: &Question, rounds: usize) -> (Times, Value) {
        let client = if question.small { &self.small } else { &self.large };
        let (mut times, mut body) = (Vec::new(), Value::Null);
        for _ in 0..rounds {
            let began = Instant::now();
            let reply = client.get(&question.path).await.expect("an answer");
            times.push(began.elapsed());
            assert_eq!(reply.status, 200, "{}: {}", question.path, reply.body);
            body = reply.body;
        }
        times.sort();
        (Times(times), body)
    }

    /// Measures the page that begins after some thousand entries, if there is one.
    async fn deep(&self, rounds: usize) -> Option<(Question, Times, Value)> {
        let mut cursor = String::new();
        for _ in 0..20 {
            let reply = self.large.get(&format!("/v1/proofs?limit=200{cursor}")).await.expect("an answer");
            cursor = format!("&cursor={}", reply.body["nextCursor"].as_str()?);
        }
        let question = Question {
            asks: "proofs, the page after 4000".to_owned(),
            path: format!("/v1/proofs?limit=200{cursor}"),
            small: false,
        };
        let (times, body) = self.measure(&question, rounds).await;
        Some((question, times, body))
    }
}

/// A request.
struct Question {
    asks: String,
    path: String,
    /// Whether the small tenant asks.
    small: bool,
}

/// Times in order.
struct Times(Vec<Duration>);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |place: usize| self.0.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        write!(f, "{:.1} | {:.1}", ms(self.0.len() / 2), ms(self.0.len().saturating_sub(1)))
    }
}

/// A client with a key of the tenant.
async fn client(app: &App, base: &str, tenant: TenantId) -> Client {
    let new = NewKey { name: "bench".to_owned(), tenant, scopes: Scope::ALL.to_vec(), expires_at: None };
    let (_, key) = new.create(&*app.catalog, app.now()).await.expect("a key is stored");
    Client::new(base).with_api_key(key.expose()).expect("a key is text")
}

fn circuit(number: u64, now: Timestamp) -> Circuit {
    let template = if number.is_multiple_of(7) { "poseidonPreimage" } else { "rangeCheck" };
    let (hash, asked) =
        (Digest::of(format!("circuit {number}")), now - STEP * u32::try_from(number).unwrap_or(u32::MAX));
    let params = json!({"min": 1, "max": number}).as_object().cloned().unwrap_or_default();
    Circuit::new(hash, template.parse().expect("a template"), params, asked)
}

/// Number of entries of a list.
fn entries(body: &Value) -> usize {
    [
        "proofs",
        "circuits",
        "jobs",
        "tenants",
        "queues",
        "ceremonies",
        "deployments",
        "deliveries",
        "usage",
        "keys",
        "entries",
    ]
    .iter()
    .find_map(|name| body[name].as_array())
    .map_or(0, Vec::len)
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("| catalog | list or search | entries | median ms | slowest ms |\n|---|---|---|---|---|");
        for catalog in &args.catalogs {
            let service = Service::start(catalog, args.proofs).await;
            for question in service.questions() {
                let (times, body) = service.measure(&question, args.rounds).await;
                println!("| {catalog} | {} | {} | {times} |", question.asks, entries(&body));
            }
            if let Some((question, times, body)) = service.deep(args.rounds).await {
                println!("| {catalog} | {} | {} | {times} |", question.asks, entries(&body));
            }
        }
    });
}
