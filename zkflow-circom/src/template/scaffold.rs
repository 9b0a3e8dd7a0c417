//! [`Scaffold`]: the folder of a new template, from circom source.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::infer::{Inferred, infer, main_template};
use super::manifest::Dim;
use super::name::{is_identifier, is_reserved};
use super::source::Source;
use super::tokens::Token;
use super::{Finding, MANIFEST, SOURCE, TemplateError, TemplateName};

/// The files of a new template: the source, and a manifest inferred from it whose gaps are marked `TODO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// The source, with placeholders.
    pub source: String,
    /// The text of `manifest.toml`.
    pub manifest: String,
    /// Changes of the source, and points to check.
    pub notes: Vec<String>,
}

impl Scaffold {
    /// Infers the files of a template from circom source.
    ///
    /// In a source without placeholders, the numbers among the main component's arguments become placeholders:
    /// `component main = Range(18, 120);` becomes `Range({{min}}, {{max}})`, with the names that the definition of
    /// `Range` has. Other arguments are unchanged.
    ///
    /// # Errors
    /// [`TemplateError::Invalid`]: a placeholder is malformed, or the main template is not in this source.
    ///
    /// ```
    /// use zkflow_circom::template::Scaffold;
    ///
    /// let circuit = "template Square(n) { signal input x[n]; }\ncomponent main = Square(3);";
    /// let scaffold = Scaffold::new(&"square".parse()?, circuit)?;
    /// assert!(scaffold.source.ends_with("component main = Square({{n}});"));
    /// assert!(scaffold.manifest.contains("shape = [\"n\"]"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(name: &TemplateName, circuit: &str) -> Result<Self, TemplateError> {
        let invalid = |findings| TemplateError::Invalid { template: name.clone(), findings };
        let Parameterised { source, values, mut notes } = parameterise(circuit).map_err(invalid)?;
        notes.extend(include_notes(&source));
        let inferred = infer(&source).map_err(invalid)?;
        let manifest = manifest(name, &inferred, &values);
        Ok(Self { source, manifest, notes })
    }

    /// Writes `template.circom`, `manifest.toml` and an empty folder `vectors` into a new folder.
    ///
    /// # Errors
    /// The folder exists (nothing is overwritten), or cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(folder)?;
        fs::create_dir(folder.join("vectors"))?;
        for (file, text) in [(SOURCE, &self.source), (MANIFEST, &self.manifest)] {
            fs::File::create_new(folder.join(file))?.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

struct Parameterised {
    source: String,
    /// Name and number of each argument that became a placeholder.
    values: Vec<(String, String)>,
    notes: Vec<String>,
}

/// Replaces the main component's numbers by placeholders, unless the source already has placeholders.
fn parameterise(circuit: &str) -> Result<Parameterised, Vec<Finding>> {
    let (source, faults) = Source::read(circuit);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut made = Parameterised { source: circuit.to_owned(), values: Vec::new(), notes: Vec::new() };
    if source.placeholders().next().is_some() {
        return Ok(made);
    }
    let (_, definition, arguments) = main_template(&source).map_err(|finding| vec![*finding])?;
    if arguments.len() != definition.parameters.len() {
        let (expected, found) = (definition.parameters.len(), arguments.len());
        made.notes.push(format!("the main template has {expected} parameters, the main component {found}"));
        return Ok(made);
    }
    // From the last to the first, so that the positions of the others stay valid.
    for (name, argument) in definition.parameters.iter().zip(&arguments).rev() {
        let text = &circuit[argument.place.clone()];
        let is_name = is_identifier(name) && !is_reserved(name);
        match &argument.tokens[..] {
            [Token::Number(number)] if is_name && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                made.source.replace_range(argument.place.clone(), &format!("{{{{{name}}}}}"));
                made.values.push(((*name).to_owned(), (*number).to_owned()));
                made.notes.push(format!("argument {text} became the parameter {name}"));
            }
            _ => {
                made.notes.push(format!("argument {text} of {name} stays the same: it is not a plain number"))
            }
        }
    }
    made.values.reverse();
    made.notes.reverse();
    Ok(made)
}

fn include_notes(source: &str) -> Vec<String> {
    let (source, _) = Source::read(source);
    let beside = source.includes().filter(|path| !path.starts_with("circomlib/"));
    beside
        .map(|path| {
            format!("include {path:?} is searched only in the include roots, not in the template's folder")
        })
        .collect()
}

