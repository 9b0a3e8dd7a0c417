//! [`S3Server`]: a server of the S3 protocol, with signatures.

mod objects;

use std::net::SocketAddr;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::Rng;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use objects::Objects;

/// A server of the S3 protocol with one bucket.
///
/// By default it is s3s with s3s-fs, in this process: real HTTP and real signatures over a folder. The module
/// `objects` adds guarantees of S3 that s3s-fs lacks. Set `S3_ENDPOINT` to run the same tests against another
/// server, with the usual credentials (`AWS_ACCESS_KEY_ID`, …) and the bucket `S3_BUCKET`.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    bucket: String,
    own: Option<Own>,
}

/// A listener of this process, with a temporary folder.
#[derive(Debug)]
struct Own {
    address: SocketAddr,
    folder: TempDir,
    serving: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Access key id of a server started here.
    pub const ACCESS_KEY: &str = "zkflow-test";
    /// Secret access key of [`ACCESS_KEY`](Self::ACCESS_KEY).
    pub const SECRET_KEY: &str = "not a secret: it opens a folder that is deleted after the test";

    /// The server at `S3_ENDPOINT`, or else a new one.
    ///
    /// # Panics
    /// The server cannot be started, or `S3_ENDPOINT` is set without `S3_BUCKET`.
    pub async fn start() -> Self {
        match std::env::var("S3_ENDPOINT") {
            Ok(endpoint) if !endpoint.is_empty() => {
                let bucket = std::env::var("S3_BUCKET").expect("S3_BUCKET must name a bucket at S3_ENDPOINT");
                Self { endpoint, bucket, own: None }
            }
            _ => Self::start_own().await,
        }
    }

    /// A new server, which can be stopped, even if `S3_ENDPOINT` is set.
    ///
    /// # Panics
    /// The server cannot be started.
    pub async fn start_own() -> Self {
        let address = crate::free_address();
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let bucket = "zkflow-test".to_owned();
        std::fs::create_dir(folder.path().join(&bucket))
            .expect("a folder in a temporary folder can be created");
        let own = Own { address, folder, serving: None };
        let mut server = Self { endpoint: format!("http://{address}"), bucket, own: Some(own) };
        server.resume().await;
        server
    }

    /// URL of the server.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether the server was started here, so that its key is [`ACCESS_KEY`](Self::ACCESS_KEY).
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// A random prefix without objects.
    pub fn fresh_prefix(&self) -> String {
        format!("test-{:016x}", rand::thread_rng().r#gen::<u64>())
    }

    /// Address that the server listens on.
    ///
    /// # Panics
    /// The server was not started here.
    pub fn address(&self) -> SocketAddr {
        self.own.as_ref().expect("the server was started here").address
    }

    /// Closes the server and all its connections; its data stays.
    ///
    /// # Panics
    /// The server was not started here.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.own.as_mut().expect("the server was started here").serving.take() {
            serving.abort();
            // Fails because the task was cancelled, as intended.
            let _ = serving.await;
        }
    }

    /// Starts the server again, with the same address and data.
    ///
    /// # Panics
    /// The address is in use, or the server was not started here.
    pub async fn resume(&mut self) {
        let own = self.own.as_mut().expect("the server was started here");
        let listener = TcpListener::bind(own.address).await.expect("the address of the S3 server is free");
        let mut builder = S3ServiceBuilder::new(Objects::open(own.folder.path()));
        builder.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET_KEY));
        own.serving = Some(tokio::spawn(serve(listener, builder.build())));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Accepts connections until it is aborted, which also aborts the connections.
async fn serve(listener: TcpListener, service: S3Service) {
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

/// Downloads a URL as an ordinary HTTP client does; returns status and body.
///
/// # Panics
/// There is no answer.
pub async fn download(url: &str) -> (u16, Vec<u8>) {
    let answer = reqwest::get(url).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("a body").to_vec())
}
