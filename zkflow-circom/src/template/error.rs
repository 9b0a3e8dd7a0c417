//! Why a template or its parameters are refused.

use crate::template::TemplateName;
use zkflow_groth16::error::{Classified, ErrorKind};

/// A template or its parameters were refused.
///
/// Paths begin with `params`, the field of a request that holds the parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no template of that name.
    #[error("there is no template {name}; known are {}", join(.known))]
    Unknown {
        /// The name asked for.
        name: TemplateName,
        /// All names.
        known: Vec<TemplateName>,
    },
    /// A parameter that the template does not have.
    #[error("{path}: the template has no such parameter; it has {}", join(.known))]
    UnknownParam {
        /// Where it stands.
        path: String,
        /// The parameters of the template.
        known: Vec<String>,
    },
    /// A parameter without default is not given.
    #[error("{path}: missing, expected {expected}")]
    MissingParam {
        /// Where it should stand.
        path: String,
        /// What it should be.
        expected: String,
    },
    /// A parameter is not of its type or not in its range.
    #[error("{path}: expected {expected}, found {found}")]
    InvalidParam {
        /// Where it stands.
        path: String,
        /// What it should be.
        expected: String,
        /// What it is, in kind: the value itself is not repeated.
        found: &'static str,
    },
    /// The parameters do not fit together.
    #[error("{path}: expected {expected}")]
    Inconsistent {
        /// The parameter that the check is about.
        path: String,
        /// The relation that should hold.
        expected: String,
    },
    /// A template's file is malformed or contradicts another one.
    #[error("template {template}: {file}: {reason}")]
    Invalid {
        /// The template, by name or folder.
        template: String,
        /// The file within its folder.
        file: String,
        /// What is wrong, with the field or line where there is one.
        reason: String,
    },
    /// A folder of templates cannot be used.
    #[error("template folder {folder}: {reason}")]
    Folder {
        /// The folder or the entry in it.
        folder: String,
        /// What is wrong.
        reason: String,
    },
    /// A folder holds a template of a name that is taken.
    #[error("template folder {folder}: a template named {name} is there already, choose another name")]
    Duplicate {
        /// The name.
        name: TemplateName,
        /// The folder that repeats it.
        folder: String,
    },
    /// The engine failed, or its rendering differs from the template in more than numeric literals.
    #[error("template {template} was not rendered: {reason}")]
    Render {
        /// The template.
        template: TemplateName,
        /// What is wrong.
        reason: String,
    },
}

impl TemplateError {
    /// Of a refused parameter: its path, and what is wrong with it, which is the rest of the text.
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
            Self::Duplicate { .. } => ErrorKind::Conflict,
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
            Self::Duplicate { .. } => "duplicate_template",
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
