//! [`MongoServer`]: MongoDB's wire protocol.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A server of MongoDB's protocol, with a database of its own name.
///
/// By default it is SecantusDB, a reimplementation in Python over WiredTiger, which `make setup`
/// installs under `tools/.venv`. **It is not mongod**: it is one node, its majority is itself, and
/// it may differ where the tests do not look. `MONGODB_URI` lets the same tests run against a real
/// one, in a database with a fresh name.
#[derive(Debug)]
pub struct MongoServer {
    uri: String,
    own: Option<Own>,
}

/// A process of ours, on a folder of ours.
#[derive(Debug)]
struct Own {
    address: SocketAddr,
    folder: TempDir,
    process: Option<Child>,
}

impl MongoServer {
    /// The server that `MONGODB_URI` names, or else one of our own.
    ///
    /// # Panics
    /// It cannot be started: the message says how to get it.
    pub async fn start() -> Self {
        match std::env::var("MONGODB_URI") {
            Ok(uri) if !uri.is_empty() => Self { uri: with_database(&uri, &fresh_name()), own: None },
            _ => Self::start_own().await,
        }
    }

    /// One of our own, which can be stopped, whatever `MONGODB_URI` says.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_own() -> Self {
        let address = crate::free_address();
        // The server calls itself a replica set: a client that followed it to its members would go round a proxy.
        let uri = format!("mongodb://{address}/{}?directConnection=true", fresh_name());
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self { uri, own: Some(Own { address, folder, process: None }) };
        server.resume().await;
        server
    }

    /// Where it is, with the name of the database.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The URI of another, empty database on the same server.
    pub fn fresh_uri(&self) -> String {
        with_database(&self.uri, &fresh_name())
    }

    /// As [`uri`](Self::uri), through a proxy.
    ///
    /// # Panics
    /// The server is not our own.
    pub fn uri_through(&self, proxy: SocketAddr) -> String {
        self.uri.replacen(&self.address().to_string(), &proxy.to_string(), 1)
    }

    /// Where our own server listens.
    ///
    /// # Panics
    /// The server is not our own.
    pub fn address(&self) -> SocketAddr {
        self.own.as_ref().expect("a server of our own").address
    }

    /// Kills our own server; its data stay.
    ///
    /// # Panics
    /// The server is not our own.
    pub fn stop(&mut self) {
        self.own.as_mut().expect("a server of our own").kill();
    }

    /// Starts our own server again, at the same address with the same data.
    ///
    /// # Panics
    /// It does not come up; the server is not our own.
    pub async fn resume(&mut self) {
        let own = self.own.as_mut().expect("a server of our own");
        let log_path = own.folder.path().join("log");
        let log = File::create(&log_path).expect("a file in a temporary folder can be made");
        let spawned = Command::new(program())
            .args(["--host", "127.0.0.1", "--port", &own.address.port().to_string(), "--sync-on-commit"])
            .arg("--storage-path")
            .arg(own.folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file handle can be duplicated"))
            .stderr(log)
            .spawn();
        own.process = Some(spawned.unwrap_or_else(|error| panic!("{}: {error}", how_to_get())));
        let began = Instant::now();
        while TcpStream::connect(own.address).await.is_err() {
            let ended =
                own.process.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
            if ended || began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(&log_path).unwrap_or_default();
                panic!("{}: it does not come up:\n{log}", how_to_get());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Own {
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // An error means that it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The longest that a start may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/.venv/bin/secantusd-py")
}

fn how_to_get() -> String {
    let program = program();
    format!(
        "no server of MongoDB's protocol: {} is installed by `make setup` (or name one in MONGODB_URI)",
        program.display()
    )
}

fn fresh_name() -> String {
    format!("zkflow-test-{:016x}", rand::thread_rng().r#gen::<u64>())
}

/// Puts the name of a database into a URI, in the place of what stands there.
fn with_database(uri: &str, name: &str) -> String {
    let (scheme, rest) = uri.split_once("://").expect("a MongoDB URI has a scheme");
    let (rest, options) =
        rest.split_once('?').map_or((rest, String::new()), |(rest, o)| (rest, format!("?{o}")));
    let hosts = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{hosts}/{name}{options}")
}
