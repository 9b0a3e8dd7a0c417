//! Errors of templates and their parameters.

use super::finding::{Finding, join as join_findings};
use crate::template::TemplateName;
use zkflow_groth16::error::{Classified, ErrorKind};

/// A template or its parameters were refused.
///
/// Paths begin with `params`, the request field that contains the parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The template name is unknown.
    #[error("unknown template {name}; available: {}", join(.known))]
    Unknown {
        /// The requested name.
        name: TemplateName,
        /// All available names, sorted.
        known: Vec<TemplateName>,
    },
    /// The template does not have this parameter.
    #[error("{path}: unknown parameter; the template has {}", join(.known))]
    UnknownParam {
        /// Path of the parameter.
        path: String,
        /// Names of the template's parameters.
        known: Vec<String>,
    },
    /// A parameter without a default is missing.
    #[error("{path}: missing, expected {expected}")]
    MissingParam {
        /// Path of the missing parameter.
        path: String,
        /// Type and range of the parameter.
        expected: String,
    },
    /// A parameter has the wrong type or is out of range.
    #[error("{path}: expected {expected}, found {found}")]
    InvalidParam {
        /// Path of the parameter or array element.
        path: String,
        /// Type and range of the parameter.
        expected: String,
        /// Kind of the value found; the value itself is not repeated.
        found: &'static str,
    },
    /// A cross-check between parameters failed.
    #[error("{path}: expected {expected}")]
    Inconsistent {
        /// Path of the checked parameter.
        path: String,
        /// The required relation.
        expected: String,
    },
    /// A file of a template is malformed or contradicts another file.
    #[error("template {template}: {}", join_findings(.findings))]
    Invalid {
        /// Name of the template.
        template: TemplateName,
        /// Every problem, at least one of them an error.
        findings: Vec<Finding>,
    },
    /// A folder of templates cannot be used.
    #[error("template folder {folder}: {reason}")]
    Folder {
        /// Path of the folder or of an entry in it.
        folder: String,
        /// The problem.
        reason: String,
    },
    /// Two templates have the same name.
    #[error("two templates are named {name}: {first} and {second}; rename one")]
    Duplicate {
        /// The duplicate name.
        name: TemplateName,
        /// Folder or file of the first template.
        first: String,
        /// Folder or file of the second template.
        second: String,
    },
    /// A template has the name of a built-in one, and may not replace it.
    #[error(
        "{path} has the name of the built-in template {name}; rename it, or set allow_template_override \
         (ZKFLOW_ALLOW_TEMPLATE_OVERRIDE=true) to replace the built-in one"
    )]
    Builtin {
        /// Name of the built-in template.
        name: TemplateName,
        /// Folder or file of the other template.
        path: String,
    },
    /// The engine failed, or its rendering differs from the template in more than numeric literals.
    #[error("cannot render template {template}: {reason}")]
    Render {
        /// Name of the template.
        template: TemplateName,
        /// The problem.
        reason: String,
    },
}

impl TemplateError {
    /// Path and message of a refused parameter; the message is without the path. `None` for other errors.
    pub fn fault(&self) -> Option<(&str, String)> {
        let (Self::UnknownParam { path, .. }
        | Self::MissingParam { path, .. }
        | Self::InvalidParam { path, .. }
        | Self::Inconsistent { path, .. }) = self
        else {
            return None;
        };
        let text = self.to_string();
        let message = text.strip_prefix(&format!("{path}: ")).unwrap_or(&text);
        Some((path, message.to_owned()))
    }
}

impl Classified for TemplateError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::UnknownParam { .. }
            | Self::MissingParam { .. }
            | Self::InvalidParam { .. }
            | Self::Inconsistent { .. }
            | Self::Invalid { .. }
            | Self::Folder { .. } => ErrorKind::Invalid,
            Self::Duplicate { .. } | Self::Builtin { .. } => ErrorKind::Conflict,
            Self::Render { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_template",
            Self::UnknownParam { .. } => "unknown_parameter",
            Self::MissingParam { .. } => "missing_parameter",
            Self::InvalidParam { .. } => "invalid_parameter",
            Self::Inconsistent { .. } => "inconsistent_parameters",
            Self::Invalid { .. } => "invalid_template",
            Self::Folder { .. } => "invalid_template_folder",
            Self::Duplicate { .. } | Self::Builtin { .. } => "duplicate_template",
            Self::Render { .. } => "template_not_rendered",
        }
    }
}

fn join(names: &[impl ToString]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
