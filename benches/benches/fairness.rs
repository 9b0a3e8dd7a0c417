//! Measures what invented users of one tenant cost another one: the time from a request to its proof, alone and beside a
//! backlog of theirs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::StreamExt as _;
use futures::stream;
use serde_json::json;
use zkflow_server::client::{Client, LocalServer};

mod support;

use support::{api_key, binary};

/// Measures what invented users of one tenant cost another one
#[derive(Parser)]
struct Args {
    /// Invented users, each with a request that waits
    #[arg(long, default_value_t = 1500)]
    users: usize,
    /// Proofs of the other tenant, one after the other, alone and beside them
    #[arg(long, default_value_t = 50)]
    proofs: usize,
    /// Servers, each of which measures both
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

const PATIENCE: Duration = Duration::from_secs(600);
/// Requests of the invented users at the same time.
const AT_ONCE: usize = 16;

/// A tenant with a key and a circuit.
struct Tenant {
    client: Client,
    circuit: String,
}

impl Tenant {
    async fn new(server: &LocalServer, key: &str) -> Self {
        let client = server.client().with_api_key(key).expect("the key is text");
        let params = json!({"min": 18, "max": 120});
        let circuit =
            client.circuit("rangeCheck", params, PATIENCE).await.expect("the circuit becomes ready");
        let circuit = circuit["circuitId"].as_str().expect("a circuit has an id").to_owned();
        Self { client, circuit }
    }

    /// Requests a proof for a user; returns the id of the request.
    async fn ask(&self, user: usize) -> String {
        let body = json!({
            "circuitId": self.circuit, "privateInputs": {"age": "42"}, "publicInputs": {"randomPublicSignal": "7"},
            "userId": format!("user-{user}"),
        });
        let reply = self.client.post("/v1/proofs", &body).await.expect("an answer");
        assert_eq!(reply.status, 202, "{}", reply.body);
        reply.body["proofRequestId"].as_str().expect("a request has an id").to_owned()
    }

    /// Median of the times from a request to its proof.
    async fn median(&self, proofs: usize) -> Duration {
        let mut times = Vec::new();
        for _ in 0..proofs {
            let began = Instant::now();
            let proof = self.client.proof(&self.ask(0).await, PATIENCE).await.expect("the proof is made");
            assert_eq!(proof["status"], json!("completed"));
            times.push(began.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    }

    /// Pauses or resumes the proofs of all tenants.
    async fn turn(&self, action: &str) {
        let path = format!("/v1/queues/proof-generation/{action}");
        let reply = self.client.post(&path, &json!({})).await.expect("an answer");
        assert!((200..300).contains(&reply.status), "{}", reply.body);
    }
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&args));
}

async fn measure(args: &Args) {
    println!("| invented users | p50 alone ms | p50 beside them ms | ratio |\n|---|---|---|---|");
    for _ in 0..args.rounds {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binary());
        command.args(["serve", "--port", "0", "--log-level", "warn", "--auth", "keys", "--data-dir"]);
        command.arg(folder.path()).args(["--requests-per-second", "0", "--address-share-percent", "100"]);
        command.stderr(Stdio::inherit());
        let server = LocalServer::spawn(command).expect("the process starts");
        let scopes = "circuits:read,circuits:build,proofs:create,proofs:read,operate";
        let key = |tenant| api_key(&binary(), folder.path(), tenant, scopes);
        let quiet = Tenant::new(&server, &key("quiet")).await;
        let loud = Tenant::new(&server, &key("loud")).await;
        // The first proof of a circuit loads its key.
        quiet.median(1).await;
        loud.median(1).await;
        let alone = quiet.median(args.proofs).await;
        loud.turn("pause").await;
        let users = stream::iter(0..args.users);
        let loud = &loud;
        users.for_each_concurrent(AT_ONCE, |user| async move { drop(loud.ask(user).await) }).await;
        loud.turn("resume").await;
        let beside = quiet.median(args.proofs).await;
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!("| {} | {:.1} | {:.1} | {ratio:.2} |", args.users, ms(alone), ms(beside));
    }
}
