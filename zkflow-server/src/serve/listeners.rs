//! The listeners of a process: the API, and health, readiness and metrics.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::connections::Connections;
use crate::config::{Config, Http};
use crate::http;

/// Connections of the listener for operations. Orchestrators and Prometheus need few.
const OPERATIONS_CONNECTIONS: usize = 128;

/// Bound listeners.
pub(super) struct Listeners {
    api: TcpListener,
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
        Ok(Self { api: bind(http.port).await?, operations })
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
        let Self { api: api_listener, operations: operations_listener } = self;
        let serving = async move {
            let operations = async {
                if let Some(listener) = operations_listener {
                    operations.serve(listener, operations_routers).await;
                }
            };
            tokio::join!(api.serve(api_listener, api_routers), operations);
        };
        (serving, Routers { api: api_router, operations: operations_router })
    }
}
