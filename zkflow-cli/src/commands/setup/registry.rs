//! [`Registry`]: downloads from an npm registry.

use reqwest::{Client, Url};

use super::unpack::LIMIT;
use crate::commands::Error;
use crate::commands::http::{self, cause};

/// The public registry.
pub(super) const PUBLIC: &str = "https://registry.npmjs.org/";

/// An npm registry. Its URL may contain a password and is never shown.
pub(super) struct Registry {
    client: Client,
    url: Url,
}

impl Registry {
    /// Does not connect yet.
    ///
    /// # Errors
    /// `url` is not an http or https URL.
    pub(super) fn open(url: &str) -> Result<Self, Error> {
        let url =
            http::folder(url).ok_or("the npm registry is not an http or https URL: check --registry")?;
        Ok(Self { client: http::client()?, url })
    }

    /// Downloads the archive `file` of the package `name`.
    ///
    /// # Errors
    /// The registry does not answer, has no such archive, or sends more than [`LIMIT`].
    pub(super) fn fetch(&self, name: &str, file: &str) -> Result<Vec<u8>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let host = self.url.host_str().unwrap_or_default();
        runtime.block_on(self.download(name, file)).map_err(|reason| {
            format!(
                "cannot download {file} from {host}: {reason}; use --registry for a mirror, or --from for a local \
                 copy of the packages"
            )
            .into()
        })
    }

    async fn download(&self, name: &str, file: &str) -> Result<Vec<u8>, String> {
        let url = self.url.join(&format!("{name}/-/{file}")).map_err(|error| error.to_string())?;
        let mut answer = self.client.get(url).send().await.map_err(cause)?;
        if !answer.status().is_success() {
            return Err(format!("HTTP status {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(cause)? {
            if (bytes.len() + chunk.len()) as u64 > LIMIT {
                return Err(format!("more than {LIMIT} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// A registry on a free port, which serves `one-1.0.0.tgz`.
    fn serve() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let routes = Router::new()
                    .route("/npm/one/-/one-1.0.0.tgz", get(|| async { "archive" }))
                    .route("/npm/two/-/two-1.0.0.tgz", get(|| async { vec![0; LIMIT as usize + 1] }));
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), routes).await.unwrap();
            });
        });
        format!("http://user:pass-word@{address}/npm")
    }

    #[test]
    fn archives_are_fetched_by_the_path_of_npm_and_a_missing_or_long_one_is_an_error() {
        let registry = Registry::open(&serve()).unwrap();
        assert_eq!(registry.fetch("one", "one-1.0.0.tgz").unwrap(), b"archive");
        let missing = registry.fetch("one", "one-2.0.0.tgz").unwrap_err().to_string();
        assert!(missing.contains("HTTP status 404"), "{missing}");
        let long = registry.fetch("two", "two-1.0.0.tgz").unwrap_err().to_string();
        assert!(long.contains("more than"), "{long}");
        assert!(!missing.contains("pass-word") && !long.contains("pass-word"));
    }

    #[test]
    fn without_a_network_the_error_names_the_host_and_the_ways_out() {
        // The listener is closed, so connections to its port are refused.
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let registry = Registry::open(&format!("http://user:pass-word@{address}")).unwrap();
        let error = registry.fetch("one", "one-1.0.0.tgz").unwrap_err().to_string();
        assert!(
            error.contains("127.0.0.1") && error.contains("--registry") && error.contains("--from"),
            "{error}"
        );
        assert!(!error.contains("pass-word"), "{error}");
        assert!(Registry::open("file:///etc").is_err());
    }
}
