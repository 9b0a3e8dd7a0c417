//! Measures the service under load: proofs per second, latency, and what a proof costs in `fsync` calls and CPU time.
//!
//! Every server makes its circuit once. Then servers alternate within each round, so that other load on the machine
//! affects all of them.

use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future::join_all;
use serde_json::json;
use support::{api_key, binary};
use zkflow_server::client::{Client, LocalServer};
use zkflow_testbed::{RedisOptions, RedisServer};

mod support;

/// Measures the service under load
#[derive(Parser)]
struct Args {
    /// Numbers of clients, each of which asks for a proof and waits for it
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    clients: Vec<usize>,
    /// Seconds per measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measurements of each server and number of clients
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Folders for the data, as NAME=PATH
    #[arg(long, value_delimiter = ',', default_values_t = [named("disk", std::env::temp_dir()), named("tmpfs", "/dev/shm")])]
    folders: Vec<Named>,
    /// Queues of the jobs: sqlite, redis
    #[arg(long, value_delimiter = ',', default_values_t = ["sqlite".to_owned(), "redis".to_owned()])]
    queues: Vec<String>,
    /// Binaries to compare, as NAME=PATH (default: the one that cargo built)
    #[arg(long, value_delimiter = ',')]
    binaries: Vec<Named>,
    /// Ways to authenticate: none, keys
    #[arg(long, value_delimiter = ',', default_values_t = ["none".to_owned()])]
    auth: Vec<String>,
    /// Read the circuit in place of asking for proofs
    #[arg(long)]
    reads: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A path with a name for the table.
#[derive(Clone)]
struct Named {
    name: String,
    path: PathBuf,
}

fn named(name: &str, path: impl Into<PathBuf>) -> Named {
    Named { name: name.to_owned(), path: path.into() }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or_else(|| format!("{text}: expected NAME=PATH"))?;
        Ok(named(name, path))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.path.display())
    }
}

const PATIENCE: Duration = Duration::from_secs(600);

/// Permissions of a key.
const SCOPES: &str = "circuits:read,circuits:build,proofs:create,proofs:read";

/// A server under test.
struct Service {
    name: String,
    client: Client,
    circuit: String,
    reads: bool,
    process: LocalServer,
    _folder: tempfile::TempDir,
    _redis: Option<RedisServer>,
}

impl Service {
    async fn start(binary: &Named, folder: &Named, queue: &str, auth: &str, reads: bool) -> Self {
        let data = tempfile::tempdir_in(&folder.path).expect("a temporary folder");
        let redis = (queue == "redis").then(|| {
            let options = RedisOptions { append_only: true, ..RedisOptions::default() };
            RedisServer::start(options).expect("redis-server starts")
        });
        let mut command = Command::new(&binary.path);
        command.args(["serve", "--port", "0", "--log-level", "warn", "--data-dir"]).arg(data.path());
        command.args(["--address-share-percent", "100"]);
        command.env("REDIS_URL", redis.as_ref().map_or("", RedisServer::url)).stderr(Stdio::inherit());
        if auth == "keys" {
            command.args(["--auth", "keys"]);
        }
        // The limit stays on, and is never reached.
        command.args(["--requests-per-second", "1000000", "--requests-burst", "1000000"]);
        let process = LocalServer::spawn(command).expect("the process starts");
        let client = match auth {
            "keys" => {
                let key = api_key(&binary.path, data.path(), "default", SCOPES);
                process.client().with_api_key(&key).expect("the key is text")
            }
            _ => process.client(),
        };
        let params = json!({"min": 18, "max": 120});
        let circuit =
            client.circuit("rangeCheck", params, PATIENCE).await.expect("the circuit becomes ready");
        let circuit = circuit["circuitId"].as_str().expect("a circuit has an id").to_owned();
        let name = format!("{} | {} | {queue} | {auth}", binary.name, folder.name);
        Self { name, client, circuit, reads, process, _folder: data, _redis: redis }
    }

    /// One request: a read, or from POST to the completed proof.
    async fn request(&self) -> Duration {
        let began = Instant::now();
        if self.reads {
            let read = self.client.get(&format!("/v1/circuits/{}", self.circuit)).await.expect("an answer");
            assert_eq!(read.status, 200);
            return began.elapsed();
        }
        let (private, public) = (json!({"age": "42"}), json!({"randomPublicSignal": "7"}));
        let request =
            self.client.request_proof(&self.circuit, private, public).await.expect("it is accepted");
        let proof = self.client.proof(&request, PATIENCE).await.expect("the proof is made");
        assert_eq!(proof["status"], json!("completed"));
        began.elapsed()
    }

