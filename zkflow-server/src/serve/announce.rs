//! What a process says at its start.

use std::io::Write as _;

use zkflow_core::prove::Kernel;
use zkflow_core::service::queue::QueueName;

use super::listeners::Addresses;
use crate::state::App;

/// Prints the address of the API to standard output, independent of the log level, and logs what an operator should know.
pub(super) fn announce(app: &App, addresses: Addresses, queues: &[QueueName]) {
    let config = &app.config;
    let storage = &config.storage;
    let queues: Vec<&str> = queues.iter().map(|queue| queue.as_str()).collect();
    let address = addresses.api.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        address,
        operations = addresses.operations.map(|address| address.to_string()),
        catalog = if storage.mongodb_uri.is_some() { "MongoDB" } else { "SQLite" },
        queue = if storage.redis_url.is_some() { "Redis" } else { "SQLite" },
        store = storage.s3_bucket.as_deref().unwrap_or("files"),
        data_dir = %storage.data_dir.display(),
        queues = queues.join(","),
        proofs = config.workers.proof_concurrency,
        circuits = config.workers.keygen_concurrency,
        prover = app.prover.name(),
        kernel = ?Kernel::detect(),
        templates = app.library.iter().count(),
        "listening"
    );
    for warning in app.warnings() {
        tracing::warn!("{warning}");
    }
    if !address.is_empty() {
        // The server continues if standard output is closed.
        let scheme = if config.http.tls().is_some() { "https" } else { "http" };
        let _ = writeln!(std::io::stdout(), "listening on {scheme}://{address}");
    }
}
