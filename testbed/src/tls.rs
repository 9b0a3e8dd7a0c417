//! [`TlsFront`]: TLS in front of a server that has none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Path of a test certificate or key of this package. They are for 127.0.0.1, and valid for a hundred years.
///
/// | file | certificate |
/// |---|---|
/// | `ca.pem` | authority of `server.pem` |
/// | `server.pem`, `server.key` | of a server |
/// | `other.pem`, `other.key` | of a server, by no authority |
/// | `client-ca.pem` | another authority |
pub fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/tls").join(name)
}

/// A server of TLS on a free port of the loopback address, which forwards to a server without TLS. It ends on drop.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    /// Connections whose handshake was completed.
    accepted: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl TlsFront {
    /// Forwards to `server`, with the certificate `NAME.pem` and its key `NAME.key`.
    ///
    /// # Panics
    /// There is no such pair, or no free port.
    pub async fn start(server: SocketAddr, name: &str) -> Self {
        let chain =
            vec![CertificateDer::from_pem_file(tls_file(&format!("{name}.pem"))).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(tls_file(&format!("{name}.key"))).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key belongs to the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), count.clone());
                tokio::spawn(async move {
                    // A client that refuses the certificate ends the connection.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    count.fetch_add(1, Ordering::SeqCst);
                    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut upstream).await;
                });
            }
        });
        Self { address, accepted, accepting }
    }

    /// URL of the server, such as `https://127.0.0.1:43210`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Number of connections whose handshake was completed.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
