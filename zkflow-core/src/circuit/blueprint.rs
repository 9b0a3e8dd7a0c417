//! The input of a compilation, and the identity derived from it.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};
use zkflow_circom::compile::{CircuitCompiler, CompileError, CompileOptions, SourceTree};
use zkflow_circom::template::TemplateName;
use zkflow_circom::template::{Params, Template, TemplateEngine, TemplateError};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};

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
