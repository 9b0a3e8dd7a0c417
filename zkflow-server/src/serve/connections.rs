//! Accepts connections and closes them, including connections with silent clients.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONNECTION;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::places::{InFlight, Place, Places};
use super::stall::Stalling;
use super::tls::Tls;
use crate::state::{ClientAddress, LOCAL};
use crate::telemetry::{CONNECTIONS, CONNECTIONS_REFUSED};

/// Time after the last answer of a shutdown, to send it and to receive a request in transit.
const GRACE: Duration = Duration::from_secs(2);

/// Pause after a failed accept, for example when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Time limit of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Limit of the headers of a request, and of what is read of a connection before it is processed.
const HEADERS: usize = 32 * 1024;

/// What connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    /// A port, with TLS or without.
    Tcp(TcpListener, Option<Arc<Tls>>),
    /// A Unix socket. Its clients count as local ones.
    Unix(UnixListener),
}

/// A connection that was accepted.
enum Socket {
    Tcp(TcpStream, Option<Arc<Tls>>),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<(Socket, IpAddr)> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, from) = listener.accept().await?;
                Ok((Socket::Tcp(stream, tls.clone()), from.ip()))
            }
            Self::Unix(listener) => Ok((Socket::Unix(listener.accept().await?.0), LOCAL.0)),
        }
    }
}

/// Server of connections.
///
/// # Behaviour
/// - A TLS handshake may take [`HANDSHAKE`].
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
    pub(super) async fn serve(self, listener: Listener, routers: watch::Receiver<Router>) {
        let requests = TaskTracker::new();
        // Dropping the set closes the remaining connections.
        let mut connections = JoinSet::new();
        let places = Places::new(self.most, self.most_per_address);
        while let Some((socket, address, place)) =
            self.shutdown.run_until_cancelled(next(&listener, &places)).await
        {
            while connections.try_join_next().is_some() {}
            let (shutdown, requests) = (self.shutdown.clone(), requests.clone());
            let client = Client {
                address,
                place,
                routers: routers.clone(),
                header_time: self.header_time,
                requests,
                shutdown,
            };
            let connection = client.serve(socket);
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
async fn next(listener: &Listener, places: &Arc<Places>) -> (Socket, IpAddr, Place) {
    loop {
        match listener.accept().await {
            Ok((socket, from)) => match places.take(from).await {
                Some(place) => return (socket, from, place),
                None => metrics::counter!(CONNECTIONS_REFUSED).increment(1),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The other side of a connection.
struct Client {
    address: IpAddr,
    place: Place,
    routers: watch::Receiver<Router>,
    header_time: Duration,
    requests: TaskTracker,
    shutdown: CancellationToken,
}

impl Client {
    async fn serve(self, socket: Socket) {
        match socket {
            Socket::Unix(stream) => connection(stream, self).await,
            Socket::Tcp(stream, tls) => {
                // Without it, small answers wait for an acknowledgement. An error only causes this delay.
                let _ = stream.set_nodelay(true);
                match tls {
                    None => connection(stream, self).await,
                    Some(tls) => {
                        let handshake = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream));
                        let accepted = tokio::select! {
                            accepted = handshake => accepted,
                            () = self.shutdown.cancelled() => return,
                            () = self.place.given_away() => return,
                        };
                        if let Ok(Ok(stream)) = accepted {
                            connection(stream, self).await;
                        }
                    }
                }
            }
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, client: Client) {
    let Client { address, place, routers, header_time, requests, shutdown } = client;
    let place = Arc::new(place);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ClientAddress(address));
        let router = routers.borrow().clone();
        let in_flight = (place.in_flight(), requests.token());
        async move {
            let response = if head_bytes(&request) > HEADERS {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, [(CONNECTION, "close")]).into_response()
            } else {
                let Ok(response) = router.oneshot(request).await;
                response
            };
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

/// Bytes of the first line and the headers of a request, about as they were sent. hyper's own limit is one of its buffer, which a head
/// that arrives at once can exceed by as much again.
fn head_bytes(request: &hyper::Request<Incoming>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    headers.fold(target, |bytes, (name, value)| bytes + name.as_str().len() + value.len() + ": \r\n".len())
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
        (address, shutdown, tokio::spawn(connections.serve(Listener::Tcp(listener, None), routers)))
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
    async fn a_head_above_the_limit_is_refused_however_it_arrives() {
        let (address, _shutdown, _serving) = start(8, HOUR).await;
        for (bytes, answer) in [(HEADERS - 100, "200"), (HEADERS + 1, "431"), (HEADERS * 3 / 2, "431")] {
            let head = format!("GET / HTTP/1.1\r\nConnection: close\r\nX: {}\r\n\r\n", "a".repeat(bytes));
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The server may close before it has read everything.
            let _ = stream.write_all(head.as_bytes()).await;
            let mut text = [0; 12];
            stream.read_exact(&mut text).await.unwrap();
            assert_eq!(std::str::from_utf8(&text).unwrap(), format!("HTTP/1.1 {answer}"), "{bytes} bytes");
        }
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
        assert!(began.elapsed() < GRACE + Duration::from_secs(60), "{:?}", began.elapsed());
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

    #[tokio::test]
    async fn requests_come_over_tls_and_a_client_without_it_gets_no_answer() {
        use super::super::tls::tests::{connect, server};

        let router = Router::new().route("/", get(async || "here"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = Tls::open(server()).unwrap();
        let shutdown = CancellationToken::new();
        let connections =
            Connections { most: 8, most_per_address: 8, header_time: HOUR, shutdown: shutdown.clone() };
        let (_, routers) = watch::channel(router);
        let serving = tokio::spawn(connections.serve(Listener::Tcp(listener, Some(Arc::new(tls))), routers));
        let mut stream = connect(address, "ca.pem").await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("here"), "{text}");
        let mut plain = Vec::new();
        let mut stream = send(address, "GET / HTTP/1.1\r\n\r\n").await;
        stream.read_to_end(&mut plain).await.unwrap();
        assert!(!String::from_utf8_lossy(&plain).contains("here"));
        // A silent client does not hold up the end.
        let silent = send(address, "").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        shutdown.cancel();
        serving.await.unwrap();
        assert!(began.elapsed() < GRACE + Duration::from_secs(60), "{:?}", began.elapsed());
        drop(silent);
    }

    #[tokio::test]
    async fn requests_come_over_a_unix_socket_as_local_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api");
        let from = async |request: axum::extract::Request| {
            request.extensions().get::<ClientAddress>().is_some_and(|client| client.0 == LOCAL.0).to_string()
        };
        let shutdown = CancellationToken::new();
        let connections =
            Connections { most: 8, most_per_address: 8, header_time: HOUR, shutdown: shutdown.clone() };
        let (_, routers) = watch::channel(Router::new().route("/", get(from)));
        let listener = Listener::Unix(super::super::listeners::bind_unix(&path).unwrap());
        tokio::spawn(connections.serve(listener, routers));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("true"), "{text}");
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        // A socket of a process that has ended is replaced, one that is used and other files are not.
        assert!(super::super::listeners::bind_unix(&path).is_err(), "a used socket was taken");
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("old")).unwrap());
        assert!(super::super::listeners::bind_unix(&folder.path().join("old")).is_ok());
        std::fs::write(folder.path().join("file"), "x").unwrap();
        assert!(super::super::listeners::bind_unix(&folder.path().join("file")).is_err());
    }
}
