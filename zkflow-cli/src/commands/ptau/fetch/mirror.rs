//! A server with published files.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use zkflow_core::setup::ptau::Ceremony;

use super::super::super::progress::Progress;
use super::super::super::{Error, http};
use super::transfer::Partial;

/// Attempts in a row that bring no byte, before the mirror is given up.
const FRUITLESS: u32 = 3;

/// Pause after an attempt that brought no byte.
const PAUSE: Duration = Duration::from_secs(1);

/// A mirror. Its URL may contain a password and is never shown.
pub(super) struct Mirror {
    client: Client,
    url: Url,
}

impl Mirror {
    /// Does not connect yet.
    pub(super) fn open(url: &str) -> Result<Self, Error> {
        let url = http::folder(url).ok_or("a mirror is not an http or https URL: check --mirror")?;
        Ok(Self { client: http::client()?, url })
    }

    pub(super) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// Downloads what is missing, and continues when the connection breaks. Returns whether all bytes came in one answer.
    /// Does not check the content.
    pub(super) fn complete(
        &self,
        wanted: Ceremony,
        partial: &mut Partial<'_>,
        progress: &Progress,
    ) -> Result<bool, Error> {
        let url = self.url.join(&wanted.file_name())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut fruitless = 0;
        loop {
            let before = partial.length()?;
            let reason = match runtime.block_on(self.attempt(&url, wanted, partial)) {
                Ok(whole) => return Ok(whole),
                Err(Broken::Stop(reason)) => return Err(reason.into()),
                Err(Broken::Retry(reason)) => reason,
            };
            let now = partial.length()?;
            fruitless = if now > before { 0 } else { fruitless + 1 };
            if fruitless >= FRUITLESS {
                return Err(reason.into());
            }
            progress.line(&format!("{reason}: continues at byte {now}"));
            if fruitless > 0 {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// One request. Returns whether its answer had all bytes.
    async fn attempt(&self, url: &Url, wanted: Ceremony, partial: &mut Partial<'_>) -> Result<bool, Broken> {
        let have = partial.length()?;
        let mut request = self.client.get(url.clone());
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
            if let Some(tag) = partial.tag(url.as_str()) {
                request = request.header(IF_RANGE, tag);
            }
        }
        let answer = request.send().await.map_err(|error| Broken::Retry(http::cause(error)))?;
        let total = match answer.status() {
            StatusCode::OK => {
                partial.clear()?;
                answer.content_length()
            }
            StatusCode::PARTIAL_CONTENT if have > 0 => match range(answer.headers()) {
                Some((start, total)) if start == have => Some(total),
                _ => return again(partial, "the server sends another range than the requested one"),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => match unsatisfied(answer.headers()) {
                Some(total) if total == have => return Ok(false),
                _ => return again(partial, "the server refuses the range"),
            },
            status if status.is_server_error() => return Err(Broken::Retry(format!("HTTP status {status}"))),
            status => return Err(Broken::Stop(format!("HTTP status {status}"))),
        };
        if total.is_some_and(|total| total > wanted.longest()) {
            return Err(too_long(wanted));
        }
        partial.record(url.as_str(), strong_tag(answer.headers()));
        let whole = answer.status() == StatusCode::OK;
        receive(answer, total, wanted, partial).await.map(|()| whole)
    }
}

/// Appends the body of an answer.
async fn receive(
    mut answer: Response,
    total: Option<u64>,
    wanted: Ceremony,
    partial: &mut Partial<'_>,
) -> Result<(), Broken> {
    let mut have = partial.length()?;
    while let Some(chunk) = answer.chunk().await.map_err(|error| Broken::Retry(http::cause(error)))? {
        have += chunk.len() as u64;
        if have > total.unwrap_or(u64::MAX).min(wanted.longest()) {
            partial.clear()?;
            return Err(too_long(wanted));
        }
        partial.append(&chunk)?;
    }
    match total {
        Some(total) if have < total => Err(Broken::Retry("the connection ended early".to_owned())),
        _ => Ok(()),
    }
}

/// An attempt did not complete the file.
enum Broken {
    /// Another attempt may succeed.
    Retry(String),
    /// The mirror is of no use.
    Stop(String),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Stop(format!("cannot write: {error}"))
    }
}

/// Drops the bytes, so that the next attempt requests all of them.
fn again(partial: &mut Partial<'_>, reason: &str) -> Result<bool, Broken> {
    partial.clear()?;
    Err(Broken::Retry(reason.to_owned()))
}

fn too_long(wanted: Ceremony) -> Broken {
    Broken::Stop(format!("the server sends more than the {} bytes that the file can have", wanted.longest()))
}

/// Start and total length of `bytes START-END/TOTAL`, if they are consistent.
fn range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end, total): (u64, u64, u64) = (start.parse().ok()?, end.parse().ok()?, total.parse().ok()?);
    (start <= end && end < total).then_some((start, total))
}

/// Total length of `bytes */TOTAL`.
fn unsatisfied(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

/// The entity tag, if it stands for equal bytes.
fn strong_tag(headers: &HeaderMap) -> Option<&str> {
    headers.get(ETAG)?.to_str().ok().filter(|tag| tag.starts_with('"'))
}
