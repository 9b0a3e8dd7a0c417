//! How S3 is reached.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
};

/// Where an [`S3Store`](super::S3Store) is, and how it is reached.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// The bucket, which must be there.
    pub bucket: String,
    /// Stands before the key of every artifact, with a `/` between them; may be empty.
    pub prefix: String,
    /// The region; by default what the environment (`AWS_REGION`), the profile or the machine say, and with an
    /// `endpoint` what the environment says, or `us-east-1`.
    pub region: Option<String>,
    /// Another server than Amazon's, such as `http://minio:9000`.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of an address and not in its host name.
    pub force_path_style: bool,
    /// Who asks; by default whom the environment, the profile or the machine names
    /// (`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, a role of the container or the instance, …).
    pub credentials: Option<SharedCredentialsProvider>,
    /// Larger bodies travel in parts of this many bytes; S3 wants 5 MiB at least.
    pub part_bytes: usize,
}

impl S3Settings {
    /// The bucket at Amazon's, as the environment says.
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
}

/// A client. Nothing is sent but what finding the credentials takes.
pub(super) async fn connect(settings: &S3Settings) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    } else if settings.endpoint.is_some() {
        // Other servers rarely have regions, and signatures need one. The machine is not asked where it is.
        let elsewhere = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
        loader = loader.region(elsewhere.or_else(Region::new("us-east-1")));
    }
    if let Some(credentials) = &settings.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    let shared = loader.load().await;
    let mut config = Builder::from(&shared)
        .force_path_style(settings.force_path_style)
        // Retries and deadlines have one place, above the store.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        // Signatures cover the bytes of every request, and each read is checked with SHA-256. The checksums
        // that the SDK would add besides are not understood by every server.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

const CONNECT: Duration = Duration::from_secs(3);
