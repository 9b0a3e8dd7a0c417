//! Which backends this build contains. Each is a feature of the crate.

use super::{OpenError, failed};
use crate::config::Config;

/// Refuses settings that name a backend which this build does not contain.
///
/// # Errors
/// Names the setting and the missing feature.
pub(super) fn check(config: &Config) -> Result<(), OpenError> {
    let settings = [
        ("REDIS_URL", config.redis_url.is_some(), "redis", cfg!(feature = "redis")),
        ("MONGODB_URI", config.mongodb_uri.is_some(), "mongodb", cfg!(feature = "mongodb")),
        ("S3_BUCKET", config.s3_bucket.is_some(), "s3", cfg!(feature = "s3")),
        ("ZKFLOW_RPC_URLS", config.rpc_urls.is_some(), "evm", cfg!(feature = "evm")),
        ("ZKFLOW_SIGNERS", config.signers.is_some(), "evm", cfg!(feature = "evm")),
    ];
    match settings.into_iter().find(|(_, named, _, built)| *named && !built) {
        None => Ok(()),
        Some((setting, _, feature, _)) => Err(failed(format!("use {setting}"))(format!(
            "this zkflow is built without the feature {feature}: build it with `--features {feature}`, or \
             leave {setting} out"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    /// Settings that each name one backend.
    fn settings() -> [(&'static str, bool, Config); 4] {
        let secret = || Some("x".parse().unwrap());
        [
            ("redis", cfg!(feature = "redis"), Config { redis_url: secret(), ..Config::default() }),
            ("mongodb", cfg!(feature = "mongodb"), Config { mongodb_uri: secret(), ..Config::default() }),
            ("s3", cfg!(feature = "s3"), Config { s3_bucket: Some("b".to_owned()), ..Config::default() }),
            ("evm", cfg!(feature = "evm"), Config { signers: secret(), ..Config::default() }),
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
