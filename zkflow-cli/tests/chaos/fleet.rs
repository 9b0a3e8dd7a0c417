//! Processes that share one Redis, MongoDB and S3, and the proofs requested from them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use zkflow_core::service::queue::{JobQueue, QueueName, QueueStats};
use zkflow_queue::RedisQueue;
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{MongoServer, Proxy, RedisOptions, RedisServer, S3Server};

/// Longer than any step of these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Maximum number of requests read per [`Requests::look`].
const LOOKS: usize = 100;

/// Key of the vault of every process.
pub(crate) const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The shared backends of the processes, and the settings of each process.
pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    pub(crate) mongo: MongoServer,
    pub(crate) s3: S3Server,
    proxies: Option<Proxies>,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    /// Keys of the vault of every process that is started from now on.
    pub(crate) secret_key: String,
    started: AtomicUsize,
}

/// A proxy in front of each backend that can disturb the network.
pub(crate) struct Proxies {
    pub(crate) redis: Proxy,
    pub(crate) mongo: Proxy,
    pub(crate) s3: Proxy,
}

impl Fleet {
    /// Starts the backends, but no process. Each process gets `settings`.
    pub(crate) async fn new(settings: &[&str]) -> Self {
        Self::over(RedisOptions { append_only: true, ..RedisOptions::default() }, settings).await
    }

    /// As [`new`](Self::new), with other options of Redis.
    pub(crate) async fn over(options: RedisOptions, settings: &[&str]) -> Self {
        Self {
            redis: RedisServer::start(options).unwrap(),
            mongo: MongoServer::start_own().await,
            s3: S3Server::start_own().await,
            proxies: None,
            folder: tempfile::tempdir().unwrap(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            secret_key: KEY.to_owned(),
            started: AtomicUsize::new(0),
        }
    }

    /// Puts a proxy in front of every backend. The proxies cause no faults at first.
    pub(crate) async fn behind_proxies(mut self) -> Self {
        let redis = SocketAddr::from((Ipv4Addr::LOCALHOST, self.redis.port().unwrap()));
        self.proxies = Some(Proxies {
            redis: Proxy::start(redis).await,
            mongo: Proxy::start(self.mongo.address()).await,
            s3: Proxy::start(self.s3.address()).await,
        });
        self
    }

    pub(crate) fn proxies(&self) -> &Proxies {
        self.proxies.as_ref().unwrap()
    }

    /// A process that only serves the API.
    pub(crate) fn api(&self) -> LocalServer {
        self.process(&["serve", "--no-workers"])
    }

    /// A worker process with additional `settings`.
    pub(crate) fn worker(&self, settings: &[&str]) -> LocalServer {
        self.process(&[&["worker"], settings].concat())
    }

    /// Starts a process.
    fn process(&self, command: &[&str]) -> LocalServer {
        let mut process = self.command(command);
        process.args(["--port", "0"]).stderr(Stdio::inherit());
        LocalServer::spawn(process).unwrap()
    }

    /// A command with its own data folder, which simulates its own machine.
    pub(crate) fn command(&self, command: &[&str]) -> Command {
        let machine = self.started.fetch_add(1, Ordering::Relaxed).to_string();
        // All tests share the cache of compiled WebAssembly.
        let modules = std::env::temp_dir().join("zkflow-test-modules");
        let mut process = Command::new(Path::new(env!("CARGO_BIN_EXE_zkflow")));
        let (redis, mongo, s3) = match &self.proxies {
            None => (self.redis.url().to_owned(), self.mongo.uri().to_owned(), self.s3.endpoint().to_owned()),
            Some(proxies) => (
                format!("redis://{}", proxies.redis.address()),
                self.mongo.uri_through(proxies.mongo.address()),
                format!("http://{}", proxies.s3.address()),
            ),
        };
        process
            .args(command)
            .args(["--log-level", "error", "--module-cache"])
            .arg(modules)
            .arg("--data-dir")
            .arg(self.folder.path().join(machine))
            .args(&self.settings)
            .env("ZKFLOW_SECRET_KEY", &self.secret_key)
            .env("REDIS_URL", redis)
            .env("SSL_CERT_FILE", RedisServer::authority())
            .env("MONGODB_URI", mongo)
            .env("S3_ENDPOINT", s3)
            .env("S3_BUCKET", self.s3.bucket())
            .env("S3_FORCE_PATH_STYLE", "true")
            .env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
        process
    }

    /// The queue that the processes use.
    pub(crate) async fn queue(&self) -> RedisQueue {
        RedisQueue::connect(self.redis.url(), "zkflow").await.unwrap()
    }
}

/// Statistics of the queue of proofs.
pub(crate) async fn proof_jobs(queue: &RedisQueue) -> QueueStats {
    queue.stats(QueueName::ProofGeneration).await.unwrap()
}

/// A circuit whose proofs need some ten milliseconds, and the requested proofs.
pub(crate) struct Requests {
    client: Client,
    circuit: String,
    numbers: usize,
    asked: BTreeMap<String, usize>,
    /// Documents of completed requests, as first seen.
    seen: BTreeMap<String, Value>,
}

/// Result of all requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) asked: usize,
    pub(crate) verified: usize,
    /// Requests that were not found, failed, or were not completed in time.
    pub(crate) lost: Vec<String>,
    /// Number of requests whose document changed after completion.
    pub(crate) twice: usize,
}

