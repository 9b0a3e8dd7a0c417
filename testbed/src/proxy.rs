//! [`Proxy`]: network faults between a client and a server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Effect of a [`Proxy`] on its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// All bytes are forwarded.
    None,
    /// Answers are delayed by this time.
    Latency(Duration),
    /// Old and new connections are reset.
    Reset,
    /// Connections stay open without forwarding, as after a power failure. A connection that has lost bytes
    /// never recovers.
    HalfOpen,
}

/// A TCP proxy on a free port of the loopback address. Closes all connections on drop.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to `server`, at first without a fault.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start(server: SocketAddr) -> Self {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (fault, seen) = watch::channel(Fault::None);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, server, seen.clone()));
            }
        });
        Self { address, fault, accepting }
    }

    /// Address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the fault, also of open connections.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections end because the sender of faults is dropped.
        self.accepting.abort();
    }
}

async fn connection(client: TcpStream, server: SocketAddr, fault: watch::Receiver<Fault>) {
    // If the server is down, the client's connection is closed.
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
    let ended = tokio::select! {
        ended = pump(from_client, to_server, fault.clone(), false) => ended,
        ended = pump(from_server, to_client, fault, true) => ended,
    };
    drop(ended);
}

/// Forwards bytes in one direction until the end of the stream, or until a fault ends it.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    is_answer: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let now = *fault.borrow_and_update();
        if now == Fault::Reset {
            // Both halves are dropped with data unread, so the peer gets a RST.
            return to.as_ref().set_zero_linger();
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            changed = fault.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return Ok(()),
            },
        };
        if read == 0 {
            return Ok(());
        }
        let now = *fault.borrow();
        match now {
            Fault::Reset => return to.as_ref().set_zero_linger(),
            // The bytes are lost, so the connection hangs until the proxy is dropped.
            Fault::HalfOpen => {
                while fault.changed().await.is_ok() {}
                return Ok(());
            }
            Fault::Latency(by) if is_answer => tokio::time::sleep(by).await,
            Fault::Latency(_) | Fault::None => {}
        }
        to.write_all(&buffer[..read]).await?;
    }
}
