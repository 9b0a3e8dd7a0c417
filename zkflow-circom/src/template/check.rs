//! Checks the files of a template against each other. The loader and `zkflow template check` both use it: the
//! loader refuses a template with an error, the command shows every finding.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use super::document::{Document, Draft, Key};
use super::infer::main_template;
use super::inputs;
use super::manifest::{Check, Dim, Manifest, ParamKind, ParamSpec};
use super::name::{is_identifier, is_reserved};
use super::natural::Natural;
use super::params::{ParamValue, Params};
use super::source::Source;
use super::vector::{self, Vector};
use super::{EXAMPLE, Finding, MANIFEST, SOURCE};

/// The texts of a template's files.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    pub(super) manifest: &'a str,
    pub(super) source: &'a str,
    /// Name and text of each file of `vectors/`, and of `example.json`.
    pub(super) files: &'a [(String, String)],
}

/// Reads and checks the texts. The manifest and the vectors are complete if there is no error.
pub(super) fn check(texts: &Texts<'_>) -> (Manifest, Vec<Vector>, Vec<Finding>) {
    let (document, draft, findings) = Document::read(texts.manifest);
    let read = findings.len();
    let mut checker = Checker { document, draft, findings };
    checker.buses(texts.source);
    checker.parameters();
    checker.checks();
    checker.signals();
    checker.include();
    let (examples, vectors): (Vec<_>, Vec<_>) = texts.files.iter().partition(|(name, _)| name == EXAMPLE);
    examples.iter().for_each(|(_, text)| checker.read_example(text));
    // Values of wrong parameters or signals are not reported a second time.
    let usable = checker.findings.len() == read && checker.draft.has_parameters && checker.draft.has_signals;
    if usable && checker.draft.has_example {
        checker.example();
    }
    if usable {
        checker.keys();
    }
    checker.source(texts.source);
    let vectors = checker.vectors(&vectors, usable);
    (checker.draft.manifest, vectors, checker.findings)
}

