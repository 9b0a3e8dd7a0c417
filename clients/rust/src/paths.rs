//! Paths of documents, and queries of lists.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that are not part of an id or a name.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Number of documents, 1 to 200; the server has a default.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<String>,
}

pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

pub(crate) fn circuit_path(id: &str) -> String {
    format!("/v1/circuits/{}", segment(id))
}

pub(crate) fn proof_path(id: &str) -> String {
    format!("/v1/proofs/{}", segment(id))
}

pub(crate) fn ceremony_path(id: &str) -> String {
    format!("/v1/ceremonies/{}", segment(id))
}

pub(crate) fn upload_path(id: &str) -> String {
    format!("/v1/uploads/{}", segment(id))
}

pub(crate) fn deployment_path(circuit: &str, id: &str) -> String {
    format!("{}/deployments/{}", circuit_path(circuit), segment(id))
}

/// A path with the fields that are set, and the place of the page.
pub(crate) fn with_query(path: &str, fields: &[(&str, &Option<String>)], page: &Page) -> String {
    let limit = page.limit.map(|limit| limit.to_string());
    let place = [("limit", &limit), ("cursor", &page.cursor)];
    let fields = fields.iter().chain(&place);
    let set = fields.filter_map(|(name, value)| Some(format!("{name}={}", segment(value.as_ref()?))));
    let query = set.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_the_fields_that_are_set_and_their_text_is_encoded() {
        let none = None;
        assert_eq!(with_query("/v1/proofs", &[("status", &none)], &Page::default()), "/v1/proofs");
        let user = Some("a b&limit=1".to_owned());
        let page = Page { limit: Some(2), cursor: Some("x/y".to_owned()) };
        let made = with_query("/v1/proofs", &[("userId", &user), ("status", &none)], &page);
        assert_eq!(made, "/v1/proofs?userId=a%20b%26limit%3D1&limit=2&cursor=x%2Fy");
        assert_eq!(proof_path("../x"), "/v1/proofs/..%2Fx");
    }
}
