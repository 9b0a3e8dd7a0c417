//! The records of an extension of an entry: `LENGTH KEY=VALUE\n`, where the length counts itself.

use super::{ArchiveError, damaged, refused, set};

/// What an extension must not change: the place of the next entry, or a link.
const REFUSED: [&[u8]; 2] = [b"size", b"linkpath"];
/// Start of the keys for files with holes.
const HOLES: &[u8] = b"GNU.sparse";

/// The path in an extension.
pub(super) fn path(extension: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut path = None;
    let mut rest = extension;
    while !rest.is_empty() {
        let (key, value, next) = record(rest).ok_or_else(|| damaged("an extension has a damaged record"))?;
        if REFUSED.contains(&key) || key.starts_with(HOLES) {
            return Err(refused(key, "an extension that no source needs"));
        }
        if key == b"path" {
            set(&mut path, value.to_vec())?;
        }
        rest = next;
    }
    Ok(path)
}

/// Key and value of the first record, and the other records.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(&bytes[..space]).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.starts_with('0') {
        return None;
    }
    let (record, next) = bytes.split_at_checked(digits.parse().ok()?)?;
    let text = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((&text[..equals], &text[equals + 1..], next))
}
