//! [`ClientError`].

use serde_json::Value;

/// A failed call of the API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server sent no complete answer.
    #[error("{method} {path}: no answer")]
    Transport {
        /// HTTP method.
        method: &'static str,
        /// Path of the request.
        path: String,
        /// Error of the HTTP client.
        source: reqwest::Error,
    },
    /// The server sent nothing for a long time.
    #[error("{method} {path}: no answer in {} s", after.as_secs())]
    Timeout {
        /// HTTP method.
        method: &'static str,
        /// Path of the request.
        path: String,
        /// Time limit; see [`with_timeout`](crate::Client::with_timeout).
        after: std::time::Duration,
    },
    /// The status is not a success.
    #[error("{method} {path}: {status} {}", problem(body))]
    Refused {
        /// HTTP method.
        method: &'static str,
        /// Path of the request.
        path: String,
        /// HTTP status code.
        status: u16,
        /// Problem document (RFC 9457).
        body: Value,
    },
    /// The work on the document failed, or was cancelled.
    #[error("{path} is {status}: {}", problem(&document["error"]), status = document["status"].as_str().unwrap_or_default())]
    Failed {
        /// Path of the document.
        path: String,
        /// The document, with its `error`.
        document: Value,
    },
    /// The work on the document is not done in time. It goes on.
    #[error("{path} is pending after {} s", patience.as_secs())]
    Late {
        /// Path of the document.
        path: String,
        /// The document as it was last seen.
        document: Value,
        /// How long was waited.
        patience: std::time::Duration,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Path of the file.
        path: std::path::PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// An answer breaks the API's format.
    #[error("{0}")]
    Unexpected(String),
    /// The local server or chain, or the runtime of a blocking client, did not start.
    #[error("the local server, chain or runtime did not start: {0}")]
    Start(String),
}

impl ClientError {
    /// The server's stable code, such as `circuit_not_found`, or that of the failed work, such as `constraint_failed`; `None` for
    /// errors of the client.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { body, .. } => body["code"].as_str(),
            Self::Failed { document, .. } => document["error"]["code"].as_str(),
            _ => None,
        }
    }
}

/// Detail and code of a problem document, or message and code of a failure.
pub(crate) fn problem(body: &Value) -> String {
    let text = |name: &str| body[name].as_str();
    let detail = text("detail").or(text("message")).unwrap_or_default();
    format!("{detail} ({})", text("code").unwrap_or_default())
}
