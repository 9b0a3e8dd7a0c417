//! The listeners of a process: the API, and health, readiness and metrics.

use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::connections::{Connections, Listener};
use super::tls::Tls;
use crate::config::{Config, Http};
use crate::http;

/// Connections of the listener for operations. Orchestrators and Prometheus need few.
const OPERATIONS_CONNECTIONS: usize = 128;

/// Bound listeners.
pub(super) struct Listeners {
    api: TcpListener,
    tls: Option<Arc<Tls>>,
    unix: Option<UnixListener>,
    /// `None`: on the listener of the API.
    operations: Option<TcpListener>,
}

/// Addresses of the listeners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) api: Option<SocketAddr>,
    pub(super) operations: Option<SocketAddr>,
}

/// Gives the listeners their routers when the app is open.
pub(super) struct Routers {
    api: watch::Sender<Router>,
    operations: watch::Sender<Router>,
}

impl Routers {
    pub(super) fn open(&self, api: Router, operations: Router) {
        drop(self.api.send_replace(api));
        drop(self.operations.send_replace(operations));
    }
}

impl Listeners {
    pub(super) async fn bind(http: &Http) -> Result<Self, ServeError> {
        let bind = async |port| {
            let address = SocketAddr::new(http.bind, port);
            TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
        };
        let operations = match http.operations_port {
            0 => None,
            port => Some(bind(port).await?),
        };
        let halves = [http.tls_certificate.is_some(), http.tls_key.is_some()];
        if halves[0] != halves[1] || (http.tls_client_ca.is_some() && !halves[0]) {
            return Err(ServeError::HalfOfTls);
        }
        let failed = |action| move |source| ServeError::System { action, source };
        let tls = http.tls().map(Tls::open).transpose().map_err(failed("use the certificate of TLS"))?;
        let unix = http.unix_socket.as_deref().map(|path| {
            bind_unix(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        });
        let unix = unix.transpose();
        let unix = unix.map_err(failed("listen on the Unix socket"))?;
        Ok(Self { api: bind(http.port).await?, tls: tls.map(Arc::new), unix, operations })
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            api: self.api.local_addr().ok(),
            operations: self.operations.as_ref().and_then(|listener| listener.local_addr().ok()),
        }
    }

    /// Serves on all listeners until the shutdown; at first with the answers of a process that starts.
    pub(super) fn serve(
        self,
        config: &Config,
        shutdown: &CancellationToken,
    ) -> (impl Future<Output = ()> + Send + use<>, Routers) {
        let (http, shutdown) = (&config.http, shutdown.clone());
        let connections = |most, most_per_address| Connections {
            most,
            most_per_address,
            header_time: http.request_time(),
            shutdown: shutdown.clone(),
        };
        let api = connections(http.max_connections, http.connections_per_address());
        let operations = connections(OPERATIONS_CONNECTIONS, OPERATIONS_CONNECTIONS);
        let (api_router, api_routers) = watch::channel(http::starting_router());
        let (operations_router, operations_routers) = watch::channel(http::starting_router());
        let unix = connections(http.max_connections, http.max_connections);
        let Self { api: api_listener, tls, unix: unix_listener, operations: operations_listener } = self;
        let unix_routers = api_routers.clone();
        let serving = async move {
            let operations = async {
                if let Some(listener) = operations_listener {
                    operations.serve(Listener::Tcp(listener, None), operations_routers).await;
                }
            };
            let unix = async {
                if let Some(listener) = unix_listener {
                    unix.serve(Listener::Unix(listener), unix_routers).await;
                }
            };
            let followed = async {
                if let Some(tls) = &tls {
                    tls.follow(shutdown.clone()).await;
                }
            };
            let api = api.serve(Listener::Tcp(api_listener, tls.clone()), api_routers);
            tokio::join!(api, operations, unix, followed);
        };
        (serving, Routers { api: api_router, operations: operations_router })
    }
}

/// Listens on a Unix socket that only its user and group can connect to. The socket of a process that has ended is replaced.
///
/// # Errors
/// Another process listens there, or may; or the path is another file.
pub(super) fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is another file"));
        }
        // Only a refused connection shows that the process has ended: a socket of another user refuses the permission.
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // The socket gets its name when it has its mode.
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = Path::new(&fresh);
    // A process with the same number, as in a container, may have ended between the two names.
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(fresh)?;
    let named =
        fs::set_permissions(fresh, fs::Permissions::from_mode(0o660)).and_then(|()| fs::rename(fresh, path));
    named.inspect_err(|_| drop(fs::remove_file(fresh)))?;
    Ok(listener)
}
