//! [`SessionText`]: the secret of a session, and its token.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;
use zkflow_core::digest::Digest;

use super::keys::{NotAKey, digits, random_digits};

/// The secret of a session: 64 hex digits. Never shown or logged.
pub(super) struct SessionText(Zeroizing<String>);

impl SessionText {
    pub(super) fn generate() -> Self {
        Self(random_digits())
    }

    /// The secret itself.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the secret.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The token that must be sent beside the cookie. The secret cannot be found from it.
    pub(super) fn token(&self) -> String {
        let text = Zeroizing::new([TOKEN_DOMAIN, self.expose()].concat());
        Digest::of(text.as_bytes()).to_string()
    }
}

/// Precedes the secret under the digest of its token, so that the token is not the digest in the catalog.
const TOKEN_DOMAIN: &str = "zkflow session token\n";

impl FromStr for SessionText {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        digits(text).map(Self)
    }
}

impl fmt::Debug for SessionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionText([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_neither_the_secret_nor_its_digest() {
        let (one, other) = (SessionText::generate(), SessionText::generate());
        assert_eq!(one.expose().parse::<SessionText>().unwrap().token(), one.token());
        assert_ne!(one.token(), other.token());
        assert_ne!(one.token(), one.digest().to_string());
        assert!(!format!("{one:?}").contains(&one.expose()[..6]));
        for text in ["", &one.expose()[1..], &format!("{}0", one.expose()), &one.expose().replace('a', "A")] {
            assert!(text.parse::<SessionText>().is_err() || *text == *one.expose(), "{text}");
        }
    }
}