struct Checker<'a> {
    document: Document<'a>,
    draft: Draft,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    /// Adds an error about a field of the manifest.
    fn refuse(&mut self, path: &[Key<'_>], message: String) {
        self.findings.push(Finding::error(MANIFEST, self.document.line(path), message));
    }

    fn parameters(&mut self) {
        let parameters = std::mem::take(&mut self.draft.manifest.parameters);
        self.unique("parameters", "parameters", parameters.iter().map(|spec| &spec.name));
        for (index, spec) in parameters.iter().enumerate() {
            for (field, problem) in parameter_problems(spec) {
                let path = [Key::Field("parameters"), Key::Index(index), Key::Field(field)];
                self.refuse(&path, format!("parameters.{}: {problem}", spec.name));
            }
        }
        self.draft.manifest.parameters = parameters;
    }

    /// Marks the inputs that the source declares as buses. Faults of the source are reported [later](Self::source).
    fn buses(&mut self, text: &str) {
        let (source, _) = Source::read(text);
        let Ok((_, definition, _)) = main_template(&source) else { return };
        let buses: Vec<&str> =
            definition.signals.iter().filter(|one| one.is_bus).map(|one| one.name).collect();
        for input in &mut self.draft.manifest.inputs {
            input.bus = buses.contains(&input.name.as_str());
        }
    }

    fn checks(&mut self) {
        if !self.draft.has_parameters {
            return;
        }
        let problems = |manifest: &Manifest| -> Vec<(usize, String)> {
            let checks = manifest.checks.iter().enumerate();
            checks.filter_map(|(index, check)| Some((index, check_problem(manifest, check)?))).collect()
        };
        for (index, problem) in problems(&self.draft.manifest) {
            self.refuse(&[Key::Field("checks"), Key::Index(index)], format!("checks: {problem}"));
        }
    }

    fn signals(&mut self) {
        let manifest = &self.draft.manifest;
        let inputs = manifest.inputs.iter().enumerate().map(|(i, one)| ("inputs", i, &one.name, &one.shape));
        let outputs =
            manifest.outputs.iter().enumerate().map(|(i, one)| ("outputs", i, &one.name, &one.shape));
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for (list, index, name, shape) in inputs.chain(outputs) {
            if let Some(problem) = name_problem(name, &mut seen) {
                problems.push((list, index, "name", format!("inputs and outputs: {problem}")));
            }
            for dim in shape.iter().filter(|_| self.draft.has_parameters) {
                if let Some(problem) = dim_problem(manifest, dim) {
                    problems.push((list, index, "shape", format!("{name}.shape: {problem}")));
                }
            }
        }
        for (list, index, field, message) in problems {
            self.refuse(&[Key::Field(list), Key::Index(index), Key::Field(field)], message);
        }
    }

    /// Folders of includes are within the template's folder.
    fn include(&mut self) {
        let include = std::mem::take(&mut self.draft.manifest.compile.include);
        let is_inside = |path: &String| {
            Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        for path in include.iter().filter(|path| !is_inside(path)) {
            let message = format!("compile.include: {path:?} is not a folder within the template's folder");
            self.refuse(&[Key::Field("compile"), Key::Field("include")], message);
        }
        self.draft.manifest.compile.include = include;
    }

    fn keys(&mut self) {
        let manifest = &self.draft.manifest;
        let (mut seen, mut problems) = (Vec::new(), Vec::new());
        for (index, spec) in manifest.keys.iter().enumerate() {
            problems.extend(spec.problem().map(|problem| (index, problem)));
            match Params::parse(manifest, &spec.params) {
                Err(error) => problems.push((index, error.to_string())),
                Ok(params) if seen.contains(&params) => {
                    problems.push((index, "another key has the same parameters".to_owned()));
                }
                Ok(params) => seen.push(params),
            }
        }
        for (index, problem) in problems {
            self.refuse(&[Key::Field("keys"), Key::Index(index)], format!("keys: {problem}"));
        }
    }

    fn read_example(&mut self, text: &str) {
        let example = &mut self.draft.manifest.example;
        if !example.inputs.is_empty() {
            let message = "the manifest has inputs for its example too";
            return self.findings.push(Finding::error(EXAMPLE, None, message));
        }
        match serde_json::from_str(text) {
            Ok(inputs) => example.inputs = inputs,
            Err(error) => {
                self.findings.push(Finding::error(EXAMPLE, Some(error.line()), error.to_string()));
            }
        }
    }

    fn example(&mut self) {
        let manifest = &self.draft.manifest;
        let params = match Params::parse(manifest, &manifest.example.params) {
            Ok(params) => params,
            Err(error) => {
                let path = [Key::Field("example"), Key::Field("params")];
                return self.refuse(&path, format!("example: {error}"));
            }
        };
        let given = [("example.inputs", &manifest.example.inputs)];
        for error in inputs::check(manifest, Some(&params), &given, manifest.numbers) {
            let rest = error.path.trim_start_matches("example.inputs.");
            let name = rest.split(['[', '.']).next().unwrap_or_default();
            let path = [Key::Field("example"), Key::Field("inputs"), Key::Field(name)];
            self.refuse(&path, error.to_string());
        }
    }

    /// Compares placeholders with parameters, and the main component's public inputs with the manifest's.
    fn source(&mut self, text: &str) {
        let (source, faults) = Source::read(text);
        self.findings.extend(faults);
        let manifest = &self.draft.manifest;
        let mut findings = Vec::new();
        if self.draft.has_parameters {
            for (name, line) in source.placeholders() {
                if manifest.parameter(name).is_none() {
                    let message = format!("{{{{{name}}}}} is not a parameter of the manifest");
                    findings.push(Finding::error(SOURCE, Some(line), message));
                }
            }
            for (index, spec) in manifest.parameters.iter().enumerate() {
                if source.placeholders().all(|(name, _)| name != spec.name) {
                    let line = self.document.line(&[Key::Field("parameters"), Key::Index(index)]);
                    let message = format!("the parameter {} has no placeholder in {SOURCE}", spec.name);
                    findings.push(Finding::error(MANIFEST, line, message));
                }
            }
        }
        match source.main() {
            Err(finding) => findings.push(*finding),
            Ok(main) if self.draft.has_signals => {
                let mut public = main.public;
                let declared = manifest.inputs.iter().filter(|input| input.public);
                let mut declared: Vec<&str> = declared.map(|input| input.name.as_str()).collect();
                public.sort_unstable();
                declared.sort_unstable();
                if public != declared {
                    let (public, declared) = (public.join(", "), declared.join(", "));
                    let message =
                        format!("public inputs differ: main component [{public}], manifest [{declared}]");
                    findings.push(Finding::error(SOURCE, Some(main.line), message));
                }
            }
            Ok(_) => {}
        }
        self.findings.extend(findings);
    }

    /// Vectors are compared with the manifest if its parameters and signals are sound.
    fn vectors(&mut self, files: &[&(String, String)], usable: bool) -> Vec<Vector> {
        let mut vectors = Vec::new();
        for (file, text) in files {
            let (read, findings) = vector::read(file, text, usable.then_some(&self.draft.manifest));
            vectors.extend(read);
            self.findings.extend(findings);
        }
        vectors
    }

    fn unique<'n>(&mut self, what: &str, list: &str, names: impl Iterator<Item = &'n String>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            if let Some(problem) = name_problem(name, &mut seen) {
                let path = [Key::Field(list), Key::Index(index), Key::Field("name")];
                self.refuse(&path, format!("{what}: {problem}"));
            }
        }
    }
}

