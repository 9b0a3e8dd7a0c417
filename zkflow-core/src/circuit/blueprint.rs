//! What is to be compiled, and the identity that follows from it.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};
use zkflow_circom::compile::{CircuitCompiler, CompileError, CompileOptions, SourceTree};
use zkflow_circom::template::TemplateName;
use zkflow_circom::template::{Params, Template, TemplateEngine, TemplateError};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};

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

/// The identity of a circuit: SHA-256 of the canonical JSON (RFC 8785) of everything that decides
/// what is compiled. An edited template or another compiler gives another circuit.
pub fn circuit_hash(
    template: &TemplateName,
    params: &Map<String, Value>,
    source: &Digest,
    compiler: &str,
    flags: &[&str],
) -> Digest {
    #[derive(Serialize)]
    struct Identity<'a> {
        template: &'a TemplateName,
        params: &'a Map<String, Value>,
        source: &'a Digest,
        compiler: &'a str,
        flags: &'a [&'a str],
    }
    let identity = Identity { template, params, source, compiler, flags };
    // Expect safety: the value holds strings, safe integers, booleans and arrays of them alone.
    let canonical = serde_json_canonicalizer::to_vec(&identity).expect("plain JSON has a canonical form");
    Digest::of(canonical)
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
