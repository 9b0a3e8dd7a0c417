//! Downloads over http and https.

use std::time::Duration;

use reqwest::{Client, Url};

/// Time limit for connecting, and for each read during a download.
const SILENCE: Duration = Duration::from_secs(30);

pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder().connect_timeout(SILENCE).read_timeout(SILENCE).user_agent("zkflow").build()
}

/// An http or https URL to which names of files are joined.
pub(super) fn folder(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Some(url)
}

/// The innermost cause, which contains no URL.
pub(super) fn cause(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", SILENCE.as_secs());
    }
    let error = error.without_url();
    let mut last: &dyn std::error::Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