fn name_problem<'n>(name: &'n str, seen: &mut BTreeSet<&'n str>) -> Option<String> {
    if !is_identifier(name) {
        return Some(format!("invalid name {name:?}"));
    }
    (!seen.insert(name)).then(|| format!("duplicate name {name}"))
}

/// Problems of a parameter, as field and message.
fn parameter_problems(spec: &ParamSpec) -> Vec<(&'static str, String)> {
    let mut problems: Vec<(&str, String)> = Vec::new();
    let largest = Natural(u64::MAX.into());
    let (min, max) = spec.range();
    if is_reserved(&spec.name) {
        problems.push(("name", "not a valid placeholder name".to_owned()));
    }
    match spec.kind {
        ParamKind::Uint if spec.max.is_none() => {
            problems.push(("max", "an unsigned integer needs a max".to_owned()));
        }
        ParamKind::Uint if max > largest => problems.push(("max", "max exceeds 64 bits".to_owned())),
        ParamKind::Bool if spec.min.is_some() || spec.max.is_some() => {
            let field = if spec.min.is_some() { "min" } else { "max" };
            problems.push((field, "a boolean has no min or max".to_owned()));
        }
        _ => {}
    }
    if min > max {
        problems.push(("min", "min is greater than max".to_owned()));
    }
    let is_length = |min, max| 1 <= min && min <= max && max <= MAX_LENGTH;
    if spec.length.is_some_and(|length| !is_length(length.min, length.max)) {
        problems.push(("length", format!("length must have 1 <= min <= max <= {MAX_LENGTH}")));
    }
    if problems.is_empty()
        && let Some(default) = &spec.default
        && let Err(error) = ParamValue::parse(spec, "default", default)
    {
        problems.push(("default", error.to_string()));
    }
    problems
}

fn check_problem(manifest: &Manifest, check: &Check) -> Option<String> {
    let find = |name: &String| manifest.parameter(name).ok_or(format!("there is no parameter {name}"));
    let scalar = |name: &String| match find(name)? {
        ParamSpec { length: None, kind: ParamKind::Uint | ParamKind::Field, .. } => Ok(()),
        _ => Err(format!("{name} is not a single number")),
    };
    let outcome = match check {
        Check::LessThan(names) | Check::AtMost(names) => names.iter().try_for_each(scalar),
        Check::FitsBits { param, bits } => match find(param) {
            Err(problem) => Err(problem),
            Ok(spec) if spec.kind == ParamKind::Bool => Err(format!("{param} is not a number")),
            Ok(_) => dim_problem(manifest, bits).map_or(Ok(()), Err),
        },
        Check::SameLength(names) => names
            .iter()
            .try_for_each(|name| find(name)?.length.map(|_| ()).ok_or(format!("{name} is not an array"))),
    };
    outcome.err()
}

fn dim_problem(manifest: &Manifest, dim: &Dim) -> Option<String> {
    let Dim::Param(name) = dim else { return None };
    match manifest.parameter(name) {
        None => Some(format!("there is no parameter {name}")),
        Some(ParamSpec { length: Some(_), .. } | ParamSpec { kind: ParamKind::Uint, .. }) => None,
        Some(_) => Some(format!("{name} is neither an unsigned integer nor an array")),
    }
}

/// Maximum length of an array parameter.
const MAX_LENGTH: u32 = 4096;

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
