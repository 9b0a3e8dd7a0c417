//! What is to be compiled, and the identity that follows from it.

use std::path::PathBuf;

use crate::compile::{CircuitCompiler, CompileError, CompileOptions, SourceTree};
use crate::digest::Digest;
use crate::error::{Classified, ErrorKind};
use crate::flow::circuit::circuit_hash;
use crate::id::TemplateName;
use crate::template::{Params, Template, TemplateEngine, TemplateError};

/// A rendered template with all its includes: everything that decides what is compiled.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The template.
    pub template: TemplateName,
    /// Its parameters.
    pub params: Params,
    /// The rendered template.
    pub rendered: String,
    /// The rendered template with its includes.
    pub source: SourceTree,
    /// How it is compiled.
    pub options: CompileOptions,
    /// The identity of the circuit.
    pub circuit_hash: Digest,
}

impl Blueprint {
    /// Renders `template` and gathers what it includes from `include_roots`.
    ///
    /// # Errors
    /// The parameters do not render, or an include is not found.
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

/// A template did not become a blueprint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlueprintError {
    /// The template does not render with these parameters.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The source does not hang together.
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
