//! Names of templates, parameters and signals.

use zkflow_groth16::name;

name!(
    /// Name of a template: a letter, then at most 63 letters, digits, `_` or `-`.
    ///
    /// ```
    /// use zkflow_circom::template::TemplateName;
    ///
    /// assert!("rangeCheck".parse::<TemplateName>().is_ok());
    /// assert!("../rangeCheck".parse::<TemplateName>().is_err());
    /// ```
    TemplateName,
    "template name",
    "a letter, then at most 63 letters, digits, '_' or '-'",
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }
);

/// Whether a text can name a parameter or a signal: a letter or `_`, then at most 63 letters, digits or `_`.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether an identifier is reserved by Handlebars, and therefore cannot name a parameter.
pub(super) fn is_reserved(text: &str) -> bool {
    RESERVED.contains(&text)
}

/// Reserved words of Handlebars.
const RESERVED: [&str; 24] = [
    "and",
    "as",
    "each",
    "else",
    "eq",
    "false",
    "gt",
    "gte",
    "if",
    "len",
    "log",
    "lookup",
    "lt",
    "lte",
    "ne",
    "not",
    "null",
    "or",
    "raw",
    "this",
    "true",
    "undefined",
    "unless",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_name_cannot_be_a_path() {
        for text in ["", "../x", "a/b", "a.b", "1a", "a b", &"a".repeat(65)] {
            assert!(text.parse::<TemplateName>().is_err(), "{text:?}");
        }
        assert!("rangeCheck".parse::<TemplateName>().is_ok());
    }
}
