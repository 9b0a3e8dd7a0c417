//! The input of a compilation, and the identity derived from it.

use std::path::PathBuf;

use crate::compile::{CircuitCompiler, CompileError, CompileOptions, SourceTree};
use crate::digest::Digest;
use crate::error::{Classified, ErrorKind};
use crate::flow::circuit::circuit_hash;
use crate::id::TemplateName;
use crate::template::{Params, Template, TemplateEngine, TemplateError};

/// A rendered template with all its includes: everything that determines the compiled circuit.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Name of the template.
    pub template: TemplateName,
    /// All parameters, defaults included.
    pub params: Params,
    /// Main source file, with literals in place of placeholders.
    pub rendered: String,
    /// The rendered template and all its includes.
    pub source: SourceTree,
    /// Compiler options.
    pub options: CompileOptions,
    /// Identity of the circuit: a hash of template name, parameters, sources, compiler version and options.
    pub circuit_hash: Digest,
}

impl Blueprint {
    /// Renders `template` and collects its includes from `include_roots`.
    ///
    /// # Errors
    /// The parameters cannot be rendered, or an include is not found.
    pub fn new(
        template: &Template,
        params: Params,
        engine: &dyn TemplateEngine,
        include_roots: &[PathBuf],
        compiler: &dyn CircuitCompiler,
        options: CompileOptions,
    ) -> Result<Self, BlueprintError> {
        let rendered = engine.render(template, &params)?;
        let file_name = format!("{}.circom", template.name);
        let source = SourceTree::resolve(&file_name, &rendered, include_roots)?;
        let circuit_hash = circuit_hash(
            &template.name,
            &params.to_json(),
            &source.digest(),
            compiler.version(),
            options.flags(),
        );
        Ok(Self { template: template.name.clone(), params, rendered, source, options, circuit_hash })
    }
}

/// A template cannot be turned into a blueprint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlueprintError {
    /// The template cannot be rendered with these parameters.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The includes of the source cannot be resolved.
    #[error(transparent)]
    Source(#[from] CompileError),
}

impl Classified for BlueprintError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Template(error) => error.kind(),
            Self::Source(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Template(error) => error.code(),
            Self::Source(error) => error.code(),
        }
    }
}
