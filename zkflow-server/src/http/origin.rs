//! Refuses requests that a foreign web page sends with a browser of this machine or network.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderName, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;
use crate::config::Config;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Names and pages that requests may come from.
#[derive(Debug)]
pub(super) struct Sites {
    hosts: Hosts,
    /// Accepted values of `Origin`, beside the own one.
    origins: Vec<String>,
}

#[derive(Debug)]
enum Hosts {
    Any,
    /// Names and addresses of this machine.
    Local,
    Named(Vec<String>),
}

impl Sites {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        let auth = &config.auth;
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect::<Vec<_>>();
        let open = !auth.methods.is_empty() || auth.insecure_no_auth;
        let hosts = match &*auth.hosts {
            // Without credentials, a page whose name leads to this machine could do everything.
            [] if open => Hosts::Any,
            [] => Hosts::Local,
            named => Hosts::Named(lower(named)),
        };
        Arc::new(Self { hosts, origins: lower(&auth.origins) })
    }

    /// The reason to refuse a request.
    fn refuses(&self, request: &Request) -> Option<Problem> {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("\u{0}"));
        let host = header(HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        let host = host.map(str::to_ascii_lowercase);
        if host.as_deref().is_some_and(|host| !self.hosts.accept(host)) {
            let detail = "the header Host is not one of the server's names; see the setting auth.hosts";
            return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host_refused", detail));
        }
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        let own = |origin: &str| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some() && authority == host.as_deref()
        };
        let origin = header(ORIGIN).map(str::to_ascii_lowercase);
        let named = origin.as_ref().is_some_and(|origin| self.origins.contains(origin));
        let foreign = origin.is_some_and(|origin| !own(&origin));
        let crossed = header(FETCH_SITE).is_some_and(|site| site.eq_ignore_ascii_case("cross-site"));
        if (foreign || crossed) && !named {
            let detail = "the request comes from another web page; see the setting auth.origins";
            return Some(Problem::new(StatusCode::FORBIDDEN, "origin_refused", detail));
        }
        None
    }
}

impl Hosts {
    /// Whether a request to `host`, in lower case and with or without a port, is accepted.
    fn accept(&self, host: &str) -> bool {
        let uri: Option<Uri> = format!("http://{host}/").parse().ok();
        let name = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        match self {
            Self::Any => true,
            Self::Local => {
                let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
                let is_local = |address: IpAddr| address.to_canonical().is_loopback();
                name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(is_local)
            }
            Self::Named(names) => names.iter().any(|accepted| accepted == host || accepted == name),
        }
    }
}

/// Answers 421 to a foreign host, and 403 to changes that a foreign page asks for.
pub(super) async fn own(State(sites): State<Arc<Sites>>, request: Request, next: Next) -> Response {
    match sites.refuses(&request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_or_named() {
        for host in
            ["localhost", "localhost:3000", "127.0.0.1:3000", "127.0.0.5", "[::1]:3000", "zkflow.localhost:1"]
        {
            assert!(Hosts::Local.accept(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "a b",
            "x@localhost:1@y",
            "notlocalhost",
        ] {
            assert!(!Hosts::Local.accept(host), "{host}");
        }
        let named = Hosts::Named(vec!["api.example".to_owned(), "other.example:8443".to_owned()]);
        assert!(
            named.accept("api.example")
                && named.accept("api.example:443")
                && named.accept("other.example:8443")
        );
        assert!(
            !named.accept("other.example") && !named.accept("localhost") && !named.accept("xapi.example")
        );
        assert!(Hosts::Any.accept("evil.example"));
    }
}
