//! `zkflow serve` and `zkflow worker`: from the settings to a process that answers, works, and stops when
//! it is told to.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkflow_core::service::queue::QueueName;

use crate::backends::{self, OpenError};
use crate::config::Config;
use crate::{http, telemetry, work};

mod connections;

use connections::Connections;

/// What is left to do after the drain limit: close connections, give jobs back.
const GRACE: Duration = Duration::from_secs(5);

/// The server could not start, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A part could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The workers or the listener ended though nobody told them to.
    #[error("{0} ended unexpectedly: the log says more")]
    Ended(&'static str),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system refused something else.
    #[error("cannot {action}")]
    System {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// What a process is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Serves the API; and works on every queue, unless [`Config::workers`] is off.
    Server,
    /// Works on these queues, and serves health, readiness and metrics alone.
    Worker(Vec<QueueName>),
}

/// Serves until SIGTERM or SIGINT, then drains; a second signal ends the process at once.
///
/// # Errors
/// The server could not start; a part of it ended before it was told to.
pub fn run(config: Config, role: Role) -> Result<(), ServeError> {
    telemetry::log_to_stderr(config.log_level, config.log_format);
    telemetry::panics_without_messages();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| ServeError::System { action: "start the runtime", source })?;
    let outcome = runtime.block_on(serve(config, role));
    // What still computes on a blocking thread was given back to the queue: nobody waits for it.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Config, role: Role) -> Result<(), ServeError> {
    if matches!(role, Role::Worker(_)) {
        backends::check_shared(&config)?;
    }
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let address = SocketAddr::new(config.bind, config.port);
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let app = backends::open(config, shutdown.clone()).await?;
    announce(&listener);

    tokio::spawn(telemetry::upkeep(app.metrics.clone()));
    let (router, queues) = match role {
        Role::Server if app.config.workers => (http::router(app.clone()), QueueName::ALL.to_vec()),
        Role::Server => (http::router(app.clone()), Vec::new()),
        Role::Worker(queues) => (http::operations_router(app.clone()), queues),
    };
    let mut working = (!queues.is_empty()).then(|| {
        let app = app.clone();
        tokio::spawn(async move { work::run(app, &queues).await })
    });
    let limit = Duration::from_secs(app.config.drain_s) + GRACE;
    let connections = Connections {
        most: app.config.max_connections,
        header_time: Duration::from_secs(app.config.request_time_s),
        shutdown: shutdown.clone(),
    };
    let mut serving = tokio::spawn(connections.serve(listener, router));

    let ended = tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        _ = end(&mut working) => Some("the workers"),
        _ = &mut serving => Some("the listener"),
    };
    // Who ends early because of a shutdown just now has not failed.
    let ended = ended.filter(|_| !shutdown.is_cancelled());
    if let Some(part) = ended {
        tracing::error!("{part} ended unexpectedly");
        shutdown.cancel();
    }
    tracing::info!("draining");
    let drained = async {
        if !serving.is_finished() {
            let _ = serving.await;
        }
        if working.as_ref().is_some_and(|working| !working.is_finished()) {
            end(&mut working).await;
        }
    };
    if tokio::time::timeout(limit, drained).await.is_err() {
        tracing::warn!("the drain limit is over: what still runs is taken up at the next start");
    }
    tracing::info!("stopped");
    ended.map_or(Ok(()), |part| Err(ServeError::Ended(part)))
}

/// Waits for the end of `task`, for ever if there is none.
async fn end(task: &mut Option<JoinHandle<()>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

/// Prints where the server listens, for people and scripts, whatever is logged.
fn announce(listener: &TcpListener) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
        // A closed standard output is no reason to stop.
        let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    }
}

fn stop_on_signals(shutdown: CancellationToken) -> Result<(), ServeError> {
    let listen =
        |kind| signal(kind).map_err(|source| ServeError::System { action: "listen to signals", source });
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        shutdown.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("told to stop twice: ending at once");
        std::process::exit(1);
    });
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
