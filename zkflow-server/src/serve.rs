//! `zkflow serve` and `zkflow worker`: start, serving, and draining after a stop signal.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zkflow_core::prove::Provers;
use zkflow_core::service::queue::QueueName;

use crate::backends::{self, OpenError};
use crate::config::Config;
use crate::{http, telemetry, work};

mod announce;
mod connections;
mod listeners;
mod places;
mod stall;
mod tls;

use listeners::Listeners;

/// Extra time after the drain limit, to close connections and give jobs back.
const GRACE: Duration = Duration::from_secs(5);

/// The server failed to start or to continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A backend or tool failed to open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The workers or the listener ended without a stop signal.
    #[error("{0} ended unexpectedly: see the log")]
    Ended(&'static str),
    /// The server cannot listen on the address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Configured address and port.
        address: SocketAddr,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Other machines could use the API without authentication.
    #[error(
        "the API would listen on {0} without authentication: set auth.methods (--auth keys, then `zkflow keys create`), or \
         --insecure-no-auth true behind a proxy that authenticates"
    )]
    Unprotected(IpAddr),
    /// A certificate without its key, a key without its certificate, or CAs of clients without both.
    #[error("http.tls_certificate and http.tls_key belong together, and http.tls_client_ca needs them")]
    HalfOfTls,
    /// Another operation of the operating system failed.
    #[error("cannot {action}")]
    System {
        /// Failed operation, as a verb phrase.
        action: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

/// The role of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Serves the API, and runs the jobs of every queue unless [`Workers::enabled`](crate::config::Workers::enabled) is off.
    Server,
    /// Runs the jobs of these queues and serves only health, readiness and metrics.
    Worker(Vec<QueueName>),
}

/// Serves until SIGTERM or SIGINT, then drains. A second signal ends the process immediately.
///
/// # Errors
/// The server fails to start, or a part of it ends without a signal.
pub fn run(config: Config, role: Role) -> Result<(), ServeError> {
    let provers = config.proving.provers();
    run_with(config, role, provers)
}

/// Serves as [`run`] does, with provers of your own: [`proving.prover`](crate::config::Proving::prover) is the name of one of `provers`.
///
/// # Errors
/// Those of [`run`].
pub fn run_with(config: Config, role: Role, provers: Provers) -> Result<(), ServeError> {
    telemetry::log_to_stderr(config.log.level, config.log.format);
    telemetry::panics_without_messages();
    harden();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| ServeError::System { action: "start the runtime", source })?;
    let outcome = runtime.block_on(serve(config, role, provers));
    // Jobs that still run on blocking threads are back in the queue, so their results are not awaited.
    runtime.shutdown_background();
    telemetry::finish();
    outcome
}

/// Keeps secrets out of core files, and other processes of the user out of this one's memory. A refusal is not fatal.
fn harden() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let refused = setrlimit(Resource::Core, none).err();
    #[cfg(target_os = "linux")]
    let refused = refused
        .or(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).err());
    if let Some(error) = refused {
        tracing::warn!(%error, "the process can leave a core file, which would contain secrets");
    }
}

async fn serve(config: Config, role: Role, provers: Provers) -> Result<(), ServeError> {
    if matches!(role, Role::Worker(_)) {
        backends::check_shared(&config)?;
    }
    if role == Role::Server && config.auth.leaves_open(&config.http) {
        return Err(ServeError::Unprotected(config.http.bind));
    }
    let shutdown = CancellationToken::new();
    stop_on_signals(shutdown.clone())?;
    let listeners = Listeners::bind(&config.http).await?;
    let addresses = listeners.addresses();
    // Until the app is open, /health answers 200 and everything else 503. Opening takes minutes if PTAU_PATH is new.
    let (serving, routers) = listeners.serve(&config, &shutdown);
    let mut serving = tokio::spawn(serving);
    let serves = role == Role::Server;
    let queues = match role {
        Role::Server if config.workers.enabled => QueueName::ALL.to_vec(),
        Role::Server => Vec::new(),
        Role::Worker(queues) => queues,
    };
    let app = backends::open_for(&queues, config, provers, shutdown.clone()).await?;

    tokio::spawn(telemetry::upkeep(app.metrics.clone()));
    let router = if serves { http::router(app.clone()) } else { http::operations_router(app.clone()) };
    routers.open(router, http::operations_router(app.clone()));
    announce::announce(&app, addresses, &queues);
    let mut working = (!queues.is_empty()).then(|| {
        let app = app.clone();
        tokio::spawn(async move { work::run(app, &queues).await })
    });
    let limit = app.config.workers.drain() + GRACE;
    let ended = tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        _ = end(&mut working) => Some("the workers"),
        _ = &mut serving => Some("the listener"),
    };
    // An end because of a simultaneous shutdown is not a failure.
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
        tracing::warn!("the drain limit is exceeded: unfinished jobs continue after the next start");
    }
    tracing::info!("stopped");
    ended.map_or(Ok(()), |part| Err(ServeError::Ended(part)))
}

/// Waits for the end of `task`; never returns for `None`.
async fn end(task: &mut Option<JoinHandle<()>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

fn stop_on_signals(shutdown: CancellationToken) -> Result<(), ServeError> {
    let listen =
        |kind| signal(kind).map_err(|source| ServeError::System { action: "handle signals", source });
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        shutdown.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("second stop signal: exiting immediately");
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
