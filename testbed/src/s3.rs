//! [`S3Server`]: the S3 protocol, with signatures.

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
/// By default it is s3s with s3s-fs behind it, in this process: real HTTP and real signatures over a
/// folder; the module `objects` mends it where S3 promises more. `S3_ENDPOINT` lets the
/// same tests run against another one, with the usual credentials (`AWS_ACCESS_KEY_ID`, …) in
/// the bucket that `S3_BUCKET` names.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    bucket: String,
    own: Option<Own>,
}

/// A listener of ours, on a folder of ours.
#[derive(Debug)]
struct Own {
    address: SocketAddr,
    folder: TempDir,
    serving: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Who may read and write on a server of our own.
    pub const ACCESS_KEY: &str = "zkflow-test";
    /// The secret of [`ACCESS_KEY`](Self::ACCESS_KEY).
    pub const SECRET_KEY: &str = "not a secret: it opens a folder that is deleted after the test";

    /// The server that `S3_ENDPOINT` names, or else one of our own.
    ///
    /// # Panics
    /// It cannot be started, or `S3_BUCKET` is not set beside `S3_ENDPOINT`.
    pub async fn start() -> Self {
        match std::env::var("S3_ENDPOINT") {
            Ok(endpoint) if !endpoint.is_empty() => {
                let bucket = std::env::var("S3_BUCKET").expect("S3_BUCKET must name a bucket at S3_ENDPOINT");
                Self { endpoint, bucket, own: None }
            }
            _ => Self::start_own().await,
        }
    }

    /// One of our own, which can be stopped, whatever `S3_ENDPOINT` says.
    ///
    /// # Panics
    /// It cannot be started.
    pub async fn start_own() -> Self {
        let address = crate::free_address();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let bucket = "zkflow-test".to_owned();
        std::fs::create_dir(folder.path().join(&bucket)).expect("a folder can be made in a temporary one");
        let own = Own { address, folder, serving: None };
        let mut server = Self { endpoint: format!("http://{address}"), bucket, own: Some(own) };
        server.resume().await;
        server
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The bucket to use.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether it is one of our own, with [`ACCESS_KEY`](Self::ACCESS_KEY).
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// A prefix that nothing lies under yet.
    pub fn fresh_prefix(&self) -> String {
        format!("test-{:016x}", rand::thread_rng().r#gen::<u64>())
    }

    /// Where our own server listens.
    ///
    /// # Panics
    /// The server is not our own.
    pub fn address(&self) -> SocketAddr {
        self.own.as_ref().expect("a server of our own").address
    }

    /// Closes our own server and all its connections; its data stay.
    ///
    /// # Panics
    /// The server is not our own.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.own.as_mut().expect("a server of our own").serving.take() {
            serving.abort();
            // It was cancelled, which is what was asked for.
            let _ = serving.await;
        }
    }

    /// Starts our own server again, at the same address with the same data.
    ///
    /// # Panics
    /// The address was taken meanwhile; the server is not our own.
    pub async fn resume(&mut self) {
        let own = self.own.as_mut().expect("a server of our own");
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

/// Serves until it is aborted, and every connection with it.
async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            // A connection that fails is the client's to notice.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Downloads what lies at an address, as any client of HTTP does: the status and the bytes.
///
/// # Panics
/// Nobody answers.
pub async fn download(url: &str) -> (u16, Vec<u8>) {
    let answer = reqwest::get(url).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("a body").to_vec())
}
