//! Splits circom source into tokens.

use std::ops::Range;

/// A token of circom source. White space and comments are not tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or name.
    Word(&'a str),
    /// A decimal or hexadecimal literal.
    Number(&'a str),
    /// A string with its quotes.
    Text(&'a str),
    /// `{{name}}`.
    Placeholder(&'a str),
    /// Any other character; operators are compared character by character.
    Symbol(char),
}

/// The tokens of a source, each with its place in the text, and all faults.
#[derive(Debug, Default)]
pub(super) struct Tokens<'a> {
    /// The valid tokens.
    pub(super) tokens: Vec<Token<'a>>,
    /// Place of each token in the text, in bytes.
    pub(super) places: Vec<Range<usize>>,
    /// Line and problem.
    pub(super) faults: Vec<(usize, &'static str)>,
}

/// Splits rendered source, which contains no placeholders.
pub(super) fn rendered(source: &str) -> Result<Vec<Token<'_>>, String> {
    Tokens::split(source, false).strict()
}

/// Splits a template's source.
///
/// A placeholder replaces a whole literal. It must not touch a letter, digit, `_`, `$` or other placeholder,
/// and must not be in a string. Other constructs of the template language, such as `{{#each}}`, are refused.
pub(super) fn template(source: &str) -> Result<Vec<Token<'_>>, String> {
    Tokens::split(source, true).strict()
}

impl<'a> Tokens<'a> {
    /// As [`template`], but continues after a fault.
    pub(super) fn of_template(source: &'a str) -> Self {
        Self::split(source, true)
    }

    /// The tokens, or the first fault.
    fn strict(self) -> Result<Vec<Token<'a>>, String> {
        match self.faults.first() {
            Some((line, problem)) => Err(format!("line {line}: {problem}")),
            None => Ok(self.tokens),
        }
    }

    fn split(source: &'a str, placeholders: bool) -> Self {
        let mut found = Self::default();
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            let at = source.len() - rest.len();
            let mut fault = |problem: &'static str| found.faults.push((line(source, at), problem));
            let (length, token) = if first.is_whitespace() {
                (first.len_utf8(), None)
            } else if let Some(length) = comment(rest) {
                let Some(length) = length else {
                    fault("unclosed comment");
                    break;
                };
                // The template language ignores circom's comment marks: it would read the text inside.
                if placeholders && rest[..length].contains("{{") {
                    fault("a comment contains double braces");
                }
                (length, None)
            } else if first == '"' {
                let Some(end) = rest[1..].find('"') else {
                    fault("unclosed string");
                    break;
                };
                let text = &rest[..end + 2];
                // circom removes comments before it parses strings.
                if ["//", "/*", "\n", "{{"].iter().any(|odd| text.contains(odd)) {
                    fault("a string contains a comment, a line break or a placeholder");
                }
                (text.len(), Some(Token::Text(text)))
            } else if placeholders && rest.starts_with("{{") {
                match placeholder(rest) {
                    None => {
                        fault("expected {{name}}: double braces may contain only a parameter name");
                        (rest.find("}}").map_or(2, |end| end + 2), None)
                    }
                    Some((name, length)) => {
                        let before = source[..at].chars().next_back();
                        let after = rest[length..].chars().next();
                        if before.is_some_and(touches)
                            || after.is_some_and(|c| touches(c) || rest[length..].starts_with("{{"))
                        {
                            fault("a placeholder must be separated from its neighbours, like a number");
                        }
                        (length, Some(Token::Placeholder(name)))
                    }
                }
            } else if first.is_ascii_digit() {
                let length = match rest.strip_prefix("0x") {
                    Some(digits) => 2 + span(digits, |c| c.is_ascii_hexdigit()),
                    None => span(rest, |c| c.is_ascii_digit()),
                };
                (length, Some(Token::Number(&rest[..length])))
            } else if is_word(first) {
                let length = span(rest, |c| is_word(c) || c.is_ascii_digit());
                (length, Some(Token::Word(&rest[..length])))
            } else {
                (first.len_utf8(), Some(Token::Symbol(first)))
            };
            if let Some(token) = token {
                found.tokens.push(token);
                found.places.push(at..at + length);
            }
            rest = &rest[length..];
        }
        found
    }
}

/// Length of the comment at the start of `text`; an inner `None` means that it is not closed.
fn comment(text: &str) -> Option<Option<usize>> {
    if text.starts_with("//") {
        return Some(Some(text.find('\n').unwrap_or(text.len())));
    }
    let inner = text.strip_prefix("/*")?;
    Some(inner.find("*/").map(|end| end + 4))
}

/// Name and length of the placeholder at the start of `text`.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find("}}")?;
    let name = inner[..end].trim_matches(' ');
    super::name::is_identifier(name).then_some((name, end + 4))
}

/// Whether a placeholder beside this character would join a longer token or be escaped.
fn touches(c: char) -> bool {
    is_word(c) || c.is_ascii_digit() || matches!(c, '\\' | '{' | '}' | '.') || !c.is_ascii()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$'
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The line of a place in the text, from 1.
pub(super) fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_strings_and_placeholders_are_told_apart() {
        use Token::{Number, Placeholder, Symbol, Text, Word};
        let found = template("include \"a.circom\"; /* { */ x1 = 0x1F + 12 // 9\n* {{ n }};").unwrap();
        let expected = [
            Word("include"),
            Text("\"a.circom\""),
            Symbol(';'),
            Word("x1"),
            Symbol('='),
            Number("0x1F"),
            Symbol('+'),
            Number("12"),
            Symbol('*'),
            Placeholder("n"),
            Symbol(';'),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_placeholder_stands_by_itself() {
        for source in [
            "a{{n}}",
            "{{n}}a",
            "1{{n}}",
            "{{n}}1",
            "{{n}}{{n}}",
            "_{{n}}",
            "\\{{n}}",
            "\"{{n}}\"",
            "{{{n}}}",
            "{{#each n}}1{{/each}}",
            "{{n.0}}",
            "{{> n}}",
            "{{~n}}",
            "{{! n}}",
            "{{& n}}",
            "{{n m}}",
            "{{",
            "{{}}",
            "{{@root}}",
            "{{\"n\"}}",
            "2.1.{{n}}",
            "é{{n}}",
            "// {{n}}",
            "/* {{ */",
        ] {
            assert!(template(source).is_err(), "{source}");
        }
    }

    #[test]
    fn every_fault_is_found_with_its_line() {
        let found = Tokens::of_template("a{{n}}\n{{#if n}} // {{\nb \"{{\" {{ n }} \"");
        let lines: Vec<usize> = found.faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 2, 3, 3]);
    }

    #[test]
    fn an_error_names_the_line() {
        assert_eq!(template("a\nb {{#if}}").unwrap_err().split(':').next(), Some("line 2"));
    }
}