    /// Lets `clients` ask for proofs for `time`.
    async fn load(&self, clients: usize, time: Duration) -> Load {
        let (began, cpu) = (Instant::now(), self.cpu());
        let client = async || {
            let mut times = Vec::new();
            while began.elapsed() < time {
                times.push(self.request().await);
            }
            times
        };
        let times = join_all((0..clients).map(|_| client())).await.concat();
        Load { times, wall: began.elapsed(), cpu: self.cpu().saturating_sub(cpu) }
    }

    /// Number of `fsync` and `fdatasync` calls per proof; `None` without `strace`.
    async fn fsyncs(&self, clients: usize) -> Option<f64> {
        let trace = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-q", "-e", "trace=fsync,fdatasync", "-o"]).arg(trace.path());
        strace.args(["-p", &self.pid()]).stderr(Stdio::null());
        let strace = Interrupted(strace.spawn().ok()?);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let count = || {
            let text = std::fs::read_to_string(trace.path()).unwrap_or_default();
            text.lines().filter(|line| line.contains("sync(")).count()
        };
        let before = count();
        let proofs = self.load(clients, Duration::from_secs(2)).await.times.len();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let calls = count() - before;
        drop(strace);
        Some(calls as f64 / proofs as f64)
    }

    fn pid(&self) -> String {
        self.process.pid().as_raw_nonzero().to_string()
    }

    /// Processor time of the server so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // Fields 14 and 15, in ticks of 10 ms; the name before them may contain spaces.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }
}

/// What came of a load.
struct Load {
    times: Vec<Duration>,
    wall: Duration,
    cpu: Duration,
}

/// A process that is interrupted in the end, as strace expects.
struct Interrupted(Child);

impl Drop for Interrupted {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&args));
}

async fn measure(args: &Args) {
    let mut services = Vec::new();
    let built = [named("zkflow", binary())];
    let binaries = if args.binaries.is_empty() { &built[..] } else { &args.binaries };
    for folder in &args.folders {
        for queue in &args.queues {
            for binary in binaries {
                for auth in &args.auth {
                    services.push(Service::start(binary, folder, queue, auth, args.reads).await);
                }
            }
        }
    }
    println!(
        "| binary | data | queue | auth | clients | {0}/s | p50 ms | p99 ms | fsyncs a {1} | CPU ms a {1} |",
        if args.reads { "reads" } else { "proofs" },
        if args.reads { "read" } else { "proof" },
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for clients in args.clients.iter().copied() {
        let mut loads: Vec<Vec<Load>> = services.iter().map(|_| Vec::new()).collect();
        for _ in 0..args.rounds {
            for (service, loads) in services.iter().zip(&mut loads) {
                loads.push(service.load(clients, Duration::from_secs(args.seconds)).await);
            }
        }
        for (service, loads) in services.iter().zip(loads) {
            let fsyncs = service.fsyncs(clients).await.map_or("-".to_owned(), |calls| format!("{calls:.2}"));
            println!("| {} | {clients} | {} | {fsyncs} | {:.2} |", service.name, rates(&loads), cpu(&loads));
        }
    }
}

/// Median of the proofs per second, then percentiles of all latencies.
fn rates(loads: &[Load]) -> String {
    let mut rates: Vec<f64> =
        loads.iter().map(|load| load.times.len() as f64 / load.wall.as_secs_f64()).collect();
    rates.sort_by(f64::total_cmp);
    let mut times: Vec<Duration> = loads.iter().flat_map(|load| load.times.iter().copied()).collect();
    times.sort();
    let ms = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("{:.1} | {:.1} | {:.1}", rates[rates.len() / 2], ms(50), ms(99))
}

fn cpu(loads: &[Load]) -> f64 {
    let cpu: Duration = loads.iter().map(|load| load.cpu).sum();
    let proofs: usize = loads.iter().map(|load| load.times.len()).sum();
    cpu.as_secs_f64() * 1000.0 / proofs as f64
}
