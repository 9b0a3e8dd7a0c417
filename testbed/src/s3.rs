//! [`S3Server`]: a server of the S3 protocol, with signatures.

mod folder;
mod objects;
mod radosgw;

use std::net::SocketAddr;

use aws_sdk_s3::config::{Credentials, Region};
use rand::Rng;

use folder::Folder;
use radosgw::Radosgw;

/// A server of the S3 protocol with one bucket.
///
/// By default it is s3s with s3s-fs, in this process: real HTTP and real signatures over a folder. The module
/// `objects` adds guarantees of S3 that s3s-fs lacks. Below `testbed/radosgw.sh`, it is a radosgw process with a new
/// bucket. Set `S3_ENDPOINT` to run the same tests against another server, with the usual credentials
/// (`AWS_ACCESS_KEY_ID`, …) and the bucket `S3_BUCKET`.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    bucket: String,
    own: Option<Own>,
}

/// A server that this process started, and can stop.
#[derive(Debug)]
struct Own {
    address: SocketAddr,
    program: Program,
}

/// Whether a server honours `If-None-Match`, as S3 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Every write with the condition is refused under a taken key.
    Honoured,
    /// The end of a multipart upload ignores the condition, as radosgw 16.2 and 18.2 do.
    IgnoredInParts,
    /// Every write ignores the condition.
    Ignored,
}

#[derive(Debug)]
enum Program {
    Folder(Folder),
    Radosgw(Radosgw),
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
        Self::run(match std::env::var_os("RADOSGW_CONF") {
            Some(configuration) => Program::Radosgw(Radosgw::new(configuration)),
            None => Program::Folder(Folder::new(Conditions::Honoured)),
        })
        .await
    }

    /// A new server over s3s-fs that treats conditional writes as `conditions` says.
    ///
    /// # Panics
    /// The server cannot be started.
    pub async fn start_with(conditions: Conditions) -> Self {
        Self::run(Program::Folder(Folder::new(conditions))).await
    }

    async fn run(program: Program) -> Self {
        let address = crate::free_address();
        // All radosgw share their buckets.
        let bucket = format!("zkflow-test-{:016x}", rand::thread_rng().r#gen::<u64>());
        let own = Some(Own { address, program });
        let mut server = Self { endpoint: format!("http://{address}"), bucket, own };
        server.resume().await;
        server.client().create_bucket().bucket(&server.bucket).send().await.expect("a bucket can be created");
        server
    }

    /// A client of a server started here.
    pub fn client(&self) -> aws_sdk_s3::Client {
        let credentials = Credentials::builder()
            .access_key_id(Self::ACCESS_KEY)
            .secret_access_key(Self::SECRET_KEY)
            .provider_name("test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .credentials_provider(credentials.build());
        aws_sdk_s3::Client::from_conf(config.build())
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
        match &mut self.own.as_mut().expect("the server was started here").program {
            Program::Folder(folder) => folder.stop().await,
            Program::Radosgw(radosgw) => radosgw.stop(),
        }
    }

    /// Starts the server again, with the same address and data.
    ///
    /// # Panics
    /// The address is in use, or the server was not started here.
    pub async fn resume(&mut self) {
        let Own { address, program } = self.own.as_mut().expect("the server was started here");
        match program {
            Program::Folder(folder) => folder.serve(*address).await,
            Program::Radosgw(radosgw) => radosgw.serve(*address).await,
        }
    }
}

/// Sends bytes to a URL with `PUT`, as an ordinary HTTP client does; returns the status.
///
/// # Panics
/// There is no answer.
pub async fn upload(url: &str, headers: &[(String, String)], body: Vec<u8>) -> u16 {
    let request = headers
        .iter()
        .fold(reqwest::Client::new().put(url), |request, (name, value)| request.header(name, value));
    request.body(body).send().await.expect("an answer").status().as_u16()
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
