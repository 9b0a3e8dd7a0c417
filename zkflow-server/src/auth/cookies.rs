//! Headers of a session: a cookie with its secret, and `X-CSRF-Token` with a token that only the page has.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderName};

use super::AuthError;
use super::secret::SessionText;

/// Header with the token of a session. A foreign page cannot send it: it is in no CORS answer.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// Name of the cookie over https. Browsers accept the prefix with `Secure`, `Path=/` and without a domain only, so another
/// host of the same site cannot set it.
const SECURE: &str = "__Host-zkflow-session";
/// Name of the cookie over http.
const PLAIN: &str = "zkflow-session";

/// The cookies of sessions and the tokens of a request.
pub(super) struct Sent<'a> {
    cookies: Vec<&'a str>,
    tokens: Vec<&'a [u8]>,
}

impl<'a> Sent<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        // The cookies of other servers on this host may have any bytes.
        let all = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let named = all.filter_map(|one| std::str::from_utf8(one).ok()?.split_once('='));
        let own = named.filter(|(name, _)| [SECURE, PLAIN].contains(&name.trim()));
        Self {
            cookies: own.map(|(_, value)| value.trim()).collect(),
            tokens: headers.get_all(TOKEN).iter().map(|token| token.as_bytes()).collect(),
        }
    }

    /// Whether there is a cookie of a session. Browsers add it to every request, so it counts for nothing by itself.
    pub(super) fn has_cookie(&self) -> bool {
        !self.cookies.is_empty()
    }

    /// Whether the page means its session: there is a cookie, and a token.
    pub(super) fn is_meant(&self) -> bool {
        self.has_cookie() && !self.tokens.is_empty()
    }

    /// The session whose token the request has. Other cookies of sessions change nothing: another server on this host, or a
    /// foreign page of the same site, can set them.
    ///
    /// # Errors
    /// The token occurs twice, is missing or fits no cookie.
    pub(super) fn session(&self) -> Result<SessionText, AuthError> {
        let token = match *self.tokens {
            [] => return Err(AuthError::Refused("a session counts only with its token in X-CSRF-Token")),
            [token] => token,
            _ => return Err(AuthError::Refused("there are two X-CSRF-Token headers")),
        };
        let mut sessions = self.cookies.iter().filter_map(|text| text.parse::<SessionText>().ok());
        let fits = |session: &SessionText| verify_slices_are_equal(session.token().as_bytes(), token).is_ok();
        sessions.find(fits).ok_or(AuthError::Refused("X-CSRF-Token is not the token of the session"))
    }
}

/// `Set-Cookie` of a session that the browser keeps for `seconds`; `None`: until it closes.
pub(super) fn set(session: &SessionText, is_secure: bool, seconds: Option<u64>) -> String {
    let name = if is_secure { SECURE } else { PLAIN };
    written(name, session.expose(), seconds)
}

/// The values of `Set-Cookie` that remove the cookies.
pub(super) fn cleared() -> [String; 2] {
    [SECURE, PLAIN].map(|name| written(name, "", Some(0)))
}

fn written(name: &str, value: &str, seconds: Option<u64>) -> String {
    let secure = if name == SECURE { "; Secure" } else { "" };
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn found(fields: &[(&'static str, &str)]) -> Option<String> {
        let headers = headers(fields);
        Sent::of(&headers).session().ok().map(|session| session.expose().to_owned())
    }

    #[test]
    fn a_cookie_counts_with_its_own_token_only() {
        let (one, other) = (SessionText::generate(), SessionText::generate());
        let cookie = |name: &str, session: &SessionText| format!("{name}={}", session.expose());
        let (token, wrong) = (one.token(), other.token());
        let (token, wrong) = (token.as_str(), wrong.as_str());
        let own = Some(one.expose().to_owned());
        for name in [SECURE, PLAIN] {
            let sent = cookie(name, &one);
            let sent = sent.as_str();
            let among = format!("a=b; {sent};c=\"d\"");
            assert_eq!(found(&[("cookie", sent), ("x-csrf-token", token)]), own);
            assert_eq!(found(&[("cookie", among.as_str()), ("x-csrf-token", token)]), own);
            assert_eq!(found(&[("cookie", "x"), ("cookie", sent), ("x-csrf-token", token)]), own);
            assert_eq!(found(&[("cookie", sent)]), None, "no token");
            for wrong in [wrong, "", &token[1..], &token.to_uppercase(), one.expose()] {
                assert_eq!(found(&[("cookie", sent), ("x-csrf-token", wrong)]), None, "{wrong}");
            }
            let twice = [("cookie", sent), ("x-csrf-token", token), ("x-csrf-token", token)];
            assert_eq!(found(&twice), None, "two tokens");
            // Cookies of another server on this host, or of a foreign page of the same site.
            for foreign in [cookie(SECURE, &other), cookie(PLAIN, &other), sent.to_owned(), "x=é".to_owned()]
            {
                for both in [format!("{sent}; {foreign}; {foreign}"), format!("{foreign}; {foreign}; {sent}")]
                {
                    assert_eq!(found(&[("cookie", both.as_str()), ("x-csrf-token", token)]), own, "{both}");
                }
            }
        }
        assert_eq!(found(&[("x-csrf-token", token)]), None);
    }

    #[test]
    fn a_cookie_is_for_this_host_and_not_for_scripts() {
        let session = SessionText::generate();
        let text = session.expose();
        assert_eq!(
            set(&session, true, Some(60)),
            format!("__Host-zkflow-session={text}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60")
        );
        let plain = format!("zkflow-session={text}; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(set(&session, false, None), plain);
    }
}
