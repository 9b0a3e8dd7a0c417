//! Infers a manifest from circom source: parameters from the placeholders, inputs and outputs from the signals
//! of the main template, public inputs from `{public [...]}`.

use super::manifest::{CompileSpec, Dim, Example, Manifest, OutputSpec, ParamKind, ParamSpec, SignalSpec};
use super::name::is_reserved;
use super::source::{Definition, Expression, Main, Source};
use super::tokens::Token;
use super::{Finding, SOURCE, TemplateName};
use crate::inputs::NumberRule;

/// Parameters and signals of a source.
#[derive(Debug)]
pub(super) struct Inferred<'a> {
    /// Placeholders, in the order of the source.
    pub(super) parameters: Vec<Parameter<'a>>,
    pub(super) inputs: Vec<SignalSpec>,
    pub(super) outputs: Vec<OutputSpec>,
}

/// A placeholder.
#[derive(Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    /// Whether it is a size of an input or output, and therefore an unsigned integer.
    pub(super) is_size: bool,
}

/// Reads parameters and signals from a source.
///
/// A size that is neither a number nor a placeholder becomes a [`Dim::Param`] with the text of the expression.
///
/// # Errors
/// Every fault of the placeholders, or the reason why the signals cannot be found.
pub(super) fn infer(text: &str) -> Result<Inferred<'_>, Vec<Finding>> {
    let (source, mut findings) = Source::read(text);
    for (name, line) in source.placeholders().filter(|(name, _)| is_reserved(name)) {
        let message = format!("{{{{{name}}}}}: {name} is a reserved word of Handlebars; choose another name");
        findings.push(Finding::error(SOURCE, Some(line), message));
    }
    let signals = match main_template(&source) {
        Ok((main, definition, arguments)) => Some((main.public, definition, arguments)),
        Err(finding) => {
            findings.push(*finding);
            None
        }
    };
    let Some((public, definition, arguments)) = signals.filter(|_| findings.is_empty()) else {
        return Err(findings);
    };
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    for (name, _) in source.placeholders() {
        if parameters.iter().all(|known| known.name != name) {
            parameters.push(Parameter { name, is_size: false });
        }
    }
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for signal in &definition.signals {
        let size = |size: &Expression<'_>| dim(text, size, &definition, &arguments);
        let mut shape: Vec<Dim> = signal.sizes.iter().map(size).collect();
        if signal.is_bus {
            shape.push(Dim::Param("values of the bus".to_owned()));
        }
        let name = signal.name.to_owned();
        for size in &shape {
            if let Dim::Param(size) = size
                && let Some(parameter) = parameters.iter_mut().find(|known| known.name == size)
            {
                parameter.is_size = true;
            }
        }
        let description = String::new();
        match signal.is_input {
            true => {
                let public = public.contains(&signal.name);
                inputs.push(SignalSpec { name, shape, public, description, bus: signal.is_bus });
            }
            false => outputs.push(OutputSpec { name, shape, description }),
        }
    }
    Ok(Inferred { parameters, inputs, outputs })
}

/// The main component, the definition of its template, and its arguments.
///
/// # Errors
/// There is no main component, or its template is in another file.
pub(super) fn main_template<'a>(
    source: &Source<'a>,
) -> Result<(Main<'a>, Definition<'a>, Vec<Expression<'a>>), Box<Finding>> {
    let mut main = source.main()?;
    let unknown = |message: String| Box::new(Finding::error(SOURCE, Some(main.line), message));
    let Some((name, arguments)) = main.call.take() else {
        return Err(unknown("expected component main = TEMPLATE(ARGUMENTS);".to_owned()));
    };
    let definition = source.definition(name).ok_or_else(|| {
        unknown(format!("the main template {name} is in another file: its inputs cannot be inferred"))
    })?;
    Ok((main, definition, arguments))
}

/// The size of a signal in terms of the main component's arguments.
fn dim(text: &str, size: &Expression<'_>, definition: &Definition<'_>, arguments: &[Expression<'_>]) -> Dim {
    let argument = |name: &str| {
        let at = definition.parameters.iter().position(|known| *known == name)?;
        arguments.get(at)
    };
    let of_token = |token: &Token<'_>| match token {
        Token::Number(number) => number.parse().ok().map(Dim::Size),
        Token::Placeholder(name) => Some(Dim::Param((*name).to_owned())),
        _ => None,
    };
    let read = match &size.tokens[..] {
        [Token::Word(name)] => match argument(name).map(|argument| &argument.tokens[..]) {
            Some([token]) => of_token(token),
            _ => None,
        },
        [token] => of_token(token),
        _ => None,
    };
    read.unwrap_or_else(|| Dim::Param(text[size.place.clone()].to_owned()))
}

/// The manifest of a source without one: parameters are field elements without a range.
///
/// # Errors
/// Those of [`infer`].
pub(super) fn manifest(name: &TemplateName, text: &str) -> Result<Manifest, Vec<Finding>> {
    let Inferred { parameters, inputs, outputs } = infer(text)?;
    let parameters = parameters
        .into_iter()
        .map(|parameter| ParamSpec {
            name: parameter.name.to_owned(),
            kind: ParamKind::Field,
            description: String::new(),
            min: None,
            max: None,
            length: None,
            default: None,
        })
        .collect();
    Ok(Manifest {
        title: name.to_string(),
        description: "Inferred from the source; there is no manifest.".to_owned(),
        parameters,
        checks: Vec::new(),
        inputs,
        compile: CompileSpec::default(),
        keys: Vec::new(),
        numbers: NumberRule::Exact,
        outputs,
        example: Example::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE_TEXT: &str = "template T(n, limit) {
    signal input amounts[n][2];
    signal input invoice;
    signal output rest[n + 1];
}
component main {public [invoice]} = T({{n}}, {{limit}});";

    #[test]
    fn parameters_and_signals_are_those_of_the_source() {
        let inferred = infer(SOURCE_TEXT).unwrap();
        let parameters: Vec<_> = inferred.parameters.iter().map(|one| (one.name, one.is_size)).collect();
        assert_eq!(parameters, [("n", true), ("limit", false)]);
        assert_eq!(inferred.inputs[0].shape, [Dim::Param("n".into()), Dim::Size(2)]);
        assert_eq!((inferred.inputs[0].public, inferred.inputs[1].public), (false, true));
        assert_eq!(inferred.outputs[0].shape, [Dim::Param("n + 1".into())]);
    }

    #[test]
    fn a_loose_source_has_field_elements_without_a_range() {
        let manifest = manifest(&"t".parse().unwrap(), SOURCE_TEXT).unwrap();
        assert!(manifest.parameters.iter().all(|one| one.kind == ParamKind::Field && one.max.is_none()));
        assert!(manifest.example.is_empty());
    }

    #[test]
    fn what_cannot_be_inferred_is_said() {
        let elsewhere = "include \"t.circom\";\ncomponent main = T({{n}});";
        let findings = infer(elsewhere).unwrap_err();
        assert_eq!(findings[0].line, Some(2));
        assert!(findings[0].message.contains("T is in another file"), "{findings:?}");
        let several = "template T(a) { signal input x; }\ncomponent main = T({{this}});\nvar y = x{{b}};";
        assert_eq!(infer(several).unwrap_err().len(), 2);
    }
}
