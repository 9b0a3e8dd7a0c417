//! `zkflow circuit build`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Map, Value};
use zkflow_core::circuit::{Blueprint, CircuitFiles, FileName};
use zkflow_core::error::Chain;
use zkflow_core::id::CircuitId;
use zkflow_core::provenance::Provenance;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{Beacon, DevelopmentPowers, KeyOptions, PowersFile, PowersSource, StepOptions};
use zkflow_core::template::TemplateLibrary;

use super::compile::{show_warnings, summary, way_to_witness};
use super::compile_errors::explain;
use super::evidence::{checked_powers, record_key};
use super::files::in_file;
use super::output::write;
use super::progress::Progress;
#[cfg(feature = "remote")]
use super::remote_build::BuildServerArgs;
use super::toolbox::{CompilerArgs, Toolbox, with_transcripts};
use super::{Error, cache_dir};

/// Arguments of `zkflow circuit build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Name of the template, such as rangeCheck
    template: String,
    /// Parameter of the template, such as min=18 or `limits=[1,2,3]`; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Output folder
    #[arg(long)]
    out: PathBuf,
    /// Folders of additional templates, separated by colons
    #[arg(long, env = "ZKFLOW_TEMPLATES", value_delimiter = ':')]
    templates: Vec<PathBuf>,
    /// Let templates of these folders replace built-in ones of the same name
    #[arg(long, env = "ZKFLOW_ALLOW_TEMPLATE_OVERRIDE", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, value_name = "true|false")]
    allow_template_override: bool,
    /// Prepared powers of tau (.ptau) (default: generated; the keys are then for development only)
    #[arg(long, env = "PTAU_PATH")]
    ptau: Option<PathBuf>,
    /// Public beacon that ends the generation of the keys: the hexadecimal VALUE is hashed 2^EXPONENT times
    #[arg(long, value_name = "VALUE:EXPONENT")]
    beacon: Option<Beacon>,
    /// Replace the keys of an existing circuit
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    compiler: CompilerArgs,
    #[cfg(feature = "remote")]
    #[command(flatten)]
    server: BuildServerArgs,
}

pub(super) fn build(args: &BuildArgs) -> Result<(), Error> {
    let key = args.out.join(FileName::ProvingKey.as_str());
    if key.exists() && !args.force {
        return Err(format!("{} already exists; use --force to replace it", key.display()).into());
    }
    let params = parse_params(&args.params)?;
    #[cfg(feature = "remote")]
    if args.server.build(&args.template, params.clone(), &args.out)? {
        return Ok(());
    }
    let mut library = TemplateLibrary::builtin().allow_override(args.allow_template_override);
    let progress = Progress::new();
    for folder in &args.templates {
        for error in library.add_folder(folder)? {
            progress.line(&format!("warning: a template is left out: {}", Chain(&error)));
        }
    }
    let template = library.get(&args.template.parse()?)?;
    let params = template.parse_params(&params)?;

    template.warnings.iter().for_each(|warning| progress.line(&warning.to_string()));
    args.compiler.warnings().for_each(|warning| progress.line(&warning));
    let toolbox = progress.step("load the compiler", || Toolbox::open(&args.compiler))?;
    let compiler = &*toolbox.compiler;
    let blueprint = with_transcripts(Blueprint::builder(template))
        .params(params)
        .compiler(compiler)
        .include_roots(&toolbox.include_roots)
        .source_limits(args.compiler.source_limits())
        .build()?;
    let compiled = progress
        .step("compile", || compiler.compile(&blueprint.source, &blueprint.options))
        .map_err(explain)?;
    show_warnings(&progress, &compiled.warnings);

    let id = CircuitId::from_hash(&blueprint.circuit_hash);
    let powers = powers(args.ptau.as_deref(), &progress)?;
    let record_key = record_key()?;
    let options = KeyOptions::default().with_beacon(args.beacon.as_ref()).with_record_key(&record_key);
    let step = if blueprint.key.is_some() { "check the template's key" } else { "make the keys" };
    let circuit = progress.step(step, || {
        let rng = &mut os_rng();
        CircuitFiles::generate(&blueprint, compiled, &toolbox.sandbox, &*powers, options, rng)
    })?;
    for (name, bytes) in &circuit.files {
        write(&args.out.join(name.as_str()), bytes)?;
    }
    drop(progress);
    println!("circuit {id} in {}", args.out.display());
    print!("{}", summary(&circuit.report));
    match &circuit.label {
        Ok(label) if label.provenance() == Provenance::Development => {
            println!("keys                 {label} (never use development keys on a real chain)");
        }
        Ok(label) => println!("keys                 {label}"),
        Err(weakness) => println!("keys                 forgeable: {weakness}"),
    }
    println!("witness              {}", way_to_witness(&circuit.tape));
    Ok(())
}

/// The powers of tau in `file`, which are checked once; `None`: powers for development, cached on disk.
pub(super) fn powers(file: Option<&Path>, progress: &Progress) -> Result<Box<dyn PowersSource>, Error> {
    if let Some(path) = file {
        let checked = checked_powers()?;
        let powers = progress.measured("check the powers of tau", StepOptions::default(), |options| {
            PowersFile::check(path, checked.as_ref(), &mut os_rng(), options)?.for_production()
        });
        return Ok(Box::new(powers.map_err(in_file(path))?));
    }
    Ok(Box::new(cache_dir("ptau").map_or_else(DevelopmentPowers::in_memory, DevelopmentPowers::in_folder)))
}

/// Parses `name=value` pairs. A value is `true`, `false`, a JSON array, or otherwise a string. Numbers are
/// strings, so that large ones stay exact.
fn parse_params(pairs: &[String]) -> Result<Map<String, Value>, Error> {
    let mut params = Map::new();
    for pair in pairs {
        let (name, text) =
            pair.split_once('=').ok_or_else(|| format!("--param {pair:?}: expected NAME=VALUE"))?;
        let value = match text {
            "true" | "false" => Value::Bool(text == "true"),
            _ if text.starts_with('[') => serde_json::from_str(text)
                .map_err(|error| format!("--param {name}: not a JSON array: {error}"))?,
            _ => Value::String(text.to_owned()),
        };
        if params.insert(name.to_owned(), value).is_some() {
            return Err(format!("--param {name} occurs twice").into());
        }
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_exact_text() {
        let pairs = ["min=18", "deep=true", "limits=[1,2]", "p=9007199254740993"].map(str::to_owned);
        let params = parse_params(&pairs).unwrap();
        assert_eq!(
            Value::Object(params),
            serde_json::json!({"min": "18", "deep": true, "limits": [1, 2], "p": "9007199254740993"})
        );
    }

    #[test]
    fn a_parameter_without_a_value_or_given_twice_is_refused() {
        assert!(parse_params(&["min".to_owned()]).is_err());
        assert!(parse_params(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
        assert!(parse_params(&["a=[1".to_owned()]).is_err());
    }
}
