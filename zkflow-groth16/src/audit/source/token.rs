//! Splits Solidity source into words, numbers and signs. Comments and strings are skipped.

use num_bigint::BigUint;

use super::super::constants::Constant;
use super::super::finding::Place;
use crate::calldata::Word;

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    /// From 1.
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number(Word),
    Sign,
}

impl Token<'_> {
    pub(super) fn number(&self) -> Option<Constant> {
        match self.kind {
            Kind::Number(value) => Some(Constant { value, place: Place::Line(self.line) }),
            _ => None,
        }
    }
}

pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some(first) = rest.chars().next() {
        let length = length(rest, first);
        let (text, tail) = rest.split_at(length);
        let is_skipped =
            first.is_whitespace() || text.starts_with("//") || text.starts_with("/*") || is_quote(first);
        if !is_skipped {
            tokens.push(Token { text, kind: kind(text, first), line });
        }
        line += text.matches('\n').count();
        rest = tail;
    }
    tokens
}

/// Length in bytes of the token, comment, string or space at the start.
fn length(text: &str, first: char) -> usize {
    let until =
        |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    let while_true = |keep: fn(char) -> bool| text.find(|c: char| !keep(c)).unwrap_or(text.len());
    match first {
        _ if text.starts_with("//") => text.find('\n').unwrap_or(text.len()),
        _ if text.starts_with("/*") => until("*/", 2),
        quote if is_quote(quote) => string(text, quote),
        _ if first.is_whitespace() => while_true(char::is_whitespace),
        _ if is_letter(first) => while_true(is_letter),
        '<' | '>' if text[1..].starts_with('=') => 2,
        _ => first.len_utf8(),
    }
}

/// Length of a string with its quotes; it ends with the line at the latest.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

fn kind(text: &str, first: char) -> Kind {
    if first.is_ascii_digit() {
        return number(text).map_or(Kind::Word, Kind::Number);
    }
    if is_letter(first) { Kind::Word } else { Kind::Sign }
}

/// A decimal or hexadecimal number of at most 256 bits.
fn number(text: &str) -> Option<Word> {
    // 2^256 has 78 digits. Solidity allows underscores between digits.
    let plain: String = text.chars().filter(|c| *c != '_').take(LONGEST).collect();
    let value = match plain.strip_prefix("0x") {
        Some(digits) => BigUint::parse_bytes(digits.as_bytes(), 16)?,
        None => BigUint::parse_bytes(plain.as_bytes(), 10)?,
    };
    let bytes = value.to_bytes_be();
    let mut word = [0; 32];
    word.get_mut(32usize.checked_sub(bytes.len())?..)?.copy_from_slice(&bytes);
    Some(word)
}

const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_skipped_and_lines_counted() {
        let source = "a /* 1\n2 */ = \"3 \\\" //\"; // 4\n0x10 <= b_1;'unclosed\n7/*";
        let tokens = tokens(source);
        let texts: Vec<(&str, usize)> = tokens.iter().map(|token| (token.text, token.line)).collect();
        let expected = [("a", 1), ("=", 2), (";", 2), ("0x10", 3), ("<=", 3), ("b_1", 3), (";", 3), ("7", 4)];
        assert_eq!(texts, expected);
        assert_eq!(tokens[3].number().unwrap().value[31], 16);
    }

    #[test]
    fn any_text_is_split() {
        for text in ["", "é\u{2028}\"", "/", "/*", "<", "0x", "12e3", "1_0", "\"\\"] {
            tokens(text);
        }
        assert!(tokens(&"9".repeat(90)).iter().all(|token| token.number().is_none()));
    }
}
