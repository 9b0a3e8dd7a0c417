//! What an operator should know about the settings.

use super::App;

impl App {
    /// Sentences about settings that are not for production.
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
        warnings
    }
}
