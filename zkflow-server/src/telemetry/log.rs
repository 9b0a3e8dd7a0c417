//! The log of a process.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::{LogFormat, LogLevel};

/// Makes panics print their thread and location, but not their message, which may contain private inputs.
pub fn panics_without_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // The log may be the part that panicked, and `eprintln` may panic itself: neither is used here.
        let _ = match panic.location() {
            Some(place) => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked at {place}"),
            None => writeln!(std::io::stderr(), "zkflow: thread {thread} panicked"),
        };
    }));
}

/// Sends the log to standard error, and traces where the environment says. Does nothing if a log is already set up. Must not be
/// called in an async runtime.
pub fn log_to_stderr(level: LogLevel, format: LogFormat) {
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let log = fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    let log = match format {
        LogFormat::Text => log.boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    let registry = tracing_subscriber::registry().with(log.with_filter(filter(level)));
    #[cfg(feature = "otlp")]
    let (traces, problem) = match super::traces::layer() {
        Ok(layer) => (layer.map(|layer| layer.with_filter(filter(LogLevel::Info))), None),
        Err(problem) => (None, Some(problem)),
    };
    #[cfg(feature = "otlp")]
    let registry = registry.with(traces);
    // An error means that a log is already set up.
    let _ = registry.try_init();
    #[cfg(feature = "otlp")]
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Sends what of traces was not sent yet. Must not be called in an async runtime.
pub fn finish() {
    #[cfg(feature = "otlp")]
    super::traces::flush();
}

/// While it looks for credentials and a region, the SDK of AWS warns of each place without them, with whole answers of the metadata
/// service. If there are none at all, the start fails with an error of its own.
const SILENCED: &str = "aws_config=error";

/// The log filter: `level` for our own crates, at most info for libraries. Debug and trace messages of HTTP,
/// TLS and database libraries show transferred bytes, which contain private inputs.
pub fn filter(level: LogLevel) -> EnvFilter {
    let (ours, others) = match level {
        LogLevel::Error => ("error", "error"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Debug => ("debug", "info"),
        LogLevel::Trace => ("trace", "info"),
    };
    let crates = [
        "zkflow",
        "zkflow_bn254",
        "zkflow_circom",
        "zkflow_core",
        "zkflow_cuda",
        "zkflow_evm",
        "zkflow_groth16",
        "zkflow_queue",
        "zkflow_server",
        "zkflow_store",
    ];
    let ours = crates.map(|name| format!("{name}={ours}")).join(",");
    EnvFilter::new(format!("{others},{SILENCED},{ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_do_not_log_their_bytes_at_any_level() {
        for level in [LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            let filter = filter(level).to_string();
            let ours = |part: &str| part.starts_with("zkflow");
            for part in filter.split(',').filter(|part| !ours(part)) {
                assert!(["info", "warn", SILENCED].contains(&part), "{part}");
            }
        }
    }
}
