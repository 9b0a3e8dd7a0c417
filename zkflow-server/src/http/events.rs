//! Server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use futures::{Stream, StreamExt as _};
use serde::Serialize;

use super::Problem;
use crate::service::{Requested, watch};
use crate::state::App;

/// A comment is sent after this time without events, so that idle connections are not closed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Stream of events with a heartbeat.
pub(super) type Events = KeepAliveStream<Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>>;

/// Sends the document as a `D`, now and after each change. Events are named `name`; their id is the epoch.
pub(super) async fn follow<T: Requested, D: From<T> + Serialize + 'static>(
    app: Arc<App>,
    id: T::Id,
    name: &'static str,
) -> Result<Sse<Events>, Problem> {
    let documents = watch::follow::<T>(app, id).await?;
    let events = documents.map(move |document| {
        let event = Event::default().event(name).id(document.life().epoch.to_string());
        // Expect safety: a DTO contains only strings, numbers and maps with string keys.
        Ok(event.json_data(D::from(document)).expect("a DTO serialises"))
    });
    let events: Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> = Box::pin(events);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}
