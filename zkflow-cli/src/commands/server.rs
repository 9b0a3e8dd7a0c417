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
        // The address is not shown: it can contain a password.
        let start = base.get(..8).unwrap_or(base).to_ascii_lowercase();
        if !start.starts_with("http://") && !start.starts_with("https://") {
            return Err("expected the address of the server, such as http://127.0.0.1:3000".into());
        }
        let client = zkflow_client::Client::new(base);
        let client = match &self.api_key {
            Some(key) => client.with_api_key(key.expose_secret())?,
            None => client,
        };
        Ok(Client::of(client)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_in_words() {
        let args = ApiKeyArgs { api_key: None };
        for base in ["", "nonsense", "localhost:3000", "ftp://zkflow.example"] {
            let error = args.client(base).err().unwrap().to_string();
            assert!(error.contains("such as http://127.0.0.1:3000"), "{base}: {error}");
        }
        for base in ["http://127.0.0.1:3000", "HTTPS://zkflow.example/zkflow/"] {
            assert!(args.client(base).is_ok(), "{base}");
        }
    }
}