impl Requests {
    /// Requests a circuit with `numbers` inputs and waits until it is ready.
    pub(crate) async fn new(client: Client, numbers: usize) -> Self {
        let params = json!({"n": numbers, "min": 18, "max": 120});
        let circuit = client.circuit("batchRangeCheck", params, PATIENCE).await.unwrap();
        let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
        Self { client, circuit, numbers, asked: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Requests `count` proofs, each of a different statement. Repeats each request until it is accepted.
    pub(crate) async fn ask(&mut self, count: usize) {
        let (first, this) = (self.asked.len(), &self);
        let asks = (first..first + count).map(async |statement| {
            loop {
                match this.try_ask(statement).await {
                    Some(id) => break (id, statement),
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        let taken: Vec<_> = stream::iter(asks).buffer_unordered(8).collect().await;
        self.asked.extend(taken);
    }

    /// Requests one more proof, once. Returns whether the request was accepted.
    pub(crate) async fn ask_once(&mut self) -> bool {
        let statement = self.asked.len();
        let taken = self.try_ask(statement).await;
        taken.is_some_and(|id| self.asked.insert(id, statement).is_none())
    }

    async fn try_ask(&self, statement: usize) -> Option<String> {
        let values: Vec<String> =
            (0..self.numbers).map(|i| (18 + (statement + i) % 103).to_string()).collect();
        let (private, public) = (json!({"values": values}), json!({"randomPublicSignal": signal(statement)}));
        self.client.request_proof(&self.circuit, private, public).await.ok()
    }

    /// Reads the oldest requests that are not known to be completed. Returns the number of requests known to
    /// be completed.
    pub(crate) async fn look(&mut self) -> usize {
        let client = &self.client;
        // Ids sort by age, and the oldest requests are completed first.
        let unseen = self.asked.keys().filter(|id| !self.seen.contains_key(*id)).take(LOOKS).cloned();
        let looks = unseen.map(async |id| (client.get(&format!("/v1/proofs/{id}")).await, id));
        let found: Vec<_> = stream::iter(looks).buffer_unordered(8).collect().await;
        for (reply, id) in found {
            // A failed read is repeated by a later look.
            if let Ok(reply) = reply
                && reply.body["status"] == json!("completed")
            {
                self.seen.insert(id, reply.body);
            }
        }
        self.seen.len()
    }

    /// The requests so far, without what is known of their results.
    pub(crate) fn ids(&self) -> Self {
        let Self { client, circuit, numbers, asked, .. } = self;
        let (client, circuit, asked) = (client.clone(), circuit.clone(), asked.clone());
        Self { client, circuit, numbers: *numbers, asked, seen: BTreeMap::new() }
    }

    /// The requests, read through another process.
    pub(crate) fn read_by(self, client: Client) -> Self {
        Self { client, ..self }
    }

    /// Number of accepted requests.
    pub(crate) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Current documents of all requests.
    pub(crate) async fn documents(&self) -> Vec<Value> {
        let mut documents = Vec::new();
        for id in self.asked.keys() {
            documents.push(self.client.get(&format!("/v1/proofs/{id}")).await.unwrap().body);
        }
        documents
    }

    /// Waits until all requests are final and verifies all proofs.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let mut outcome = Outcome { asked: self.asked.len(), ..Outcome::default() };
        let deadline = Instant::now() + PATIENCE;
        let mut idle = false;
        while self.seen.len() < self.asked.len() && Instant::now() < deadline {
            let is_final = |document: &Value| document["status"] != json!("pending");
            // Read before the look, so that the look sees every final request.
            let over = idle && self.documents().await.iter().all(is_final);
            let before = self.seen.len();
            idle = self.look().await == before;
            if over && idle {
                break;
            }
            if idle {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let this = &self;
        let checks = this.asked.iter().map(async |(id, statement)| {
            let document = this.client.get(&format!("/v1/proofs/{id}")).await.unwrap().body;
            let verifies = this.seen.contains_key(id) && this.verifies(*statement, &document).await;
            (id, document, verifies)
        });
        let checked: Vec<_> = stream::iter(checks).buffer_unordered(4).collect().await;
        for (id, document, verifies) in checked {
            match self.seen.get(id) {
                None => outcome.lost.push(format!("{id}: {}", document["error"])),
                Some(first) => outcome.twice += usize::from(*first != document),
            }
            outcome.verified += usize::from(verifies);
        }
        outcome
    }

    /// Whether the document contains a valid proof of the statement, with the server's verifier.
    async fn verifies(&self, statement: usize, document: &Value) -> bool {
        let signals = &document["artifacts"]["publicSignals"];
        let proof = json!({"proof": document["artifacts"]["proof"], "publicSignals": signals});
        let path = format!("/v1/circuits/{}/verify", self.circuit);
        let verdict = self.client.post(&path, &proof).await.unwrap();
        verdict.body["verified"] == json!(true)
            && signals.as_array().unwrap().contains(&json!(signal(statement)))
    }
}

impl Outcome {
    /// Asserts that no request is lost, no result is visible twice, and all proofs are valid.
    pub(crate) fn assert_whole(&self) {
        let Self { asked, verified, .. } = *self;
        assert_eq!(*self, Self { asked, verified: asked, ..Self::default() }, "{verified} verified");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, verified, lost, twice } = self;
        write!(f, "lost {}, visible twice {twice}, verified {verified} of {asked}", lost.len())
    }
}

/// The public signal that distinguishes a statement.
fn signal(statement: usize) -> String {
    (1_000_000 + statement).to_string()
}

/// Sum of a metric over processes and over all lines that contain `labels`.
pub(crate) async fn metric(processes: &[LocalServer], name: &str, labels: &str) -> u64 {
    let mut sum = 0;
    for process in processes {
        let text = reqwest::get(format!("{}/metrics", process.base())).await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        sum += lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum::<u64>();
    }
    sum
}

/// Prints a row of the table from `make chaos`.
pub(crate) fn row(what: &str, outcome: &str) {
    println!("| {what} | {outcome} |");
}
