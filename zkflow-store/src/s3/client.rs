//! [`S3Settings`], and the client made from them.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
};

/// Location of an [`S3Store`](super::S3Store), and access to it.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Name of the bucket, which must exist.
    pub bucket: String,
    /// Prefix of every object, joined to the artifact key by `/`; may be empty.
    pub prefix: String,
    /// Region. `None`: the region of the environment (`AWS_REGION`), the profile or the machine. With an
    /// `endpoint`, `None` is the region of the environment, or else `us-east-1`.
    pub region: Option<String>,
    /// URL of a compatible server, such as `http://minio:9000`. `None`: Amazon S3.
    pub endpoint: Option<String>,
    /// Whether the bucket is in the path of a URL (`true`) or in its host name (`false`).
    pub force_path_style: bool,
    /// Credentials. `None`: those of the environment, the profile or the machine (`AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, a role of the container or the instance, …).
    pub credentials: Option<SharedCredentialsProvider>,
    /// Size of a part in bytes. Larger bodies are uploaded in parts of this size; S3 requires at least 5 MiB.
    pub part_bytes: usize,
}

impl S3Settings {
    /// A bucket at Amazon S3, with region and credentials from the environment and parts of 16 MiB.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            region: None,
            endpoint: None,
            force_path_style: false,
            credentials: None,
            part_bytes: 16 * 1024 * 1024,
        }
    }

    /// The same, with the id and the secret of an access key, and the token of a session.
    #[must_use]
    pub fn with_credentials(self, id: &str, secret: &str, token: Option<&str>) -> Self {
        let mut credentials = Credentials::builder().access_key_id(id).secret_access_key(secret);
        credentials.set_session_token(token.map(str::to_owned));
        let credentials = credentials.provider_name("ZKFlow").build();
        Self { credentials: Some(SharedCredentialsProvider::new(credentials)), ..self }
    }
}

/// Creates a client. Sends only requests that are needed to find the credentials.
pub(super) async fn connect(settings: &S3Settings) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    } else if settings.endpoint.is_some() {
        // Other servers rarely have regions, but signatures need one. The machine's metadata is not queried.
        let elsewhere = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
        loader = loader.region(elsewhere.or_else(Region::new("us-east-1")));
    }
    if let Some(credentials) = &settings.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared)
        .force_path_style(settings.force_path_style)
        // Retries and deadlines are implemented in one place, outside the SDK.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        // Signatures cover the bytes of every request, and each read is checked with SHA-256. The additional
        // checksums of the SDK are not supported by every server.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

const CONNECT: Duration = Duration::from_secs(3);
