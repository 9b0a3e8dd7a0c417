//! Conditions of lists.

use serde::Deserialize;

use crate::http::openapi::codes;

/// A code of an error.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::http) struct KnownCode(String);

impl TryFrom<String> for KnownCode {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        if codes::is_known(&code) {
            Ok(Self(code))
        } else {
            Err("not a known error code: see docs/errors.md")
        }
    }
}

impl From<KnownCode> for String {
    fn from(KnownCode(code): KnownCode) -> Self {
        code
    }
}

/// A text to search for: at most [`Sought::MOST`] characters.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::http) struct Sought(String);

impl Sought {
    const MOST: usize = 256;
}

impl TryFrom<String> for Sought {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.chars().count() {
            length if length > Self::MOST => {
                Err(format!("not a text of at most {} characters: found {length}", Self::MOST))
            }
            _ => Ok(Self(text)),
        }
    }
}

impl From<Sought> for String {
    fn from(Sought(text): Sought) -> Self {
        text
    }
}
