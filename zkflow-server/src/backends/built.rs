//! Checks that this build contains the configured backends. Each one is a feature of the crate.

use super::{OpenError, failed};
use crate::config::Config;

/// Refuses settings that name a backend which this build does not contain.
///
/// # Errors
/// Names the setting and the missing feature.
pub(super) fn check(config: &Config) -> Result<(), OpenError> {
    let settings = [
        ("REDIS_URL", config.storage.redis_url.is_some(), "redis", cfg!(feature = "redis")),
        ("MONGODB_URI", config.storage.mongodb_uri.is_some(), "mongodb", cfg!(feature = "mongodb")),
        ("S3_BUCKET", config.storage.s3_bucket.is_some(), "s3", cfg!(feature = "s3")),
        ("ZKFLOW_RPC_URLS", config.chain.rpc_urls.is_some(), "evm", cfg!(feature = "evm")),
        ("ZKFLOW_CALLBACKS", config.webhooks.callbacks, "evm", cfg!(feature = "evm")),
        ("ZKFLOW_SIGNERS", config.chain.signers.is_some(), "evm", cfg!(feature = "evm")),
    ];
    match settings.into_iter().find(|(_, named, _, built)| *named && !built) {
        None => Ok(()),
        Some((setting, _, feature, _)) => Err(failed(format!("use {setting}"))(format!(
            "this build does not contain the feature {feature}: build with `--features {feature}`, or \
             unset {setting}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::config::{Chain, Storage};

    /// Settings that each name one backend.
    fn settings() -> [(&'static str, bool, Config); 4] {
        let secret = || Some("x".parse().unwrap());
        let storage = |storage| Config { storage, ..Config::default() };
        [
            (
                "redis",
                cfg!(feature = "redis"),
                storage(Storage { redis_url: secret(), ..Storage::default() }),
            ),
            (
                "mongodb",
                cfg!(feature = "mongodb"),
                storage(Storage { mongodb_uri: secret(), ..Storage::default() }),
            ),
            (
                "s3",
                cfg!(feature = "s3"),
                storage(Storage { s3_bucket: Some("b".to_owned()), ..Storage::default() }),
            ),
            (
                "evm",
                cfg!(feature = "evm"),
                Config { chain: Chain { signers: secret(), ..Chain::default() }, ..Config::default() },
            ),
        ]
    }

    #[test]
    fn a_setting_of_a_backend_that_the_build_lacks_is_refused_with_the_feature_that_brings_it() {
        for (feature, built, config) in settings() {
            match check(&config) {
                Ok(()) => assert!(built, "{feature}"),
                Err(error) => {
                    assert!(!built, "{feature}");
                    let reason = error.source().unwrap().to_string();
                    assert!(reason.contains(&format!("--features {feature}")), "{reason}");
                }
            }
        }
        assert!(check(&Config::default()).is_ok());
    }
}
