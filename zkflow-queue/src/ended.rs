//! One line of the log for the end of every document, with all that leads to its request and its causes; the count of those
//! that failed.

use zkflow_core::service::catalog::{Failure, Named as _, Stored};
use zkflow_core::service::queue::QueueName;

/// Counts a document that failed for good; `code` is the stable error code.
pub fn count_failed(queue: QueueName, code: String) {
    metrics::counter!("zkflow_documents_failed_total", "queue" => queue.as_str(), "code" => code)
        .increment(1);
}

/// Logs the end of a final document: at `warn` if it failed. The log gets the `causes` of a failure, if there are more than
/// the document tells.
pub fn log_end<D: Stored>(document: &D, causes: Option<&str>) {
    let life = document.life();
    let failure = life.error.as_ref().map(|Failure { code, message }| (&**code, causes.unwrap_or(message)));
    line(document, life.status.as_str(), failure);
}

/// Logs that a pending document is removed, because it has expired.
pub fn log_expired<D: Stored>(document: &D) {
    let reason =
        document.life().delayed_by.as_ref().map_or("its work did not end in time", |by| by.message.as_str());
    line(document, "expired", Some(("expired", reason)));
}

/// Logs that a pending document is deleted by a request.
pub fn log_deleted<D: Stored>(document: &D) {
    line(document, "deleted", None);
}

fn line<D: Stored>(document: &D, status: &str, failure: Option<(&str, &str)>) {
    let life = document.life();
    let (kind, id, attempt) = (D::KIND, document.id(), life.attempt);
    let ms = life.updated_at.since(life.created_at).as_millis() as u64;
    let (request, traceparent) = match &life.origin {
        Some(origin) => (Some(origin.request_id.as_str()), origin.traceparent.as_deref()),
        None => (None, None),
    };
    match failure {
        None => tracing::info!(kind, %id, status, attempt, ms, request, traceparent, "ended"),
        Some((code, reason)) => {
            tracing::warn!(kind, %id, status, attempt, ms, request, traceparent, code, reason, "ended");
        }
    }
}
