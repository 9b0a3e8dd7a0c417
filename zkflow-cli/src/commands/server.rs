//! The server that a command asks, and the caller's key of its API.

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use zkflow_client::blocking::Client;

use super::Error;

/// The server, and the caller's key of the API.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "ZKFLOW_URL", default_value = "http://127.0.0.1:3000")]
    server: String,
    #[command(flatten)]
    key: ApiKeyArgs,
}

impl ServerArgs {
    pub(super) fn client(&self) -> Result<Client, Error> {
        self.key.client(&self.server)
    }
}

/// The caller's key of the API.
#[derive(Debug, Args)]
pub(super) struct ApiKeyArgs {
    /// Key of the API
    #[arg(long, value_name = "KEY", env = "ZKFLOW_API_KEY", hide_env_values = true)]
    api_key: Option<SecretString>,
}

impl ApiKeyArgs {
    /// A client of the server at `base`.
    pub(super) fn client(&self, base: &str) -> Result<Client, Error> {
        let client = zkflow_client::Client::new(base);
        let client = match &self.api_key {
            Some(key) => client.with_api_key(key.expose_secret())?,
            None => client,
        };
        Ok(Client::of(client)?)
    }
}
