//! [`MongoServer`]: a server of MongoDB's wire protocol.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A server of MongoDB's protocol, with a database of a random name.
///
/// By default it is SecantusDB, a reimplementation in Python over WiredTiger, which `make setup`
/// installs under `tools/.venv`. **It is not mongod.** It is a single node, so a majority is one node. It may
/// differ in behaviour that the tests do not cover. Set `MONGODB_URI` to run the same tests against a real
/// server, in a database with a random name.
#[derive(Debug)]
pub struct MongoServer {
    uri: String,
    own: Option<Own>,
}

/// A server process that was started here, with a temporary folder.
#[derive(Debug)]
struct Own {
    address: SocketAddr,
    folder: TempDir,
    process: Option<Child>,
}

impl MongoServer {
    /// The server at `MONGODB_URI`, or else a new one.
    ///
    /// # Panics
    /// The server cannot be started; the message says how to install it.
    pub async fn start() -> Self {
        match std::env::var("MONGODB_URI") {
            Ok(uri) if !uri.is_empty() => Self { uri: with_database(&uri, &fresh_name()), own: None },
            _ => Self::start_own().await,
        }
    }

    /// A new server, which can be stopped, even if `MONGODB_URI` is set.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_own() -> Self {
        let address = crate::free_address();
        // The server reports a replica set. Without directConnection, the client would bypass a proxy and
        // connect to its members.
        let uri = format!("mongodb://{address}/{}?directConnection=true", fresh_name());
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let mut server = Self { uri, own: Some(Own { address, folder, process: None }) };
        server.resume().await;
        server
    }

    /// URI of the server, with the name of the database.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// URI of another, empty database on the same server.
    pub fn fresh_uri(&self) -> String {
        with_database(&self.uri, &fresh_name())
    }

    /// The [`uri`](Self::uri) with the address of a proxy.
    ///
    /// # Panics
    /// The server was not started here.
    pub fn uri_through(&self, proxy: SocketAddr) -> String {
        self.uri.replacen(&self.address().to_string(), &proxy.to_string(), 1)
    }

    /// Address that the server listens on.
    ///
    /// # Panics
    /// The server was not started here.
    pub fn address(&self) -> SocketAddr {
        self.own.as_ref().expect("the server was started here").address
    }

    /// Kills the server; its data stays.
    ///
    /// # Panics
    /// The server was not started here.
    pub fn stop(&mut self) {
        self.own.as_mut().expect("the server was started here").kill();
    }

    /// Starts the server again, with the same address and data.
    ///
    /// # Panics
    /// The server does not start, or was not started here.
    pub async fn resume(&mut self) {
        let own = self.own.as_mut().expect("the server was started here");
        let log_path = own.folder.path().join("log");
        let log = File::create(&log_path).expect("a file in a temporary folder can be created");
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
                panic!("{}: the server did not start:\n{log}", how_to_get());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Own {
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails if the process has already ended.
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

/// Time limit of a start, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/.venv/bin/secantusd-py")
}

fn how_to_get() -> String {
    let program = program();
    format!(
        "cannot start a MongoDB server: install {} with `make setup`, or set MONGODB_URI",
        program.display()
    )
}

fn fresh_name() -> String {
    format!("zkflow-test-{:016x}", rand::thread_rng().r#gen::<u64>())
}

/// Replaces the database name in a URI, or adds one.
fn with_database(uri: &str, name: &str) -> String {
    let (scheme, rest) = uri.split_once("://").expect("a MongoDB URI has a scheme");
    let (rest, options) =
        rest.split_once('?').map_or((rest, String::new()), |(rest, o)| (rest, format!("?{o}")));
    let hosts = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{hosts}/{name}{options}")
}
