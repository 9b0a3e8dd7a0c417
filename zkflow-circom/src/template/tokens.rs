//! Splits circom source into tokens.

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

/// Splits rendered source, which contains no placeholders.
pub(super) fn rendered(source: &str) -> Result<Vec<Token<'_>>, String> {
    tokens(source, false)
}

/// Splits a template's source.
///
/// A placeholder replaces a whole literal. It must not touch a letter, digit, `_`, `$` or other placeholder,
/// and must not be in a string. Other constructs of the template language, such as `{{#each}}`, are refused.
pub(super) fn template(source: &str) -> Result<Vec<Token<'_>>, String> {
    tokens(source, true)
}

fn tokens(source: &str, placeholders: bool) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let at = source.len() - rest.len();
        let fail = |what: &str| Err(format!("line {}: {what}", line(source, at)));
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if let Some(length) = comment(rest) {
            let Some(length) = length else {
                return fail("unclosed comment");
            };
            // The template language ignores circom's comment marks: it would read the text inside.
            if placeholders && rest[..length].contains("{{") {
                return fail("a comment contains double braces");
            }
            length
        } else if first == '"' {
            let Some(end) = rest[1..].find('"') else {
                return fail("unclosed string");
            };
            let text = &rest[..end + 2];
            // circom looks for comments before it looks for strings.
            if ["//", "/*", "\n", "{{"].iter().any(|odd| text.contains(odd)) {
                return fail("a string contains a comment, a line break or a placeholder");
            }
            tokens.push(Token::Text(text));
            text.len()
        } else if placeholders && rest.starts_with("{{") {
            let Some((name, length)) = placeholder(rest) else {
                return fail("expected {{name}}: double braces may contain only a parameter name");
            };
            let before = source[..at].chars().next_back();
            let after = rest[length..].chars().next();
            if before.is_some_and(touches)
                || after.is_some_and(|c| touches(c) || rest[length..].starts_with("{{"))
            {
                return fail("a placeholder must be separated from its neighbours, like a number");
            }
            tokens.push(Token::Placeholder(name));
            length
        } else if first.is_ascii_digit() {
            let length = match rest.strip_prefix("0x") {
                Some(digits) => 2 + span(digits, |c| c.is_ascii_hexdigit()),
                None => span(rest, |c| c.is_ascii_digit()),
            };
            tokens.push(Token::Number(&rest[..length]));
            length
        } else if is_word(first) {
            let length = span(rest, |c| is_word(c) || c.is_ascii_digit());
            tokens.push(Token::Word(&rest[..length]));
            length
        } else {
            tokens.push(Token::Symbol(first));
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    Ok(tokens)
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
    super::manifest::is_identifier(name).then_some((name, end + 4))
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

fn line(source: &str, at: usize) -> usize {
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
    fn an_error_names_the_line() {
        assert_eq!(template("a\nb {{#if}}").unwrap_err().split(':').next(), Some("line 2"));
    }
}
