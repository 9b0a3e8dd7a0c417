//! [`RedisServer`]: `redis-server` as a child process.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::tls::tls_file;

/// A new Redis server on a free port of 127.0.0.1, killed on drop; or the shared server at `REDIS_URL`.
#[derive(Debug)]
pub struct RedisServer {
    url: String,
    own: Option<Own>,
}

/// A server that this process started.
#[derive(Debug)]
struct Own {
    port: u16,
    options: RedisOptions,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

/// Options of a new server; all off by default.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Writes every change to an append-only file, so that the data outlives the process.
    pub append_only: bool,
    /// Starts a cluster of one node with all slots. It refuses scripts that use two slots.
    pub cluster: bool,
    /// Password of clients; `None`: no authentication.
    pub password: Option<String>,
    /// Accepts only TLS, with a certificate issued by [`RedisServer::authority`].
    pub tls: bool,
}

/// Time limit for a server to start or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

impl RedisServer {
    /// The server at `REDIS_URL`, or else a new, empty server without persistence.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn for_tests() -> io::Result<Self> {
        match std::env::var("REDIS_URL") {
            Ok(url) if !url.is_empty() => Ok(Self { url, own: None }),
            _ => Self::start(RedisOptions::default()),
        }
    }

    /// Starts a new server, even if `REDIS_URL` is set.
    ///
    /// # Errors
    /// `redis-server` does not answer, or is not installed; then the message says how to install it.
    pub fn start(options: RedisOptions) -> io::Result<Self> {
        // Another process may use the free port before the server does.
        let mut last = io::Error::other("not tried");
        for _ in 0..5 {
            let port = free_port()?;
            let mut own = Own { port, options: options.clone(), folder: tempfile::tempdir()?, process: None };
            match own.start() {
                Ok(()) => return Ok(Self { url: own.url(), own: Some(own) }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// URL of the server, with its password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// PEM file with the CA certificate of servers with [`RedisOptions::tls`].
    pub fn authority() -> PathBuf {
        tls_file("ca.pem")
    }

    /// Port of a server started here; `None` for the server at `REDIS_URL`.
    pub fn port(&self) -> Option<u16> {
        self.own.as_ref().map(|own| own.port)
    }

    /// Shuts the server down cleanly, so that an append-only file is complete.
    ///
    /// # Errors
    /// The server was not started here, or its process cannot be awaited.
    pub fn stop(&mut self) -> io::Result<()> {
        let own = self.own.as_mut().ok_or_else(not_own)?;
        // The server answers by closing the connection, which is reported as an error.
        let _ = own.command("SHUTDOWN");
        let Some(process) = &mut own.process else { return Ok(()) };
        let began = Instant::now();
        while process.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                process.kill()?;
            }
            sleep(Duration::from_millis(5));
        }
        own.process = None;
        Ok(())
    }

    /// Starts the server again after [`stop`](Self::stop), with the same port and folder.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_again(&mut self) -> io::Result<()> {
        self.own.as_mut().ok_or_else(not_own)?.start()
    }

    /// Sends one command, such as `FLUSHALL`, without quoted arguments. Returns the raw answer, up to 64 KiB.
    /// Does not support TLS.
    ///
    /// # Errors
    /// The server was not started here, or does not answer.
    pub fn command(&self, command: &str) -> io::Result<String> {
        self.own.as_ref().ok_or_else(not_own)?.command(command)
    }

    /// A random namespace for keys on a shared server.
    pub fn fresh_namespace() -> String {
        format!("zkflow-test-{:016x}", rand::random::<u64>())
    }
}

impl Own {
    fn url(&self) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let password = self.options.password.as_ref().map(|text| format!(":{text}@")).unwrap_or_default();
        format!("{scheme}://{password}127.0.0.1:{}", self.port)
    }

    fn start(&mut self) -> io::Result<()> {
        let log = File::create(self.folder.path().join("log"))?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--appendfsync", "everysec"])
            .args(["--appendonly", yes_or_no(self.options.append_only)])
            .args(["--cluster-enabled", yes_or_no(self.options.cluster)])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let port = self.port.to_string();
        if self.options.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(tls_file("server.pem"));
            command.arg("--tls-key-file").arg(tls_file("server.key"));
        } else {
            command.args(["--port", &port]);
        }
        if let Some(password) = &self.options.password {
            command.args(["--requirepass", password]);
        }
        let process = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                io::Error::new(ErrorKind::NotFound, "redis-server is missing: apt-get install redis-server")
            }
            _ => error,
        })?;
        self.process = Some(process);
        self.wait_until_ready()?;
        if self.options.cluster && !self.command("CLUSTER ADDSLOTSRANGE 0 16383")?.contains("busy") {
            self.wait_for("CLUSTER INFO", "cluster_state:ok")?;
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let ready = match self.options.tls {
                true => self.connect().is_ok(),
                false => self.command("PING").is_ok_and(|answer| answer.contains("PONG")),
            };
            if ready {
                return Ok(());
            }
            if let Some(status) = self.process.as_mut().map(Child::try_wait).transpose()?.flatten() {
                let log = std::fs::read_to_string(self.folder.path().join("log"))?;
                let kind = match log.contains("Address already in use") {
                    true => ErrorKind::AddrInUse,
                    false => ErrorKind::Other,
                };
                return Err(io::Error::new(kind, format!("redis-server ended with {status}: {log}")));
            }
            if began.elapsed() > PATIENCE {
                return Err(io::Error::new(ErrorKind::TimedOut, "redis-server does not answer"));
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn wait_for(&self, command: &str, wanted: &str) -> io::Result<()> {
        let began = Instant::now();
        while !self.command(command)?.contains(wanted) {
            if began.elapsed() > PATIENCE {
                return Err(io::Error::new(ErrorKind::TimedOut, format!("{command}: no {wanted}")));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&address, Duration::from_secs(1))
    }

    /// Sends an inline command; returns the bytes of one read.
    fn command(&self, command: &str) -> io::Result<String> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut answer = vec![0; 64 * 1024];
        if let Some(password) = &self.options.password {
            stream.write_all(format!("AUTH {password}\r\n").as_bytes())?;
            let _ = stream.read(&mut answer)?;
        }
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Fails if the process has already ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A port that is free at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn not_own() -> io::Error {
    io::Error::other("tests do not control the server at REDIS_URL: unset REDIS_URL")
}
