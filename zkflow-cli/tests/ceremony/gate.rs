//! A gate before the server, where a request stops.

use std::convert::Infallible;
use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

/// Where a request stops. It never goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Point {
    /// Before the server gets it.
    Before,
    /// In the middle of its answer.
    Amid,
    /// After the server has done it, before its answer.
    After,
}

struct Stop {
    request: String,
    point: Point,
    reached: Sender<()>,
}

/// Lets requests pass, and keeps a list of them.
#[derive(Default)]
pub(crate) struct Gate {
    stop: Mutex<Option<Stop>>,
    answered: Mutex<Vec<String>>,
}

impl Gate {
    pub(crate) fn before(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), pass))
    }

    /// Stops the next request whose name begins with `request`. The receiver gets a value then.
    pub(crate) fn stop(&self, request: &str, point: Point) -> Receiver<()> {
        let (reached, receiver) = channel();
        *self.stop.lock().unwrap() = Some(Stop { request: request.to_owned(), point, reached });
        receiver
    }

    /// Status and name of the requests that the server has done, and whose name contains `part`.
    pub(crate) fn answered(&self, part: &str) -> Vec<String> {
        let answered = self.answered.lock().unwrap();
        answered.iter().filter(|request| request.contains(part)).cloned().collect()
    }
}

/// Method, path below the ceremony, and range of a request.
fn name(request: &Request) -> String {
    let below: Vec<_> = request.uri().path().split('/').skip(4).collect();
    let range = request.headers().get("range").map_or("", |range| range.to_str().unwrap());
    format!("{} {} {range}", request.method(), below.join("/")).trim_end().to_owned()
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let name = name(&request);
    let stop = gate.stop.lock().unwrap().take_if(|stop| name.starts_with(&stop.request));
    if let Some(Stop { point: Point::Before, reached, .. }) = &stop {
        reached.send(()).unwrap();
        return pending().await;
    }
    let answer = next.run(request).await;
    if let Some(Stop { point: Point::Amid, reached, .. }) = stop {
        let (head, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let half = bytes.slice(..bytes.len() / 2);
        let never = async move {
            reached.send(()).unwrap();
            pending::<Result<Bytes, Infallible>>().await
        };
        let cut = stream::once(async move { Ok(half) }).chain(stream::once(never));
        return Response::from_parts(head, Body::from_stream(cut));
    }
    gate.answered.lock().unwrap().push(format!("{} {name}", answer.status().as_u16()));
    if let Some(Stop { reached, .. }) = stop {
        reached.send(()).unwrap();
        return pending().await;
    }
    answer
}
