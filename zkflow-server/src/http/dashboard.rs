//! `/`: the dashboard, a web page for people. `make dashboard` builds its files from `dashboard/`.
//!
//! The files contain no data: the page uses the API in a session, which begins with the key that its user types in.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use zkflow_core::digest::Digest;

use super::etag;
use crate::config::Http;
use crate::state::App;

/// A file of the page: path, media type and content.
struct File {
    path: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

static FILES: [File; 5] = [
    File {
        path: "/",
        media_type: "text/html; charset=utf-8",
        content: include_bytes!("dashboard/index.html"),
    },
    File {
        path: "/dashboard.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("dashboard/dashboard.js"),
    },
    File {
        path: "/upload.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("dashboard/upload.js"),
    },
    File {
        path: "/dashboard.css",
        media_type: "text/css; charset=utf-8",
        content: include_bytes!("dashboard/dashboard.css"),
    },
    File { path: "/icon.svg", media_type: "image/svg+xml", content: include_bytes!("dashboard/icon.svg") },
];

/// Only files of this server run, style and load; no page contains this one; texts never become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The limits of a session in the built page, which the settings replace.
const LIMITS: &str = "data-idle-s=\"900\" data-session-s=\"28800\"";

/// Routes of the files, for any client.
pub(super) fn files(settings: &Http) -> Router<Arc<App>> {
    FILES.iter().fold(Router::new(), |router, file| {
        let content = file.with_limits(settings);
        let tag = Arc::new(format!("\"{}\"", Digest::of(&content)));
        let handler = move |headers: HeaderMap| {
            let (tag, content) = (Arc::clone(&tag), content.clone());
            async move { answer(file, content, &tag, &headers) }
        };
        router.route(file.path, get(handler))
    })
}

impl File {
    /// The content, with the limits of a session from the settings.
    fn with_limits(&self, settings: &Http) -> Bytes {
        match std::str::from_utf8(self.content) {
            Ok(text) if text.contains(LIMITS) => {
                let Http { dashboard_idle_s, dashboard_session_s, .. } = settings;
                let limits =
                    format!("data-idle-s=\"{dashboard_idle_s}\" data-session-s=\"{dashboard_session_s}\"");
                text.replace(LIMITS, &limits).into()
            }
            _ => Bytes::from_static(self.content),
        }
    }
}

fn answer(file: &'static File, content: Bytes, tag: &str, headers: &HeaderMap) -> Response {
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| etag::names(known, tag));
    // The tag is weak: the files are sent with gzip, and bytes that a strong one names are not.
    let weak = format!("W/{tag}");
    let general = [
        (ETAG, weak.as_str()),
        // Another version of the server has other files under the same names.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
    ];
    let general = general.map(|(name, value)| (name, value.to_owned()));
    if is_known {
        return (StatusCode::NOT_MODIFIED, general).into_response();
    }
    (general, [(CONTENT_TYPE, file.media_type)], content).into_response()
}
