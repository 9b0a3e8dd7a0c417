//! [`Log`]: settings of the log.

use clap::ValueEnum;

use super::setting::settings;
use super::value::choices;

settings! {
    /// Log
    Log at log {
        /// Log level of ZKFlow. Libraries never log debug or trace messages, since these could contain the
        /// bytes of a request
        level: LogLevel = LogLevel::Info, "log-level", "LOG_LEVEL";
        /// Format of log lines
        format: LogFormat = LogFormat::Text, "log-format", "LOG_FORMAT";
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

choices! {
    LogLevel: "error|warn|info|debug|trace", "error, warn, info, debug or trace";
    LogFormat: "text|json", "text or json";
}
