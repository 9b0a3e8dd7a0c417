//! Finds the includes of a circom file.
//!
//! The text is read as circom reads it:
//! 1. Comments are removed first, regardless of strings, so `"//"` begins a comment.
//! 2. A string runs from `"` to the next `"`.
//!
//! Text that circom accepts yields exactly its includes, so every file that the compiler reads is checked
//! here. Text that circom refuses may yield any includes.

use std::ops::Range;

/// An `include "path"` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::compile) struct Include {
    /// The line of the path, from 1.
    pub(in crate::compile) line: u32,
    /// The path as written in the source.
    pub(in crate::compile) path: String,
    /// The bytes of the path in the source, without its quotes.
    pub(in crate::compile) range: Range<usize>,
}

/// The includes of `source` in order.
pub(in crate::compile) fn includes(source: &[u8]) -> Vec<Include> {
    let code = without_comments(source);
    let mut found = Vec::new();
    let mut line = 1;
    let mut after_include = false;
    let mut at = 0;
    while let Some(&byte) = code.get(at) {
        let rest = &code[at..];
        let len = match byte {
            b'"' => {
                let text = rest[1..].split(|&b| b == b'"').next().unwrap_or_default();
                if after_include {
                    let path = String::from_utf8_lossy(text).into_owned();
                    found.push(Include { line, path, range: at + 1..at + 1 + text.len() });
                }
                text.len() + 2
            }
            _ if is_word(byte) => rest.iter().take_while(|&&b| is_word(b)).count(),
            _ => 1,
        };
        let token = &rest[..len.min(rest.len())];
        // circom skips all Unicode white space here and refuses any other non-ASCII character.
        if !(byte.is_ascii_whitespace() || byte == VERTICAL_TAB || !byte.is_ascii()) {
            after_include = token == b"include";
        }
        line += token.iter().filter(|&&b| b == b'\n').count() as u32;
        at += len;
    }
    found
}

/// White space for circom, but not for [`u8::is_ascii_whitespace`].
const VERTICAL_TAB: u8 = 0x0b;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// Replaces comments with spaces; line breaks stay.
fn without_comments(source: &[u8]) -> Vec<u8> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Code,
        Line,
        Block,
    }
    let mut code = Vec::with_capacity(source.len());
    let mut state = State::Code;
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let pair = (byte, source.get(at + 1).copied());
        let (next, len) = match (state, pair) {
            (State::Code, (b'/', Some(b'/'))) => (State::Line, 2),
            (State::Code, (b'/', Some(b'*'))) => (State::Block, 2),
            (State::Block, (b'*', Some(b'/'))) => (State::Code, 2),
            (State::Line, (b'\n', _)) => (State::Code, 1),
            _ => (state, 1),
        };
        let keep = byte == b'\n' || (state == State::Code && next == State::Code);
        code.push(if keep { byte } else { b' ' });
        if len == 2 {
            code.push(b' ');
        }
        (state, at) = (next, at + len);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(u32, String)> {
        includes(source.as_bytes()).into_iter().map(|i| (i.line, i.path)).collect()
    }

    #[test]
    fn includes_are_found_with_their_lines() {
        let source =
            "pragma circom 2.0.0;\ninclude \"a.circom\";include\"b.circom\";\n\ninclude /* x\n */ \"c\";";
        let expected = [(2, "a.circom"), (2, "b.circom"), (5, "c")];
        assert_eq!(found(source), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn white_space_of_unicode_stands_between_include_and_its_path() {
        for space in ["\u{b}", "\u{a0}", "\u{2003}", " \u{3000}\n"] {
            assert_eq!(found(&format!("include{space}\"a\";")).len(), 1, "{space:?}");
        }
    }

    #[test]
    fn comments_and_strings_hold_no_includes() {
        for source in [
            "// include \"a\";",
            "/* include \"a\"; */",
            "/* // */ /* \n include \"a\" */",
            "/*/ include \"a\" */",
            "log(\"include \");",
            "my_include \"a\"; include_ \"a\"; includes \"a\"",
            "include x \"a\"",
            "include",
            "include /* \"a\"",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
    }

    #[test]
    fn comment_marks_in_strings_count_as_in_circom() {
        assert_eq!(found("log(\"/*\"); include \"a\"; log(\"*/\");"), []);
        assert_eq!(found("log(\"//\ninclude \"; include \"b\";"), [(2, "b".to_owned())]);
    }

    #[test]
    fn any_bytes_are_scanned_without_panic() {
        proptest::proptest!(|(bytes in proptest::collection::vec(
            proptest::sample::select(b"include\"/* \n\xff".to_vec()), 0..200))| {
            includes(&bytes);
        });
    }
}
