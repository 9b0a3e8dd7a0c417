//! Accepts connections and closes them, including connections with silent clients.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::places::{InFlight, Place, Places};
use super::stall::Stalling;
use crate::state::ClientAddress;
use crate::telemetry::{CONNECTIONS, CONNECTIONS_REFUSED};

/// Time after the last answer of a shutdown, to send it and to receive a request in transit.
const GRACE: Duration = Duration::from_secs(2);

/// Pause after a failed accept, for example when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Limit of the headers of a request, and of what is read of a connection before it is processed.
const HEADERS: usize = 32 * 1024;

/// Server of connections.
///
/// # Behaviour
/// - A connection is closed if a request's headers are not complete within `header_time` of the connection's
///   start or of its last answer.
/// - At most `most` connections are open, and at most `most_per_address` from one address (IPv6: from one /64 network). A
///   further one gets the place of the connection, or of the address's, that has been idle for longest. If a request is in
///   flight on each of them, a further connection waits, or is closed at once if its address has its share.
/// - A connection is closed if its client reads too little of an answer; see [`Stalling`].
/// - Headers above [`HEADERS`] bytes are answered with 431.
/// - Requests are answered by the router that `routers` contains at that time.
/// - After the shutdown no connection is accepted, idle connections are closed, and requests in flight are
///   answered. [`GRACE`] after the last answer all remaining connections are closed.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) most: usize,
    pub(super) most_per_address: usize,
    pub(super) header_time: Duration,
    pub(super) shutdown: CancellationToken,
}

impl Connections {
    /// Serves until the shutdown, then until the requests in flight are answered.
    pub(super) async fn serve(self, listener: TcpListener, routers: watch::Receiver<Router>) {
        let requests = TaskTracker::new();
        // Dropping the set closes the remaining connections.
        let mut connections = JoinSet::new();
        let places = Places::new(self.most, self.most_per_address);
        while let Some((stream, address, place)) =
            self.shutdown.run_until_cancelled(next(&listener, &places)).await
        {
            while connections.try_join_next().is_some() {}
            let (shutdown, requests) = (self.shutdown.clone(), requests.clone());
            let connection =
                connection(stream, address, place, routers.clone(), self.header_time, requests, shutdown);
            let open = metrics::gauge!(CONNECTIONS);
            connections.spawn(async move {
                open.increment(1.0);
                connection.await;
                open.decrement(1.0);
            });
        }
        drop(listener);
        requests.close();
        requests.wait().await;
        let closed = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, closed).await.is_err() {
            tracing::debug!(left = connections.len(), "closing connections that send no request");
        }
    }
}

/// Waits for the next connection, then for its place. Closes connections of addresses that have their share.
async fn next(listener: &TcpListener, places: &Arc<Places>) -> (TcpStream, IpAddr, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => match places.take(from.ip()).await {
                Some(place) => return (stream, from.ip(), place),
                None => metrics::counter!(CONNECTIONS_REFUSED).increment(1),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    address: IpAddr,
    place: Place,
    routers: watch::Receiver<Router>,
    header_time: Duration,
    requests: TaskTracker,
    shutdown: CancellationToken,
) {
    // Without it, small answers wait for an acknowledgement. An error only causes this delay.
    let _ = stream.set_nodelay(true);
    let place = Arc::new(place);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ClientAddress(address));
        let router = routers.borrow().clone();
        let (answer, in_flight) = (router.oneshot(request), (place.in_flight(), requests.token()));
        async move {
            let Ok(response) = answer.await;
            Ok::<_, Infallible>(response.map(|body| Answer { body, _in_flight: in_flight }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .max_buf_size(HEADERS)
        .serve_connection(TokioIo::new(Stalling::new(stream)), service);
    let mut connection = pin!(connection);
    // Errors are caused by the client: it disconnects, is silent or does not use HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        () = place.given_away() => {
            // The end of the last answer may still be on its way.
            if place.is_used() {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(GRACE, connection).await;
            }
            return;
        }
    }
    let _ = connection.await;
}

/// A response body. The request counts as in flight until the body is sent.
struct Answer {
    body: Body,
    _in_flight: (InFlight, TaskTrackerToken),
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    use super::*;

    async fn start(
        most: usize,
        header_time: Duration,
    ) -> (std::net::SocketAddr, CancellationToken, JoinHandle<()>) {
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow"
        };
        let router = Router::new().route("/", get(async || "here")).route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let connections =
            Connections { most, most_per_address: most + 1, header_time, shutdown: shutdown.clone() };
        let (_, routers) = watch::channel(router);
        (address, shutdown, tokio::spawn(connections.serve(listener, routers)))
    }

    async fn send(address: std::net::SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn read(mut stream: TcpStream) -> String {
        let mut text = String::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut text))
            .await
            .unwrap()
            .unwrap();
        text
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn an_unfinished_head_is_not_waited_for() {
        let (address, _shutdown, _serving) = start(8, Duration::from_millis(100)).await;
        let text = read(send(address, "GET / HTTP/1.1\r\nHost: ").await).await;
        assert!(!text.contains("200 OK"), "{text}");
    }

    #[tokio::test]
    async fn half_open_connections_do_not_hold_up_the_end() {
        let (address, shutdown, serving) = start(8, HOUR).await;
        let silent = send(address, "").await;
        let half = send(address, "GET / HTTP/1.1\r\nHost: ").await;
        let slow = send(address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        shutdown.cancel();
        serving.await.unwrap();
        assert!(began.elapsed() < GRACE + Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(read(slow).await.ends_with("slow"));
        drop((silent, half));
    }

    #[tokio::test]
    async fn a_silent_connection_leaves_for_a_new_one_and_one_with_a_request_does_not() {
        let (address, _shutdown, _serving) = start(1, HOUR).await;
        let silent = send(address, "").await;
        let slow = tokio::spawn(read(send(address, "GET /slow HTTP/1.1\r\n\r\n").await));
        assert_eq!(read(silent).await, "", "closed without an answer");
        let second = read(send(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await).await;
        assert!(second.ends_with("here"), "{second}");
        // It was answered in full, then left.
        assert!(slow.await.unwrap().ends_with("slow"));
    }
}
