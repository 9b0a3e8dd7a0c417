//! [`Tls`]: certificate and key of the listener, read again when their files change.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use zkflow_core::digest::Digest;
use zkflow_core::service::secret_file::SecretFile;

use crate::config::TlsFiles;

/// Interval between looks at the files.
const LOOK: Duration = Duration::from_secs(10);

/// Certificate and key of the listener, and the CAs of its clients, if they need certificates. TLS 1.2 and 1.3.
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// Digests of the files.
    digests: Vec<Digest>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, or the key does not belong to the certificate.
    pub(super) fn open(files: TlsFiles) -> io::Result<Self> {
        let current = RwLock::new(read(&files)?);
        Ok(Self { files, current })
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
                    tracing::info!(certificate = %self.files.certificate.display(), "read the certificate again")
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
        let before = self.current().digests;
        if digests(&self.files)? == before {
            return Ok(false);
        }
        let found = read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(true)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn digests(TlsFiles { certificate, key, client_ca }: &TlsFiles) -> io::Result<Vec<Digest>> {
    let files = [certificate, key].into_iter().chain(client_ca);
    let read = |file: &PathBuf| std::fs::read(file).map_err(|error| named(file, &error));
    files.map(|file| Ok(Digest::of(zeroize::Zeroizing::new(read(file)?)))).collect()
}

/// An error with the file that it is in.
fn named(path: &Path, error: &dyn fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn read(files: &TlsFiles) -> io::Result<Current> {
    let TlsFiles { certificate, key, client_ca } = files;
    // The key of a certificate is often shared with the group of other servers, so that access of others is no error.
    if let Some(complaint) = SecretFile::complaint(key) {
        tracing::warn!("http.tls_key: {complaint}");
    }
    let digests = digests(files)?;
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| named(certificate, &error))?.collect();
    let chain = chain.map_err(|error| named(certificate, &error))?;
    if chain.is_empty() {
        return Err(named(certificate, &"it contains no certificate in PEM"));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => named(key, &"it contains no private key in PEM"),
        error => named(key, &error),
    })?;
    let clients = match client_ca {
        Some(path) => clients_of(path).map_err(|error| named(path, &error))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_client_cert_verifier(clients).with_single_cert(chain, secret))
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                named(key, &format_args!("it is not the key of the certificate {}", certificate.display()))
            }
            error => named(certificate, &error),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), digests })
}

/// Requires a certificate of one of the CAs in a file.
fn clients_of(path: &Path) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    // Fails without a certificate.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .build()
        .map_err(io::Error::other)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::ClientConfig;
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;

    use super::*;

    pub(in crate::serve) fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed/data/tls").join(name)
    }

    /// The pair of the server, without certificates of clients.
    pub(in crate::serve) fn server() -> TlsFiles {
        TlsFiles { certificate: file("server.pem"), key: file("server.key"), client_ca: None }
    }

    /// A client that trusts one certificate.
    pub(in crate::serve) async fn connect(
        address: std::net::SocketAddr,
        trusted: &str,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        connect_as(address, trusted, None).await
    }

    /// A client that trusts one certificate and has the pair of this name, if any.
    async fn connect_as(
        address: std::net::SocketAddr,
        trusted: &str,
        own: Option<&str>,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file(trusted)).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = vec![CertificateDer::from_pem_file(file(&format!("{own}.pem"))).unwrap()];
                let key = PrivateKeyDer::from_pem_file(file(&format!("{own}.key"))).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
    }

    #[test]
    fn a_pair_that_cannot_be_used_is_refused_with_its_file() {
        for (certificate, key, part) in [
            ("server.pem", "other.key", "other.key: it is not the key of the certificate"),
            ("server.key", "server.key", "server.key: it contains no certificate"),
            ("server.pem", "server.pem", "server.pem: it contains no private key"),
            ("server.pem", "missing.key", "missing.key: "),
        ] {
            let files = TlsFiles { certificate: file(certificate), key: file(key), client_ca: None };
            let error = Tls::open(files).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
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
        let files = TlsFiles { certificate: certificate.clone(), key: key.clone(), client_ca: None };
        let tls = Arc::new(Tls::open(files).unwrap());
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
        let missing = TlsFiles { certificate: folder.path().join("missing"), key, client_ca: None };
        let missing = Tls::open(missing).unwrap_err().to_string();
        assert!(missing.contains("missing"), "{missing}");
    }

    #[tokio::test]
    async fn clients_need_a_certificate_of_the_ca() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("clients.pem");
        std::fs::copy(file("client-ca.pem"), &ca).unwrap();
        let tls = Arc::new(Tls::open(TlsFiles { client_ca: Some(ca.clone()), ..server() }).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tls.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(mut stream) = serving.acceptor().accept(stream).await {
                    let _ = stream.write_all(b"welcome").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        // In TLS 1.3 the client learns of the refusal when it reads.
        let welcomed = async |own: Option<&str>| {
            let mut text = String::new();
            match connect_as(address, "ca.pem", own).await {
                Ok(mut stream) => stream.read_to_string(&mut text).await.is_ok() && text == "welcome",
                Err(_) => false,
            }
        };
        assert!(welcomed(Some("client")).await);
        assert!(!welcomed(None).await, "a client without a certificate is served");
        assert!(!welcomed(Some("other")).await, "a certificate of another issuer is accepted");
        assert!(!welcomed(Some("server")).await, "the certificate of the server is accepted");
        // Another CA is followed, a file without one is not.
        std::fs::write(&ca, "nothing").unwrap();
        assert!(tls.look().is_err());
        assert!(welcomed(Some("client")).await);
        std::fs::copy(file("ca.pem"), &ca).unwrap();
        assert!(tls.look().unwrap());
        assert!(!welcomed(Some("client")).await, "the former CA is trusted");
        std::fs::write(&ca, "").unwrap();
        assert!(Tls::open(TlsFiles { client_ca: Some(ca), ..server() }).is_err(), "no CA accepts all");
    }
}
