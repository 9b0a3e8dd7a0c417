//! Turns parameters into circom source.
//!
//! - A [`Template`] is circom source with placeholders such as `{{min}}`, and a [`Manifest`]. The manifest
//!   gives every placeholder a type and a range.
//! - [`Template::parse_params`] turns JSON into typed [`Params`].
//! - A [`TemplateEngine`] puts them into the source.
//!
//! No text from a request reaches the source. A parameter is an unsigned integer, a field element, a boolean
//! or an array of these. A rendering is refused if its tokens differ from the template's in more than
//! numeric literals, whichever engine made it.

use serde_json::{Map, Value};

mod error;
mod inputs;
mod library;
mod manifest;
mod name;
mod natural;
mod params;
mod render;
mod tokens;
mod vector;

pub use error::TemplateError;
pub use library::TemplateLibrary;
pub use manifest::{Check, Dim, Example, Length, Manifest, OutputSpec, ParamKind, ParamSpec, SignalSpec};
pub use name::TemplateName;
pub use natural::Natural;
pub use params::{ParamValue, Params};
pub use render::{HandlebarsEngine, TemplateEngine, check_rendering};
pub use vector::{Outcome, Vector};

/// A circuit with open parameters.
#[derive(Debug, Clone)]
pub struct Template {
    /// Name of the template's folder.
    pub name: TemplateName,
    /// Description, parameters, inputs and outputs.
    pub manifest: Manifest,
    /// Circom source with placeholders.
    pub source: String,
    /// Inputs that must prove, and inputs that must be refused.
    pub vectors: Vec<Vector>,
}

impl Template {
    /// Parses the texts of a template's files: `manifest.toml`, `template.circom`, and the files of
    /// `vectors/` with their names.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`] names the file. The causes are:
    /// - a malformed manifest or vector;
    /// - a placeholder without a parameter, or a parameter without a placeholder;
    /// - public inputs that differ from those of the main component;
    /// - an example or a vector that does not fit the manifest.
    pub fn parse(
        name: TemplateName,
        manifest: &str,
        source: &str,
        vectors: &[(String, String)],
    ) -> Result<Self, TemplateError> {
        let invalid = |file: &str, reason: String| TemplateError::Invalid {
            template: name.to_string(),
            file: file.to_owned(),
            reason,
        };
        let manifest = Manifest::parse(manifest).map_err(|reason| invalid(MANIFEST, reason))?;
        render::check_source(source, &manifest).map_err(|reason| invalid(SOURCE, reason))?;
        let mut parsed = Vec::new();
        for (file, text) in vectors {
            parsed.extend(vector::parse(text, &manifest).map_err(|reason| invalid(file, reason))?);
        }
        Ok(Self { name, manifest, source: source.to_owned(), vectors: parsed })
    }

    /// Converts the parameters of a request to typed values and fills in defaults.
    ///
    /// # Errors
    /// A parameter is unknown, missing, of the wrong type or out of range, or a cross-check fails. The error
    /// contains the path, such as `params.min`, and the expected value.
    pub fn parse_params(&self, params: &Map<String, Value>) -> Result<Params, TemplateError> {
        Params::parse(&self.manifest, params)
    }
}

const MANIFEST: &str = "manifest.toml";
const SOURCE: &str = "template.circom";
