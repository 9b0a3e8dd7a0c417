//! Parameters to circom source.
//!
//! A [`Template`] is circom source with placeholders, `{{min}}`, and a [`Manifest`] that gives every
//! placeholder a type and a range. [`Template::parse_params`] turns JSON into typed [`Params`];
//! a [`TemplateEngine`] puts them into the source.
//!
//! Nothing textual ever reaches the source: a parameter is an unsigned integer, a field element, a
//! boolean or an array of these, and a rendering whose tokens differ from the template's in more
//! than numeric literals is refused, whatever the engine did.

use serde_json::{Map, Value};

mod error;
mod library;
mod manifest;
mod name;
mod params;
mod render;
mod tokens;
mod vector;

pub use error::TemplateError;
pub use library::TemplateLibrary;
pub use manifest::{
    Check, Dim, Example, Length, Manifest, Natural, OutputSpec, ParamKind, ParamSpec, SignalSpec,
};
pub use name::TemplateName;
pub use params::{ParamValue, Params};
pub use render::{HandlebarsEngine, TemplateEngine, check_rendering};
pub use vector::{Outcome, Vector};

/// A circuit with open parameters.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name, that of its folder.
    pub name: TemplateName,
    /// What it proves, and what may be put into it.
    pub manifest: Manifest,
    /// Circom source with placeholders.
    pub source: String,
    /// Inputs that must prove, and inputs that must be refused.
    pub vectors: Vec<Vector>,
}

impl Template {
    /// Reads a template from the texts of its files: `manifest.toml`, `template.circom`, and the
    /// files of `vectors/` with their names.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`], naming the file: a malformed manifest or vector, a placeholder
    /// without parameter or a parameter without placeholder, public inputs that are not those of
    /// the main component, an example or a vector that does not fit the manifest.
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

    /// Types the parameters of a request and fills in defaults.
    ///
    /// # Errors
    /// An unknown, missing, ill-typed or out-of-range parameter, or one that breaks a cross-check;
    /// the error names the path, such as `params.min`, and what was expected there.
    pub fn parse_params(&self, params: &Map<String, Value>) -> Result<Params, TemplateError> {
        Params::parse(&self.manifest, params)
    }
}

const MANIFEST: &str = "manifest.toml";
const SOURCE: &str = "template.circom";
