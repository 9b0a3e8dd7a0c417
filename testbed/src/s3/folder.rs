//! [`Folder`]: s3s over a folder, in this process.

use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::objects::Objects;
use super::{Conditions, S3Server};

/// A listener of this process, with a temporary folder.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
    conditions: Conditions,
    serving: Option<JoinHandle<()>>,
}

impl Folder {
    pub(super) fn new(conditions: Conditions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        Self { folder, conditions, serving: None }
    }

    pub(super) async fn serve(&mut self, address: SocketAddr) {
        let listener = TcpListener::bind(address).await.expect("the address of the S3 server is free");
        let mut builder = S3ServiceBuilder::new(Objects::open(self.folder.path(), self.conditions));
        builder.set_auth(SimpleAuth::from_single(S3Server::ACCESS_KEY, S3Server::SECRET_KEY));
        self.serving = Some(tokio::spawn(accept(listener, builder.build())));
    }

    pub(super) async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // Fails because the task was cancelled, as intended.
            let _ = serving.await;
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Accepts connections until it is aborted, which also aborts the connections.
async fn accept(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            // A failed connection is visible to the client.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
