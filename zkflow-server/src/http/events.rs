//! Server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde::Serialize;
use utoipa::IntoParams;

use super::Problem;
use crate::auth::Principal;
use crate::service::{Requested, watch};
use crate::state::{App, ClientAddress};

/// A comment is sent after this time without events, so that idle connections are not closed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Length of a stream; clients then connect again with `Last-Event-ID`.
const LIFETIME: Duration = Duration::from_secs(300);

/// The header of a client that connects again.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct LastEvent {
    /// Id of the last event that the client has; it is not sent again.
    #[allow(dead_code, reason = "for the description")]
    #[param(rename = "Last-Event-ID", value_type = Option<String>)]
    last_event_id: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for LastEvent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok());
        Ok(Self { last_event_id: id.and_then(|id| id.parse().ok()) })
    }
}

/// Sends the document as a `D`, now and after each change, until it is final. Events are named `name`; their id is the
/// epoch. 204 if there is nothing to send any more: a browser then stops connecting again.
pub(super) async fn follow<T: Requested, D: From<T> + Serialize + 'static>(
    app: Arc<App>,
    caller: &Principal,
    id: T::Id,
    name: &'static str,
    last: LastEvent,
    client: ClientAddress,
) -> Result<Response, Problem> {
    let Some(documents) = watch::follow::<T>(app, caller, id, last.last_event_id, client).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = documents.map(move |document| {
        let event = Event::default().event(name).id(document.life().epoch.to_string());
        // Expect safety: a DTO contains only strings, numbers and maps with string keys.
        Ok::<_, Infallible>(event.json_data(D::from(document)).expect("a DTO serialises"))
    });
    let events = events.take_until(tokio::time::sleep(LIFETIME));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}
