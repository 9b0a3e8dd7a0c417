//! The input of a compilation, and the identity derived from it.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use zkflow_circom::compile::{CircuitCompiler, CompileError, CompileOptions, SourceLimits, SourceTree};
use zkflow_circom::secret::CircuitInputs;
use zkflow_circom::template::TemplateName;
use zkflow_circom::template::{HandlebarsEngine, Params, Template, TemplateEngine, TemplateError};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::error::{Classified, ErrorKind};

use super::{ReadTranscript, TemplateKey};

/// A rendered template with all its includes: everything that determines the compiled circuit.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Template that is rendered.
    pub template: TemplateName,
    /// All parameters, defaults included.
    pub params: Params,
    /// Main source file, with literals in place of placeholders.
    pub rendered: String,
    /// The rendered template and all its includes.
    pub source: SourceTree,
    /// Compiler options.
    pub options: CompileOptions,
    /// Inputs of the template's example and vectors, which the recorded witness calculation is compared with.
    pub examples: Arc<[CircuitInputs]>,
    /// The key of a ceremony that the template names for these parameters.
    pub key: Option<TemplateKey>,
    /// Identity of the circuit: a hash of template name, parameters, sources, compiler version and options, and of the
    /// files of a key that the template names.
    pub circuit_hash: Digest,
}

impl Blueprint {
    /// Renders a template and collects its includes.
    ///
    /// ```no_run
    /// use zkflow_core::circuit::Blueprint;
    /// use zkflow_core::compile::tools::CircomTools;
    /// use zkflow_core::compile::{CircomWasm, CompileLimits};
    /// use zkflow_core::sandbox::{Sandbox, SandboxConfig};
    /// use zkflow_core::template::TemplateLibrary;
    ///
    /// let library = TemplateLibrary::builtin();
    /// let template = library.get(&"rangeCheck".parse()?)?;
    /// let given = serde_json::json!({"min": 18, "max": 120});
    /// let params = template.parse_params(given.as_object().expect("an object"))?;
    ///
    /// let tools = CircomTools::discover()?;
    /// let sandbox = Sandbox::new(SandboxConfig::default())?;
    /// let compiler = CircomWasm::new(sandbox, &tools.circom_wasm, CompileLimits::default())?;
    /// let blueprint = Blueprint::builder(template)
    ///     .params(params)
    ///     .compiler(&compiler)
    ///     .include_roots(&tools.include_roots)
    ///     .build()?;
    /// println!("{}", blueprint.circuit_hash);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(template: &Template) -> BlueprintBuilder<'_> {
        BlueprintBuilder {
            template,
            params: None,
            compiler: None,
            engine: &HandlebarsEngine,
            include_roots: &[],
            source_limits: SourceLimits::default(),
            options: CompileOptions::default(),
            read_transcript: None,
        }
    }
}

/// Builds a [`Blueprint`]; see [`Blueprint::builder`].
#[derive(Debug)]
pub struct BlueprintBuilder<'a> {
    template: &'a Template,
    params: Option<Params>,
    compiler: Option<&'a dyn CircuitCompiler>,
    engine: &'a dyn TemplateEngine,
    include_roots: &'a [PathBuf],
    source_limits: SourceLimits,
    options: CompileOptions,
    read_transcript: Option<ReadTranscript>,
}

impl<'a> BlueprintBuilder<'a> {
    /// Parameters (default: those of the template; an error if one has no default).
    pub fn params(mut self, params: Params) -> Self {
        self.params = Some(params);
        self
    }

    /// Compiler; its version is part of the circuit's identity. Required.
    pub fn compiler(mut self, compiler: &'a dyn CircuitCompiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Engine that inserts parameters into the source (default: [`HandlebarsEngine`]).
    pub fn engine(mut self, engine: &'a dyn TemplateEngine) -> Self {
        self.engine = engine;
        self
    }

    /// Folders in which includes are searched after the template's own folder (default: none).
    pub fn include_roots(mut self, roots: &'a [PathBuf]) -> Self {
        self.include_roots = roots;
        self
    }

    /// Limits of the source and its includes (default: 1024 files, 32 MiB).
    pub fn source_limits(mut self, limits: SourceLimits) -> Self {
        self.source_limits = limits;
        self
    }

    /// Options of the compiler; part of the circuit's identity (default: `--O1`). The template's manifest
    /// has precedence.
    pub fn options(mut self, options: CompileOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads the transcript of a key that the template names (default: a key with one is refused).
    pub fn transcripts(mut self, read: ReadTranscript) -> Self {
        self.read_transcript = Some(read);
        self
    }

    /// Renders the template and collects its includes.
    ///
    /// # Errors
    /// The parameters cannot be rendered, an include is not found, or there is no compiler.
    pub fn build(self) -> Result<Blueprint, BlueprintError> {
        let Self {
            template,
            params,
            compiler,
            engine,
            include_roots,
            source_limits,
            options,
            read_transcript,
        } = self;
        let compiler = compiler.ok_or(BlueprintError::NoCompiler)?;
        let params = params.map_or_else(|| template.parse_params(&Map::new()), Ok)?;
        let rendered = engine.render(template, &params)?;
        let file_name = format!("{}.circom", template.name);
        let search = template.search(include_roots).limits(source_limits);
        let source = search.resolve(&file_name, &rendered)?;
        let options = template.compile_options(options);
        let circuit_hash = circuit_hash(
            &template.name,
            &params.to_json(),
            &source.digest(),
            compiler.version(),
            &options.flags(),
        );
        let key = TemplateKey::of(template, &params, read_transcript);
        let circuit_hash = key.as_ref().map_or(circuit_hash, |key| key.identity(&circuit_hash));
        let (template, examples) = (template.name.clone(), template.example_inputs().into());
        Ok(Blueprint { template, params, rendered, source, options, examples, key, circuit_hash })
    }
}

/// Identity of a circuit: SHA-256 of the canonical JSON (RFC 8785) of everything that determines the
/// compiled circuit. Another template or compiler gives another identity.
pub fn circuit_hash(
    template: &TemplateName,
    params: &Map<String, Value>,
    source: &Digest,
    compiler: &str,
    flags: &[String],
) -> Digest {
    #[derive(Serialize)]
    struct Identity<'a> {
        template: &'a TemplateName,
        params: &'a Map<String, Value>,
        source: &'a Digest,
        compiler: &'a str,
        flags: &'a [String],
    }
    let identity = Identity { template, params, source, compiler, flags };
    // Expect safety: the value contains only strings, safe integers, booleans and arrays of them.
    let canonical = serde_json_canonicalizer::to_vec(&identity).expect("plain JSON has a canonical form");
    Digest::of(canonical)
}

/// A template cannot be turned into a blueprint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlueprintError {
    /// The builder was not given a compiler.
    #[error("a blueprint needs a compiler: call compiler() before build()")]
    NoCompiler,
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
            Self::NoCompiler => ErrorKind::Internal,
            Self::Template(error) => error.kind(),
            Self::Source(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoCompiler => "no_compiler",
            Self::Template(error) => error.code(),
            Self::Source(error) => error.code(),
        }
    }
}
