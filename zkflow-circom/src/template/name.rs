//! Names of templates.

use zkflow_groth16::name;

name!(
    /// Name of a template: a letter, then at most 63 letters, digits, `_` or `-`.
    TemplateName,
    "template name",
    "a letter, then at most 63 letters, digits, '_' or '-'",
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    }
);

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
