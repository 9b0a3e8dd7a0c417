//! [`Tls`]: certificate and key of the listener, read again when their files change.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use zkflow_core::digest::Digest;

/// Interval between looks at the files.
const LOOK: Duration = Duration::from_secs(10);

/// Certificate and key of the listener. TLS 1.2 and 1.3.
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// Digests of the files.
    files: [Digest; 2],
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, or the key does not belong to the certificate.
    pub(super) fn open((certificate, key): (&Path, &Path)) -> io::Result<Self> {
        let current = RwLock::new(read(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Accepts a connection with the present certificate.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current().config)
    }

    /// Reads the files again whenever they change. A pair that cannot be used changes nothing.
    pub(super) async fn follow(&self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            match self.look() {
                Ok(true) => {
                    tracing::info!(certificate = %self.certificate.display(), "read the certificate again")
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "the certificate or its key cannot be used: the old ones stay")
                }
            }
        }
    }

    /// Reads the files again if they have changed; returns whether they have.
    fn look(&self) -> io::Result<bool> {
        let before = self.current().files;
        if digests(&self.certificate, &self.key)? == before {
            return Ok(false);
        }
        let found = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(true)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn digests(certificate: &Path, key: &Path) -> io::Result<[Digest; 2]> {
    Ok([Digest::of(std::fs::read(certificate)?), Digest::of(zeroize::Zeroizing::new(std::fs::read(key)?))])
}

fn read(certificate: &Path, key: &Path) -> io::Result<Current> {
    let named =
        |path: &Path, error: &dyn fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
    let files = digests(certificate, key).map_err(|error| named(certificate, &error))?;
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| named(certificate, &error))?.collect();
    let chain = chain.map_err(|error| named(certificate, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| named(certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), files })
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::*;

    pub(in crate::serve) fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed/data/tls").join(name)
    }

    /// A client that trusts one certificate.
    pub(in crate::serve) async fn connect(
        address: std::net::SocketAddr,
        trusted: &str,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file(trusted)).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
    }

    #[tokio::test]
    async fn a_new_certificate_is_used_and_an_unusable_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        let copy = |name: &str| {
            std::fs::copy(file(&format!("{name}.pem")), &certificate).unwrap();
            std::fs::copy(file(&format!("{name}.key")), &key).unwrap();
        };
        copy("server");
        let tls = Arc::new(Tls::open((&certificate, &key)).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tls.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let _ = serving.acceptor().accept(stream).await;
            }
        });
        assert!(connect(address, "ca.pem").await.is_ok());
        assert!(connect(address, "other.pem").await.is_err(), "another certificate is trusted");
        assert!(!tls.look().unwrap(), "unchanged files are read again");
        // Half of a change: the key does not belong to the certificate.
        std::fs::copy(file("other.pem"), &certificate).unwrap();
        assert!(tls.look().is_err());
        assert!(connect(address, "ca.pem").await.is_ok(), "an unusable pair is used");
        std::fs::write(&key, "not a key").unwrap();
        assert!(tls.look().is_err());
        copy("other");
        assert!(tls.look().unwrap());
        assert!(connect(address, "other.pem").await.is_ok());
        assert!(connect(address, "ca.pem").await.is_err());
        let missing = Tls::open((&folder.path().join("missing"), &key)).unwrap_err().to_string();
        assert!(missing.contains("missing"), "{missing}");
    }
}
