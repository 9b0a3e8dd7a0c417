//! [`Link`]: calls to a Redis server or cluster, across lost connections.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::Rng;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisFuture, RedisResult};
use redis::{Pipeline, ServerErrorKind, Value};
use tokio::runtime;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use zkflow_core::service::queue::QueueError;

use super::script::Script;

/// Time limit of a call, retries included.
const DEADLINE: Duration = Duration::from_secs(10);

/// Time limit for connecting, and for one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Pause before the first retry; doubles with each retry, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// Makes calls over one connection, and replaces it when it fails.
///
/// The connection has its own thread, so that work on the callers' runtimes cannot starve it.
pub(super) struct Link {
    target: Target,
    thread: runtime::Handle,
    state: Mutex<State>,
    /// Whether the last attempt failed. If so, new calls are tried only once, so that they fail fast.
    down: AtomicBool,
    _ends_the_thread: DropGuard,
}

/// Server or cluster to connect to.
#[derive(Clone)]
enum Target {
    One(Box<Client>),
    Cluster { cluster: Box<ClusterClient>, nodes: Vec<Client> },
}

/// A request to Redis.
pub(super) enum Call<'a> {
    /// A single command.
    Command(&'a Cmd),
    /// A script. [`Link::make`] adds a last argument: `1` if the call may have been made before, else empty.
    Script { script: &'a Script, keys: &'a [String], arguments: Vec<String> },
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Number of connections made so far.
    number: u64,
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Does not connect yet. `url` is one URL, or a comma-separated list of the URLs of cluster nodes.
    pub(super) fn new(url: &str) -> Result<Self, QueueError> {
        let unusable = |error: RedisError| QueueError::backend("parsing the URL of Redis", error);
        let urls: Vec<&str> = url.split(',').map(str::trim).collect();
        let nodes = urls.iter().map(|url| Client::open(*url)).collect::<RedisResult<Vec<_>>>();
        let mut nodes = nodes.map_err(unusable)?;
        let target = match nodes.len() {
            1 => Target::One(Box::new(nodes.remove(0))),
            _ => {
                let cluster = ClusterClient::builder(urls)
                    .connection_timeout(PATIENCE)
                    .response_timeout(PATIENCE)
                    .retries(1)
                    .build()
                    .map_err(unusable)?;
                Target::Cluster { cluster: Box::new(cluster), nodes }
            }
        };
        let failed = |error: io::Error| QueueError::backend("starting the thread for Redis", error);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (thread, end) = (runtime.handle().clone(), CancellationToken::new());
        let ended = end.clone();
        std::thread::Builder::new()
            .name("zkflow-redis".to_owned())
            .spawn(move || runtime.block_on(ended.cancelled()))
            .map_err(failed)?;
        let (state, down) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self { target, thread, state, down, _ends_the_thread: end.drop_guard() })
    }

    /// Runtime of the connection's thread.
    pub(super) fn thread(&self) -> &runtime::Handle {
        &self.thread
    }

    /// The server, or a random node of the cluster.
    pub(super) fn any_node(&self) -> &Client {
        match &self.target {
            Target::One(client) => client,
            // Index safety: a cluster has at least two nodes.
            Target::Cluster { nodes, .. } => &nodes[rand::thread_rng().gen_range(0..nodes.len())],
        }
    }

    /// Makes a call, and retries it while a retry may help.
    pub(super) async fn make(&self, action: &'static str, call: &Call<'_>) -> Result<Value, QueueError> {
        let deadline = Instant::now() + DEADLINE;
        let mut pause = FIRST_PAUSE;
        let patient = !self.down.load(Ordering::Relaxed);
        let mut again = false;
        loop {
            let error = match timeout_at(deadline, self.once(call, again)).await {
                Ok(Ok(value)) => {
                    self.down.store(false, Ordering::Relaxed);
                    return Ok(value);
                }
                Ok(Err(error)) => error,
                Err(_) => io::Error::from(io::ErrorKind::TimedOut).into(),
            };
            let transient = is_transient(&error);
            if transient {
                self.down.store(true, Ordering::Relaxed);
                metrics::counter!("zkflow_backend_errors_total", "backend" => "queue").increment(1);
            }
            if !transient || !patient || Instant::now() + pause >= deadline {
                // As text: it already names its causes, and a source would repeat them.
                return Err(QueueError::backend(action, error.to_string()));
            }
            // A separate statement: the generator must not be held across the await.
            let jittered = rand::thread_rng().gen_range(pause / 2..=pause);
            sleep(jittered).await;
            pause = (pause * 2).min(Duration::from_secs(1));
            again = true;
        }
    }

    async fn once(&self, call: &Call<'_>, again: bool) -> RedisResult<Value> {
        let (mut connection, number) = self.connection().await?;
        let result = match call {
            Call::Command(command) => command.query_async(&mut connection).await,
            Call::Script { script, keys, arguments } => {
                let last = String::from(if again { "1" } else { "" });
                script.run(&mut connection, keys, &[arguments.as_slice(), &[last]].concat()).await
            }
        };
        if result.as_ref().is_err_and(|error| !is_answer(error)) {
            let mut state = self.state.lock().await;
            if state.number == number {
                state.connection = None;
            }
        }
        result
    }

    /// The present connection, or a new one. Concurrent callers share one attempt to connect.
    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((connection.clone(), state.number));
        }
        let connecting = self.thread.spawn(self.target.clone().connect());
        let gone = |_| RedisError::from((ErrorKind::Client, "the connection's thread has ended"));
        let connection = connecting.await.map_err(gone)??;
        state.number += 1;
        state.connection = Some(connection.clone());
        Ok((connection, state.number))
    }
}

impl Target {
    async fn connect(self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Ok(match self {
            Self::One(client) => {
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Cluster { cluster, .. } => Connection::Cluster(cluster.get_async_connection().await?),
        })
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Whether the error is an answer of the server, so that the connection is still usable.
fn is_answer(error: &RedisError) -> bool {
    match error.kind() {
        // After a failover, the host name leads to another server: connect again.
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => false,
        ErrorKind::Server(_) | ErrorKind::Extension => true,
        _ => false,
    }
}

/// Whether a retry may help.
fn is_transient(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
        ),
        ErrorKind::Extension => error.code() == Some("BUSY"),
        _ => false,
    }
}
