//! Waits for a document: by server-sent events if its changes are observed, else by long-polling.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::events::Events;
use crate::transport::{Call, text};
use crate::{Client, ClientError};

/// Gets a document now and after each change.
pub type OnChange<'a> = &'a mut (dyn FnMut(&Value) + Send);

/// Longest time of one long-poll.
const POLL: Duration = Duration::from_secs(10);
/// Pause before a further connection.
const PAUSE: Duration = Duration::from_millis(20);
/// Pause after a stream that broke.
const PAUSE_BROKEN: Duration = Duration::from_millis(250);

impl Client {
    /// Waits until the status of a document is not `pending`.
    pub(crate) async fn follow(
        &self,
        path: &str,
        patience: Duration,
        on_change: Option<OnChange<'_>>,
    ) -> Result<Value, ClientError> {
        let mut streams = on_change.is_some();
        let mut nothing = |_: &Value| {};
        let on_change: OnChange<'_> = match on_change {
            Some(on_change) => on_change,
            None => &mut nothing,
        };
        let deadline = Instant::now() + patience;
        let mut watch = Watch { client: self, path, deadline, on_change, known: Value::Null, last: None };
        loop {
            if streams {
                streams = watch.stream().await?;
            } else {
                watch.poll(POLL.min(deadline.saturating_duration_since(Instant::now()))).await?;
            }
            if watch.is_final() {
                return Ok(watch.known);
            }
            if Instant::now() > deadline {
                return Err(ClientError::Late { path: path.to_owned(), document: watch.known, patience });
            }
            sleep(if streams { PAUSE_BROKEN } else { PAUSE }).await;
        }
    }

    /// Waits for a document, which must have one of the wanted statuses at the end.
    pub(crate) async fn settled(
        &self,
        path: &str,
        wanted: &[&str],
        patience: Duration,
    ) -> Result<Value, ClientError> {
        expect(path, self.follow(path, patience, None).await?, wanted)
    }
}

/// The document, if it has one of the wanted statuses; else its error.
pub(crate) fn expect(path: &str, document: Value, wanted: &[&str]) -> Result<Value, ClientError> {
    let status = text(&document, "status")?;
    if wanted.contains(&status) {
        return Ok(document);
    }
    Err(ClientError::Failed { path: path.to_owned(), document })
}

/// A document that is watched.
struct Watch<'a> {
    client: &'a Client,
    path: &'a str,
    deadline: Instant,
    on_change: OnChange<'a>,
    known: Value,
    /// Id of the last event.
    last: Option<HeaderValue>,
}

impl Watch<'_> {
    fn is_final(&self) -> bool {
        self.known["status"].as_str().is_some_and(|status| status != "pending")
    }

    fn learn(&mut self, document: Value) -> Result<(), ClientError> {
        text(&document, "status")?;
        if document != self.known {
            (self.on_change)(&document);
            self.known = document;
        }
        Ok(())
    }

    /// Reads the document, which the server holds back for a time in full seconds while it does not change.
    async fn poll(&mut self, wait: Duration) -> Result<(), ClientError> {
        let path = format!("{}?wait={}", self.path, wait.as_secs());
        let document = Call::new(Method::GET, &path).succeed(self.client).await?;
        self.learn(document)
    }

    /// Reads events until the document is final, the stream ends, or it is late. Returns whether streams are possible here:
    /// if not, the long-poll says why.
    async fn stream(&mut self) -> Result<bool, ClientError> {
        let accept = HeaderValue::from_static("text/event-stream");
        let mut call = Call::new(Method::GET, &format!("{}/events", self.path)).with("accept", accept);
        if let Some(last) = &self.last {
            call = call.with("last-event-id", last.clone());
        }
        let Ok(mut answer) = call.open(self.client).await else { return Ok(false) };
        if answer.status() == 204 {
            // The last event was seen, and it is final.
            self.poll(Duration::ZERO).await?;
            return Ok(true);
        }
        let kind = answer.header("content-type").unwrap_or_default();
        if answer.status() != 200 || !kind.starts_with("text/event-stream") {
            return Ok(false);
        }
        let mut events = Events::default();
        // A stream that breaks is opened again, after the last event.
        while let Ok(Ok(Some(bytes))) = timeout_at(self.deadline, answer.next()).await {
            for event in events.read(&bytes)? {
                let document = serde_json::from_str(&event.data)
                    .map_err(|error| ClientError::Unexpected(format!("{}: an event: {error}", self.path)))?;
                self.last = event.id.and_then(|id| HeaderValue::try_from(id).ok()).or(self.last.take());
                self.learn(document)?;
                if self.is_final() {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }
}
