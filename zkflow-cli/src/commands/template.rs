//! `zkflow template new` and `zkflow template check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use zkflow_core::circuit::Blueprint;
use zkflow_core::digest::Digest;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{KeyOptions, PowersSource};
use zkflow_core::template::{
    Finding, FoundTemplate, KeySpec, Scaffold, Template, TemplateError, TemplateName, read_folder,
};
use zkflow_core::trial::Trial;

use super::Error;
use super::build::powers;
use super::files::read_text;
use super::progress::Progress;
use super::toolbox::{CompilerArgs, Toolbox, sandbox, with_transcripts};

/// Subcommands of `zkflow template`.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// Write the folder of a new template, with a manifest inferred from circom source
    New(NewArgs),
    /// List every problem of templates: manifest, source, example and vectors
    Check(CheckArgs),
}

/// Arguments of `zkflow template new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Name of the template: a letter, then at most 63 letters, digits, `_` or `-`
    name: TemplateName,
    /// Circom source. In a source without placeholders, the numbers among the main component's arguments become
    /// parameters
    #[arg(long, value_name = "FILE.circom")]
    from: PathBuf,
    /// Parent folder of the new folder (default: the working folder)
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    out: PathBuf,
}

/// Arguments of `zkflow template check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Folder of a template, or of templates
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Published powers of tau (.ptau), for keys whose manifest names one
    #[arg(long, env = "PTAU_PATH", value_name = "FILE")]
    ptau: Option<PathBuf>,
    #[command(flatten)]
    compiler: CompilerArgs,
}

pub(super) fn run(command: &TemplateCommand) -> Result<ExitCode, Error> {
    match command {
        TemplateCommand::New(args) => new(args).map(|()| ExitCode::SUCCESS),
        TemplateCommand::Check(args) => check(args),
    }
}

fn new(args: &NewArgs) -> Result<(), Error> {
    let text = read_text(&args.from)?;
    let scaffold = match Scaffold::new(&args.name, &text) {
        Err(TemplateError::Invalid { findings, .. }) => {
            let lines: Vec<String> = findings.iter().map(|finding| place(&args.from, finding)).collect();
            return Err(format!("the source cannot become a template\n  {}", lines.join("\n  ")).into());
        }
        scaffold => scaffold?,
    };
    let folder = args.out.join(args.name.as_str());
    scaffold
        .write(&folder)
        .map_err(|error| format!("cannot write {}: {error}; nothing is overwritten", folder.display()))?;
    for note in &scaffold.notes {
        println!("note: {note}");
    }
    let folder = folder.display();
    println!(
        "wrote {folder}: complete the TODOs in manifest.toml, then run `zkflow template check {folder}`"
    );
    Ok(())
}

/// Formats a finding about `template.circom` with the path of the source file instead.
fn place(file: &Path, finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}: {}", file.display(), finding.message)
}

fn check(args: &CheckArgs) -> Result<ExitCode, Error> {
    let progress = Progress::new();
    let (mut found, mut failed, mut lines) = (Vec::new(), 0, Vec::new());
    for folder in &args.folders {
        match read_folder(folder) {
            Ok(templates) if templates.is_empty() => {
                failed += 1;
                lines.push(format!("{}: there is no template in this folder", folder.display()));
            }
            Ok(templates) => found.extend(templates),
            Err(error) => {
                failed += 1;
                lines.push(error.to_string());
            }
        }
    }
    args.compiler.warnings().for_each(|warning| progress.line(&warning));
    let tools = progress.step("load the compiler", || Ok::<_, Error>(Tools::open(&args.compiler)))?;
    let powers = powers(args.ptau.as_deref(), &progress)?;
    for FoundTemplate { path, template } in found {
        let problems = match template {
            Ok(template) => {
                let step = format!("check {}", template.name);
                progress.step(&step, || Ok::<_, Error>(tools.problems(&template, &*powers)))?
            }
            Err(TemplateError::Invalid { findings, .. }) => findings,
            Err(error) => {
                failed += 1;
                lines.push(error.to_string());
                continue;
            }
        };
        let is_wrong = problems.iter().any(Finding::is_error);
        failed += usize::from(is_wrong);
        // Findings of a loose file already contain its name.
        let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
        lines.extend(problems.iter().map(|finding| format!("{}/{finding}", folder.display())));
        if !is_wrong {
            lines.push(format!("{}: {}", path.display(), tools.verdict()));
        }
    }
    drop(progress);
    for line in lines {
        println!("{line}");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The compiler, if it is installed.
struct Tools(Result<Toolbox, Error>);

impl Tools {
    fn open(args: &CompilerArgs) -> Self {
        Self(Toolbox::open(args))
    }

    /// Warnings of the loader, and findings of the compilation and the trial.
    fn problems(&self, template: &Template, powers: &dyn PowersSource) -> Vec<Finding> {
        let mut problems = template.warnings.clone();
        if let Ok(toolbox) = &self.0 {
            match sandbox() {
                Err(error) => problems.push(Finding::error("template.circom", None, error.to_string())),
                Ok(sandbox) => {
                    let trial = Trial {
                        compiler: &*toolbox.compiler,
                        include_roots: &toolbox.include_roots,
                        sandbox: &sandbox,
                    };
                    problems.extend(trial.run(template));
                    let keys = template.manifest.keys.iter();
                    problems.extend(keys.filter_map(|spec| key_problem(toolbox, template, spec, powers)));
                }
            }
        }
        problems
    }

    fn verdict(&self) -> String {
        match &self.0 {
            Ok(_) => "OK".to_owned(),
            Err(error) => format!("the files are OK, but were not compiled: {error}"),
        }
    }
}

/// Compiles the circuit of a key that the template names, and checks the key.
fn key_problem(
    toolbox: &Toolbox,
    template: &Template,
    spec: &KeySpec,
    powers: &dyn PowersSource,
) -> Option<Finding> {
    let check = || -> Result<(), Error> {
        let compiler = &*toolbox.compiler;
        let blueprint = with_transcripts(Blueprint::builder(template))
            .params(template.parse_params(&spec.params)?)
            .compiler(compiler)
            .include_roots(&toolbox.include_roots)
            .build()?;
        let compiled = compiler.compile(&blueprint.source, &blueprint.options)?;
        let Some(key) = blueprint.key else { return Ok(()) };
        let options = KeyOptions::default().with_r1cs(Digest::of(&compiled.r1cs));
        Ok(key.check(&R1cs::read(&compiled.r1cs)?, powers, options, &mut os_rng())?)
    };
    check().err().map(|error| Finding::error("manifest.toml", None, format!("keys: {error}")))
}
