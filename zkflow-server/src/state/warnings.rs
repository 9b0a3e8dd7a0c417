//! What an operator should know about the settings and the GPU.

use super::App;

impl App {
    /// Sentences about settings that are not for production, and about a GPU that is not used.
    pub fn warnings(&self) -> Vec<&'static str> {
        let config = &self.config;
        let mut warnings = Vec::new();
        if config.auth.methods.is_empty() && !config.http.bind.to_canonical().is_loopback() {
            warnings
                .push("there is no authentication: every client that reaches this address can use the API");
        }
        if config.circuits.ptau_path.is_none() {
            warnings
                .push("PTAU_PATH is not set: keys are for development, and anyone could forge their proofs");
        }
        if config.storage.secret_key.is_none() {
            warnings.push(
                "ZKFLOW_SECRET_KEY is not set: the key that seals private inputs is in the data folder",
            );
        }
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