fn manifest(name: &TemplateName, inferred: &Inferred<'_>, values: &[(String, String)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut text = format!(
        "# Complete the TODOs; `zkflow template check` lists missing and wrong fields.\n\
         title = \"{name}\" # TODO: a few words\n\
         description = \"TODO: the statement that a proof proves\"\n"
    );
    for parameter in &inferred.parameters {
        let name = parameter.name;
        // Writing to a string does not fail.
        let _ = write!(text, "\n[[parameters]]\nname = \"{name}\"\n");
        if parameter.is_size || value(name).is_some_and(|value| value.parse::<u64>().is_ok()) {
            let max = quoted(value(name).unwrap_or("1"));
            let min = u8::from(parameter.is_size);
            let _ = write!(
                text,
                "type = \"uint\"\nmin = {min}\nmax = {max} # TODO: the greatest value that the circuit supports\n"
            );
        } else {
            text += "type = \"field\" # TODO: \"uint\" with a max, or \"bool\", if the value is one\n";
        }
        text += "description = \"TODO: the purpose\"\n";
    }
    for (input, list) in inferred.inputs.iter().map(|input| (input, "inputs")) {
        signal(&mut text, list, &input.name, &input.shape, input.public, inferred);
    }
    for output in &inferred.outputs {
        signal(&mut text, "outputs", &output.name, &output.shape, false, inferred);
    }
    text += "\n[example] # TODO: parameters and inputs that prove\n";
    let params: Vec<String> =
        values.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
    let missing = inferred.parameters.iter().filter(|parameter| value(parameter.name).is_none());
    let missing: Vec<&str> = missing.map(|parameter| parameter.name).collect();
    let _ = writeln!(text, "params = {{ {} }}{}", params.join(", "), todo(&missing));
    let names: Vec<&str> = inferred.inputs.iter().map(|input| input.name.as_str()).collect();
    let _ = writeln!(text, "inputs = {{ }}{}", todo(&names));
    text.replace("{  }", "{}").replace("{ }", "{}")
}

fn signal(text: &mut String, list: &str, name: &str, shape: &[Dim], public: bool, inferred: &Inferred<'_>) {
    let _ = write!(text, "\n[[{list}]]\nname = \"{name}\"\n");
    let is_parameter = |size: &str| inferred.parameters.iter().any(|parameter| parameter.name == size);
    let unread: Vec<&str> = shape
        .iter()
        .filter_map(|dim| match dim {
            Dim::Param(size) if !is_parameter(size) => Some(size.as_str()),
            _ => None,
        })
        .collect();
    if !shape.is_empty() {
        let sizes: Vec<String> = shape
            .iter()
            .map(|dim| match dim {
                Dim::Size(size) => size.to_string(),
                Dim::Param(size) if is_parameter(size) => format!("\"{size}\""),
                Dim::Param(_) => "1".to_owned(),
            })
            .collect();
        let _ = write!(text, "shape = [{}]", sizes.join(", "));
        if !unread.is_empty() {
            let unread = unread.join("], [").replace('\n', " ");
            let _ = write!(text, " # TODO: a number or a parameter for [{unread}]");
        }
        text.push('\n');
    }
    if public {
        text.push_str("public = true\n");
    }
    text.push_str("description = \"TODO: the meaning\"\n");
}

/// A number as TOML: a string from 2^53 on.
fn quoted(number: &str) -> String {
    match number.parse::<u64>() {
        Ok(value) if value <= zkflow_groth16::field::json::MAX_EXACT => value.to_string(),
        _ => format!("\"{number}\""),
    }
}

fn todo(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!(" # TODO: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    const CIRCUIT: &str = "pragma circom 2.1.6;
include \"circomlib/circuits/bitify.circom\";
include \"mine.circom\";
template Range(min, max, list, n) {
    signal input values[n][n + 1];
    signal input tag;
    signal output sum;
}
component main {public [tag]} = Range(18, 120, [1, 2], 4);
";

    fn name() -> TemplateName {
        "range".parse().unwrap()
    }

    #[test]
    fn numbers_of_the_main_component_become_parameters() {
        let Scaffold { source, manifest, notes } = Scaffold::new(&name(), CIRCUIT).unwrap();
        assert!(source.contains("= Range({{min}}, {{max}}, [1, 2], {{n}});"), "{source}");
        assert_eq!(
            notes,
            [
                "argument 18 became the parameter min",
                "argument 120 became the parameter max",
                "argument [1, 2] of list stays the same: it is not a plain number",
                "argument 4 became the parameter n",
                "include \"mine.circom\" is searched only in the include roots, not in the template's folder",
            ]
        );
        assert!(manifest.contains("params = { min = 18, max = 120, n = 4 }\n"), "{manifest}");
        assert!(manifest.contains("shape = [\"n\", 1] # TODO: a number or a parameter for [n + 1]\n"));
        assert!(manifest.contains("name = \"tag\"\npublic = true\n"), "{manifest}");
    }

    #[test]
    fn a_source_with_placeholders_stays_as_it_is() {
        let source = CIRCUIT.replace("18, 120, [1, 2], 4", "{{a}}, {{b}}, {{c}}, {{d}}");
        let scaffold = Scaffold::new(&name(), &source).unwrap();
        assert_eq!(scaffold.source, source);
        assert!(scaffold.manifest.contains("params = {} # TODO: a, b, c, d\n"), "{}", scaffold.manifest);
        let sizes = scaffold.manifest.matches("type = \"uint\"").count();
        assert_eq!(sizes, 1, "{}", scaffold.manifest);
    }

    #[test]
    fn only_the_example_is_missing_from_the_manifest() {
        let Scaffold { source, manifest, .. } = Scaffold::new(&name(), CIRCUIT).unwrap();
        let TemplateError::Invalid { findings, .. } =
            Template::parse(name(), &manifest, &source, &[]).unwrap_err()
        else {
            panic!()
        };
        let found: Vec<String> = findings.iter().map(|finding| finding.message.clone()).collect();
        assert_eq!(found, ["example.inputs.values: missing", "example.inputs.tag: missing"]);
    }

    #[test]
    fn an_existing_folder_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let scaffold = Scaffold::new(&name(), CIRCUIT).unwrap();
        let target = folder.path().join("a/range");
        scaffold.write(&target).unwrap();
        assert!(target.join("vectors").is_dir());
        assert_eq!(scaffold.write(&target).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
