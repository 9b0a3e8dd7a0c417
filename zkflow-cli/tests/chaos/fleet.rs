//! Processes over one Redis, MongoDB and S3, and what was asked of them.

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

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Requests that are looked at at a time.
const LOOKS: usize = 100;

/// What processes have in common: all that the service keeps, on servers as of other machines.
pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    pub(crate) mongo: MongoServer,
    pub(crate) s3: S3Server,
    proxies: Option<Proxies>,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    started: AtomicUsize,
}

/// A bad network before each of them.
pub(crate) struct Proxies {
    pub(crate) redis: Proxy,
    pub(crate) mongo: Proxy,
    pub(crate) s3: Proxy,
}

impl Fleet {
    /// No process runs yet; each gets `settings`.
    pub(crate) async fn new(settings: &[&str]) -> Self {
        Self::over(RedisOptions { append_only: true, ..RedisOptions::default() }, settings).await
    }

    /// The same over a Redis of another kind.
    pub(crate) async fn over(options: RedisOptions, settings: &[&str]) -> Self {
        Self {
            redis: RedisServer::start(options).unwrap(),
            mongo: MongoServer::start_own().await,
            s3: S3Server::start_own().await,
            proxies: None,
            folder: tempfile::tempdir().unwrap(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            started: AtomicUsize::new(0),
        }
    }

    /// Puts a bad network, which is good at first, before every server.
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

    /// A process that serves the API and works on nothing.
    pub(crate) fn api(&self) -> LocalServer {
        self.process(&["serve", "--no-workers"])
    }

    /// A process that works, with `settings` besides.
    pub(crate) fn worker(&self, settings: &[&str]) -> LocalServer {
        self.process(&[&["worker"], settings].concat())
    }

    /// Each has a folder of its own, as on a machine of its own.
    fn process(&self, command: &[&str]) -> LocalServer {
        let machine = self.started.fetch_add(1, Ordering::Relaxed).to_string();
        // Translated WebAssembly is the same for all tests.
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
            .args(["--port", "0", "--log-level", "error", "--module-cache"])
            .arg(modules)
            .arg("--data-dir")
            .arg(self.folder.path().join(machine))
            .args(&self.settings)
            .env("ZKFLOW_SECRET_KEY", "42".repeat(32))
            .env("REDIS_URL", redis)
            .env("SSL_CERT_FILE", RedisServer::authority())
            .env("MONGODB_URI", mongo)
            .env("S3_ENDPOINT", s3)
            .env("S3_BUCKET", self.s3.bucket())
            .env("S3_FORCE_PATH_STYLE", "true")
            .env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY)
            .stderr(Stdio::inherit());
        LocalServer::spawn(process).unwrap()
    }

    /// The queue, as the processes see it.
    pub(crate) async fn queue(&self) -> RedisQueue {
        RedisQueue::connect(self.redis.url(), "zkflow").await.unwrap()
    }
}

/// How full the queue of proofs is.
pub(crate) async fn proof_jobs(queue: &RedisQueue) -> QueueStats {
    queue.stats(QueueName::ProofGeneration).await.unwrap()
}

/// A circuit that takes a proof some ten milliseconds, and the proofs that were asked for.
pub(crate) struct Requests {
    client: Client,
    circuit: String,
    numbers: usize,
    asked: BTreeMap<String, usize>,
    /// What was seen of those that are completed, when it was first seen.
    seen: BTreeMap<String, Value>,
}

/// What became of all requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) asked: usize,
    pub(crate) verified: usize,
    /// Not found, failed, or not completed in time.
    pub(crate) lost: Vec<String>,
    /// Completed, and then changed.
    pub(crate) twice: usize,
}

impl Requests {
    /// Asks for the circuit, of proofs over so many numbers, and waits until it is ready.
    pub(crate) async fn new(client: Client, numbers: usize) -> Self {
        let params = json!({"n": numbers, "min": 18, "max": 120});
        let circuit = client.circuit("batchRangeCheck", params, PATIENCE).await.unwrap();
        let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
        Self { client, circuit, numbers, asked: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Asks for so many proofs, each of a statement of its own, again and again until each is taken.
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

    /// Asks for one more; returns whether it was taken.
    pub(crate) async fn ask_once(&mut self) -> bool {
        let statement = self.asked.len();
        let taken = self.try_ask(statement).await;
        taken.is_some_and(|id| self.asked.insert(id, statement).is_none())
    }

    async fn try_ask(&self, statement: usize) -> Option<String> {
        let values: Vec<String> =
            (0..self.numbers).map(|i| (18 + (statement + i) % 103).to_string()).collect();
        let inputs = json!({"values": values, "randomPublicSignal": signal(statement)});
        self.client.request_proof(&self.circuit, inputs).await.ok()
    }

    /// Looks at the oldest of those that were not completed yet; returns how many of all are known to be.
    pub(crate) async fn look(&mut self) -> usize {
        let client = &self.client;
        // The oldest, which ids sort first, are done first.
        let unseen = self.asked.keys().filter(|id| !self.seen.contains_key(*id)).take(LOOKS).cloned();
        let looks = unseen.map(async |id| (client.get(&format!("/v1/proofs/{id}")).await, id));
        let found: Vec<_> = stream::iter(looks).buffer_unordered(8).collect().await;
        for (reply, id) in found {
            // What cannot be read now is read later.
            if let Ok(reply) = reply
                && reply.body["status"] == json!("completed")
            {
                self.seen.insert(id, reply.body);
            }
        }
        self.seen.len()
    }

    /// How many were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// The documents as they are.
    pub(crate) async fn documents(&self) -> Vec<Value> {
        let mut documents = Vec::new();
        for id in self.asked.keys() {
            documents.push(self.client.get(&format!("/v1/proofs/{id}")).await.unwrap().body);
        }
        documents
    }

    /// Waits for the end of every request, and verifies every proof.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let mut outcome = Outcome { asked: self.asked.len(), ..Outcome::default() };
        let deadline = Instant::now() + PATIENCE;
        let mut idle = false;
        while self.seen.len() < self.asked.len() && Instant::now() < deadline {
            let is_final = |document: &Value| document["status"] != json!("pending");
            // Asked before the look, which then sees all of them.
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

    /// Whether it is a proof of what was asked, by the server's own verifier.
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
    /// Asserts that nothing was lost, nothing is visible twice, and everything verifies.
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

/// What tells a statement from the others.
fn signal(statement: usize) -> String {
    (1_000_000 + statement).to_string()
}

/// The sum of a metric over processes, of the lines that hold `labels`.
pub(crate) async fn metric(processes: &[LocalServer], name: &str, labels: &str) -> u64 {
    let mut sum = 0;
    for process in processes {
        let text = reqwest::get(format!("{}/metrics", process.base())).await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        sum += lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum::<u64>();
    }
    sum
}

/// Prints a row of the table of `make chaos`.
pub(crate) fn row(what: &str, outcome: &str) {
    println!("| {what} | {outcome} |");
}
