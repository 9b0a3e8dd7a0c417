//! Processes over one Redis and one folder, and what was asked of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use zkflow_core::queue::{JobQueue, QueueName, QueueStats};
use zkflow_queue::RedisQueue;
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{RedisOptions, RedisServer};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// What processes have in common.
pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    folder: tempfile::TempDir,
    settings: Vec<String>,
}

impl Fleet {
    /// Nothing runs yet but Redis; every process gets `settings`.
    pub(crate) fn new(settings: &[&str]) -> Self {
        let options = RedisOptions { append_only: true, ..RedisOptions::default() };
        Self {
            redis: RedisServer::start(options).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
        }
    }

    /// A process that serves the API and works on nothing.
    pub(crate) fn api(&self) -> LocalServer {
        self.process(&["serve", "--no-workers"])
    }

    /// A process that works, with `settings` besides.
    pub(crate) fn worker(&self, settings: &[&str]) -> LocalServer {
        self.process(&[&["worker"], settings].concat())
    }

    fn process(&self, command: &[&str]) -> LocalServer {
        // Translated WebAssembly and powers of tau are the same for all tests.
        let shared = std::env::temp_dir().join("zkflow-test-modules");
        let mut process = Command::new(Path::new(env!("CARGO_BIN_EXE_zkflow")));
        process
            .args(command)
            .args(["--port", "0", "--log-level", "error", "--module-cache"])
            .arg(shared)
            .arg("--data-dir")
            .arg(self.folder.path())
            .args(&self.settings)
            .env("REDIS_URL", self.redis.url())
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
        let first = self.asked.len();
        for statement in first..first + count {
            let id = loop {
                match self.try_ask(statement).await {
                    Some(id) => break id,
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            };
            self.asked.insert(id, statement);
        }
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

    /// Looks at those that were not completed yet; returns how many of all are.
    pub(crate) async fn look(&mut self) -> usize {
        let client = &self.client;
        let unseen = self.asked.keys().filter(|id| !self.seen.contains_key(*id)).cloned();
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
        while self.look().await < self.asked.len() && Instant::now() < deadline {
            if self.documents().await.iter().all(|document| document["status"] != json!("pending")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.look().await;
        for (id, statement) in &self.asked {
            let document = self.client.get(&format!("/v1/proofs/{id}")).await.unwrap().body;
            let Some(first) = self.seen.get(id) else {
                outcome.lost.push(format!("{id}: {}", document["error"]));
                continue;
            };
            outcome.twice += usize::from(*first != document);
            outcome.verified += usize::from(self.verifies(*statement, &document).await);
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
