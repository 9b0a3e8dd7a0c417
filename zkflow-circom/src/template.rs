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

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::compile::{CompileOptions, SourceSearch};
use crate::secret::CircuitInputs;

mod check;
mod document;
mod error;
mod finding;
mod folder;
mod infer;
mod inputs;
mod keys;
mod library;
mod manifest;
mod name;
mod natural;
mod params;
mod render;
mod scaffold;
mod source;
mod tokens;
mod vector;

pub use error::TemplateError;
pub use finding::{Finding, Severity};
pub use folder::{FoundTemplate, read_folder};
pub use keys::{KeyFile, KeySpec};
pub use library::TemplateLibrary;
pub use manifest::{
    Check, CompileSpec, Dim, Example, Length, Manifest, OutputSpec, ParamKind, ParamSpec, SignalSpec,
};
pub use name::TemplateName;
pub use natural::Natural;
pub use params::{ParamValue, Params};
pub use render::{HandlebarsEngine, TemplateEngine, check_rendering};
pub use scaffold::Scaffold;
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
    /// Warnings about the files, such as a missing manifest.
    pub warnings: Vec<Finding>,
    /// Folder or loose file; `None` if it is built in or was parsed from texts.
    pub path: Option<PathBuf>,
}

impl Template {
    /// Parses the texts of a template's files: `manifest.toml`, `template.circom`, and with their names the files of
    /// `vectors/` and `example.json`, if there is one.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`] lists every problem with its file. The causes are:
    /// - a malformed manifest or vector;
    /// - a placeholder without a parameter, or a parameter without a placeholder;
    /// - public inputs that differ from those of the main component;
    /// - an example or a vector that does not fit the manifest.
    pub fn parse(
        name: TemplateName,
        manifest: &str,
        source: &str,
        files: &[(String, String)],
    ) -> Result<Self, TemplateError> {
        let (manifest, vectors, findings) = check::check(&check::Texts { manifest, source, files });
        if findings.iter().any(Finding::is_error) {
            return Err(TemplateError::Invalid { template: name, findings });
        }
        let source = source.to_owned();
        Ok(Self { name, manifest, source, vectors, warnings: findings, path: None })
    }

    /// A template without a manifest. Its parameters are the placeholders, typed as field elements without a
    /// range; its inputs and outputs are those of the main template. It has a warning that names the manifest to
    /// write, and no example.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`]: a placeholder is malformed, or the main template is not in this source.
    pub fn loose(name: TemplateName, source: &str) -> Result<Self, TemplateError> {
        let file = format!("{name}.template.circom");
        match infer::manifest(&name, source) {
            Err(mut findings) => {
                findings.iter_mut().for_each(|finding| file.clone_into(&mut finding.file));
                Err(TemplateError::Invalid { template: name, findings })
            }
            Ok(manifest) => {
                let message = format!(
                    "there is no manifest: parameters are field elements without a range, and there is no \
                     example; write {name}/{MANIFEST} (`zkflow template new {name} --from {file}`)"
                );
                let warnings = vec![Finding::warning(&file, None, message)];
                let source = source.to_owned();
                Ok(Self { name, manifest, source, vectors: Vec::new(), warnings, path: None })
            }
        }
    }

    /// Whether the manifest is inferred. Of the inputs, only the names are then known.
    pub fn is_inferred(&self) -> bool {
        self.manifest.example.is_empty()
    }

    /// The inputs of the example and of the vectors that prove. They fit circuits with the parameters of each.
    pub fn example_inputs(&self) -> Vec<CircuitInputs> {
        let example = Some(&self.manifest.example.inputs).filter(|_| !self.is_inferred());
        let vectors = self.vectors.iter().filter(|vector| vector.outcome == Outcome::Prove);
        let inputs = example.into_iter().chain(vectors.map(|vector| &vector.inputs));
        inputs
            .map(|inputs| CircuitInputs::from_map(inputs.clone()).with_numbers(self.manifest.numbers))
            .collect()
    }

    /// The template's own folder; `None` if it is built in, loose or parsed from texts.
    pub fn folder(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| path.is_dir())
    }

    /// The key that the manifest names for these parameters, if there is one.
    pub fn key(&self, params: &Params) -> Option<&KeySpec> {
        let has = |spec: &&KeySpec| self.parse_params(&spec.params).is_ok_and(|own| own == *params);
        self.manifest.keys.iter().find(has)
    }

    /// The search for the includes of a rendering: in the template's folder, in the folders of its manifest, then in
    /// `roots`.
    pub fn search(&self, roots: &[PathBuf]) -> SourceSearch {
        let own = self
            .folder()
            .into_iter()
            .flat_map(|folder| self.manifest.compile.include.iter().map(|path| folder.join(path)));
        SourceSearch::new(roots).beside(self.folder()).first(own)
    }

    /// The options of a compiler for this template; `options` where its manifest has none.
    pub fn compile_options(&self, options: CompileOptions) -> CompileOptions {
        let simplification = self.manifest.compile.simplification.unwrap_or(options.simplification);
        CompileOptions { simplification, ..options }
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

/// Name of the manifest in a template's folder.
pub(crate) const MANIFEST: &str = "manifest.toml";
/// Name of the file with the inputs of the example in a template's folder.
pub(crate) const EXAMPLE: &str = "example.json";
/// Name of the source in a template's folder.
pub(crate) const SOURCE: &str = "template.circom";
