//! The binary among clients that hold what they can: its memory stays bounded, and other clients are served.
//!
//! The hostile clients have the addresses 127.0.0.2 to 127.0.0.9, together more than all shares, the others 127.0.0.1. The
//! bodies are of two addresses: those of four would fill the budget, and others would get 503 until the deadline.
//! `make chaos` adds the printed row to its table.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use zkflow_server::client::{Client, LocalServer};

const PATIENCE: Duration = Duration::from_secs(300);

/// Growth of the resident memory under all hostile clients together: 64 MiB of bodies, and buffers of 4096 connections.
const GROWTH_MIB: u64 = 400;

/// A connection from a hostile address, on which `request` was sent; `None` if the server closed it.
async fn hostile(server: SocketAddr, number: usize, request: Vec<u8>) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2 + (number % 8) as u8], 0))).unwrap();
    // A small window: what the client does not read stays at the server.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server).await.ok()?;
    stream.write_all(&request).await.ok()?;
    Some(stream)
}

/// Resident memory of the process in MiB.
fn resident_mib(server: &LocalServer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// The time that 99 of 100 reads of a circuit take at most, of 1000.
async fn p99(client: &Client, path: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..1000 {
        let began = Instant::now();
        assert_eq!(client.get(path).await.unwrap().status, 200);
        times.push(began.elapsed());
    }
    times.sort();
    times[989]
}

/// Raises the limit of open files as far as the system allows; returns it. The server inherits it.
fn open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.maximum.unwrap_or(u64::MAX)
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_clients_fill_their_share_and_others_are_served() {
    // With few files, neither this process nor the server can hold all connections.
    let (watchers, idle) = if open_files() >= 16_384 { (2000, 4096) } else { (300, 100) };
    let folder = tempfile::tempdir().unwrap();
    let modules = std::env::temp_dir().join("zkflow-test-modules");
    let operations = free_port().await;
    let port = operations.to_string();
    let args =
        ["--log-level", "error", "--module-cache", modules.to_str().unwrap(), "--operations-port", &port];
    let executable = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    let server = LocalServer::start(executable, folder.path(), &args, Stdio::inherit()).unwrap();
    let client = server.client();
    let params = json!({"n": 64, "min": 18, "max": 120});
    let circuit = client.circuit("batchRangeCheck", params, PATIENCE).await.unwrap();
    let circuit = circuit["circuitId"].as_str().unwrap().to_owned();
    let path = format!("/v1/circuits/{circuit}");
    let calm = p99(&client, &path).await;
    let before = resident_mib(&server);

    let address: SocketAddr = server.base().strip_prefix("http://").unwrap().parse().unwrap();
    let head =
        |line: &str, more: &str| format!("{line} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n").into_bytes();
    let body = {
        let length = 2 << 20;
        let headers = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        let mut request = head("POST /v1/proofs", &headers);
        request.resize(request.len() + length - 1, b' ');
        request
    };
    let download = head(&format!("GET {path}/artifacts/proving_key.zkey"), "");
    let events = head(&format!("GET {path}/events"), "");
    let hold = async |count: usize, request: &[u8]| {
        let all = (0..count).map(|number| hostile(address, number, request.to_vec()));
        join_all(all).await.into_iter().flatten().collect::<Vec<_>>()
    };
    let mut held = Vec::new();
    // The bodies stall in the hostile clients while the server waits for the budget: do not wait for them.
    let bodies: Vec<_> =
        (0..400).map(|number| tokio::spawn(hostile(address, number % 2, body.clone()))).collect();
    held.extend(hold(200, &download).await);
    held.extend(hold(watchers, &events).await);
    held.extend(hold(idle, b"").await);

    let metric =
        async |path: &str| reqwest::get(format!("http://127.0.0.1:{operations}{path}")).await.unwrap();
    let began = Instant::now();
    assert_eq!(metric("/health").await.status(), 200);
    let health = began.elapsed();
    let attacked = p99(&client, &path).await;
    let ratio = attacked.as_secs_f64() / calm.as_secs_f64();
    let mut proofs = Vec::new();
    for age in 18..28 {
        let values: Vec<_> = (0..64).map(|_| age.to_string()).collect();
        let (private, public) = (json!({"values": values}), json!({"randomPublicSignal": "7"}));
        proofs.push(client.request_proof(&circuit, private, public).await.unwrap());
    }
    for proof in proofs {
        let done = client.get(&format!("/v1/proofs/{proof}?wait=60")).await.unwrap().body;
        assert_eq!(done["status"], "completed", "{done}");
    }
    let grown = resident_mib(&server).saturating_sub(before);
    println!(
        "| 400 half-sent bodies, 200 stalled downloads, {watchers} watchers, {idle} idle connections | memory grew by {grown} of \
         {GROWTH_MIB} MiB, p99 of other clients {calm:.1?} before and {attacked:.1?} meanwhile ({ratio:.2} times), `/health` \
         after {health:.1?}, 10 of 10 proofs completed |"
    );
    assert!(grown < GROWTH_MIB, "memory grew by {grown} MiB");
    let metrics = metric("/metrics").await.text().await.unwrap();
    let open = metrics.lines().find_map(|line| line.strip_prefix("zkflow_http_connections ")).unwrap();
    println!("{open} connections are open");
    // A connection that left for another one may be counted for a moment.
    assert!(open.parse::<f64>().unwrap() < 4096.0 + 64.0, "{open} connections are open");

    // A stalled body gets its answer, and makes room.
    for body in bodies {
        drop(tokio::time::timeout(PATIENCE, body).await.unwrap().unwrap());
    }
    drop(held);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let headers = "content-type: application/json\r\ncontent-length: 9\r\nconnection: close\r\n";
    let mut stalled = hostile(address, 0, head("POST /v1/circuits", headers)).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stalled.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(server.terminate().unwrap(), Some(0));
}
