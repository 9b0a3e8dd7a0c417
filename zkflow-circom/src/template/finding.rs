//! [`Finding`]: a problem of a template's file, and its place.

use std::fmt;

/// A problem of a template's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the template can be used.
    pub severity: Severity,
    /// Path of the file in the template's folder.
    pub file: String,
    /// Line in the file, from 1; `None` if unknown.
    pub line: Option<usize>,
    /// The problem, with the field if there is one.
    pub message: String,
}

/// How serious a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The template is refused.
    Error,
    /// The template is usable, but may contain a mistake.
    Warning,
}

impl Finding {
    /// An error in `file`.
    pub fn error(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), line, message: message.into() }
    }

    /// A warning about `file`.
    pub fn warning(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, line, message) }
    }

    /// Whether the template is refused.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    /// `file:line: message`; a warning has the prefix `warning: ` before its message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))?;
        let mark = if self.is_error() { "" } else { "warning: " };
        write!(f, ": {mark}{}", self.message)
    }
}

/// Joins findings for one line of text.
pub(super) fn join(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
