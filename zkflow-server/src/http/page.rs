//! Pages of lists, by opaque cursor.

use serde::Deserialize;
use utoipa::IntoParams;
use zkflow_core::digest::Digest;
use zkflow_core::service::catalog::{Cursor, Page};
use zkflow_core::service::clock::Timestamp;

use super::Problem;

/// Default number of entries per page.
const USUAL: usize = 50;
/// Maximum number of entries per page.
const MOST: usize = 200;

/// Selection of a page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Maximum number of entries, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `nextCursor` of the previous page; absent for the first page.
    #[param(pattern = "^[0-9a-f]+$")]
    cursor: Option<String>,
}

impl PageQuery {
    /// The page plus one surplus entry, which shows that there is a next page. `scope` is the list with its filter: a
    /// cursor of another one is refused.
    pub(super) fn page(&self, scope: &str) -> Result<Page, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::bad_request("invalid_limit", format!("limit must be between 1 and {MOST}")));
        }
        let after = self.cursor.as_deref().map(|text| decode(text, scope)).transpose()?;
        Ok(Page { after, ..Page::first(limit + 1) })
    }
}

/// Removes the surplus entry and returns the cursor of the next page; `None` on the last page.
pub(super) fn cut<T>(
    entries: &mut Vec<T>,
    page: &Page,
    scope: &str,
    place: impl Fn(&T) -> Cursor,
) -> Option<String> {
    if entries.len() < page.limit {
        return None;
    }
    entries.truncate(page.limit - 1);
    entries.last().map(|last| encode(&place(last), scope))
}

/// The text of a cursor of the list `scope`.
pub(super) fn encode(cursor: &Cursor, scope: &str) -> String {
    hex::encode(format!("{} {} {}", mark(scope), cursor.created_at.as_millis(), cursor.id))
}

/// The cursor of a text, if it is one of the list `scope`.
pub(super) fn decode(text: &str, scope: &str) -> Result<Cursor, Problem> {
    let cursor = hex::decode(text).ok().and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        let (of_scope, text) = text.split_once(' ')?;
        let (millis, id) = text.split_once(' ')?;
        let cursor = Cursor { created_at: Timestamp::from_millis(millis.parse().ok()?), id: id.to_owned() };
        (of_scope == mark(scope)).then_some(cursor)
    });
    let detail = "cursor must be a nextCursor of this list with the same filter";
    cursor.ok_or_else(|| Problem::bad_request("invalid_cursor", detail))
}

/// Tells lists and filters apart.
fn mark(scope: &str) -> String {
    hex::encode(&Digest::of(scope).as_bytes()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { created_at: Timestamp::from_millis(-5), id: "a b".to_owned() };
        let text = encode(&cursor, "proofs of ann");
        assert_eq!(decode(&text, "proofs of ann").unwrap(), cursor);
        for (text, scope) in
            [(&*text, "proofs of bob"), ("", ""), ("zz", ""), ("00", ""), ("20", ""), ("ff20ff", "")]
        {
            assert!(decode(text, scope).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_a_full_page_has_a_next_one() {
        let place = |n: &i64| Cursor { created_at: Timestamp::from_millis(*n), id: String::new() };
        let page = PageQuery { limit: Some(2), cursor: None }.page("").unwrap();
        let (mut two, mut three) = (vec![1, 2], vec![1, 2, 3]);
        assert_eq!(cut(&mut two, &page, "", place), None);
        assert_eq!(cut(&mut three, &page, "", place), Some(encode(&place(&2), "")));
        assert_eq!((two, three), (vec![1, 2], vec![1, 2]));
    }
}
