//! What an operator should know about the settings and the GPU.

use super::App;
use crate::config::AuthMethod;

impl App {
    /// Sentences about settings that are not for production, and about a GPU that is not used.
    pub fn warnings(&self) -> Vec<&'static str> {
        let config = &self.config;
        let (auth, others) = (&config.auth, !config.http.bind.to_canonical().is_loopback());
        let has = |method| auth.methods.contains(&method);
        let of_jwt = auth.jwt_issuer.is_some() || auth.jwks_url.is_some() || auth.jwt_audience.is_some();
        let found = [
            (
                auth.methods.is_empty() && others,
                "there is no authentication: every client that reaches this address can use the API",
            ),
            (
                of_jwt && !has(AuthMethod::Jwt),
                "auth.jwt_… and auth.jwks_url have no effect: auth.methods does not contain jwt",
            ),
            (
                !auth.proxy_addresses.is_empty() && !has(AuthMethod::Proxy),
                "auth.proxy_addresses has no effect: auth.methods does not contain proxy",
            ),
            (
                config.chain.allow_request_rpc && config.chain.development && others,
                "ZKFLOW_DEVELOPMENT is set: requests of others reach services of this machine as nodes",
            ),
            (
                config.webhooks.callbacks && config.webhooks.local_callbacks && others,
                "webhooks.local_callbacks is set: events for others reach services of this machine",
            ),
            (
                config.circuits.ptau_path.is_none(),
                "PTAU_PATH is not set: keys are for development, and anyone could forge their proofs",
            ),
            (
                config.storage.secret_key.is_none(),
                "ZKFLOW_SECRET_KEY is not set: the key that seals private inputs is in the data folder",
            ),
        ];
        let mut warnings: Vec<_> =
            found.into_iter().filter_map(|(applies, sentence)| applies.then_some(sentence)).collect();
        warnings.extend(self.gpu_trouble());
        warnings
    }

    /// Why the processor makes the proofs of the configured GPU; `None` if it does not.
    pub(crate) fn gpu_trouble(&self) -> Option<&'static str> {
        if self.prover.health().set_aside {
            Some("the GPU is set aside after faults: the processor makes all proofs until the next start")
        } else if self.prover.name() != self.config.proving.prover {
            Some("the GPU cannot be used, as the log says at the start: the processor makes all proofs")
        } else {
            None
        }
    }
}
