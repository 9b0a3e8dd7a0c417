//! Renders parameters into the source of a template.

use std::fmt;

use handlebars::Handlebars;
use serde_json::{Map, Value};

use super::manifest::Manifest;
use super::params::Params;
use super::tokens::{self, Token};
use super::{Template, TemplateError};

/// Puts parameters into a template's source.
///
/// # Behaviour
/// - The same template and parameters give the same source.
/// - The tokens of the source are those of the template, with each placeholder replaced. The replacement is
///   the parameter's numeric literal, or a bracketed list of literals for an array.
/// - An implementation calls [`check_rendering`] before it returns.
pub trait TemplateEngine: fmt::Debug + Send + Sync + 'static {
    /// Renders `template` with `params`.
    ///
    /// # Errors
    /// [`TemplateError::Render`] if the engine or the check fails. Neither happens with parameters of this
    /// template and a [`HandlebarsEngine`].
    fn render(&self, template: &Template, params: &Params) -> Result<String, TemplateError>;
}

/// Replaces placeholders with Handlebars: strict mode, no HTML escaping, plain substitution only.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandlebarsEngine;

impl TemplateEngine for HandlebarsEngine {
    fn render(&self, template: &Template, params: &Params) -> Result<String, TemplateError> {
        let literals: Map<String, Value> =
            params.iter().map(|(name, value)| (name.to_owned(), value.to_literal().into())).collect();
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        handlebars.register_escape_fn(handlebars::no_escape);
        let rendered = handlebars.render_template(&template.source, &literals).map_err(|error| {
            TemplateError::Render { template: template.name.clone(), reason: error.to_string() }
        })?;
        check_rendering(template, params, &rendered)?;
        Ok(rendered)
    }
}

/// Checks that `rendered` is the template with every placeholder replaced by its parameter's literal.
/// Compares token by token, ignoring white space and comments.
///
/// # Errors
/// [`TemplateError::Render`] names the first token that differs.
pub fn check_rendering(template: &Template, params: &Params, rendered: &str) -> Result<(), TemplateError> {
    compare(&template.source, params, rendered)
        .map_err(|reason| TemplateError::Render { template: template.name.clone(), reason })
}

fn compare(source: &str, params: &Params, rendered: &str) -> Result<(), String> {
    let literals: Vec<(&str, String)> =
        params.iter().map(|(name, value)| (name, value.to_literal())).collect();
    let mut expected = Vec::new();
    for token in tokens::template(source)? {
        match token {
            Token::Placeholder(name) => {
                let (_, literal) = literals
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| format!("there is no parameter {name}"))?;
                expected.extend(tokens::rendered(literal)?);
            }
            token => expected.push(token),
        }
    }
    let found = tokens::rendered(rendered)?;
    if expected == found {
        return Ok(());
    }
    let same = expected.iter().zip(&found).take_while(|(expected, found)| expected == found).count();
    Err(format!(
        "token {same}: expected {:?}, found {:?}; only the literals of parameters may differ",
        expected.get(same),
        found.get(same)
    ))
}

/// Checks that source and manifest agree on placeholders and public inputs.
pub(super) fn check_source(source: &str, manifest: &Manifest) -> Result<(), String> {
    let tokens = tokens::template(source)?;
    for token in &tokens {
        if let Token::Placeholder(name) = token
            && manifest.parameter(name).is_none()
        {
            return Err(format!("{{{{{name}}}}} is not a parameter of the manifest"));
        }
    }
    if let Some(spec) =
        manifest.parameters.iter().find(|spec| !tokens.contains(&Token::Placeholder(&spec.name)))
    {
        return Err(format!("the parameter {} has no placeholder", spec.name));
    }
    let mut public: Vec<&str> = public_inputs(&tokens)?;
    let mut declared: Vec<&str> =
        manifest.inputs.iter().filter(|input| input.public).map(|input| input.name.as_str()).collect();
    public.sort_unstable();
    declared.sort_unstable();
    if public != declared {
        return Err(format!(
            "public inputs differ: main component [{}], manifest [{}]",
            public.join(", "),
            declared.join(", ")
        ));
    }
    Ok(())
}

/// The names in `component main {public [...]}`.
fn public_inputs<'a>(tokens: &[Token<'a>]) -> Result<Vec<&'a str>, String> {
    let mains: Vec<usize> = (0..tokens.len())
        .filter(|&at| tokens[at..].starts_with(&[Token::Word("component"), Token::Word("main")]))
        .collect();
    let [main] = mains[..] else {
        return Err("expected exactly one main component".to_owned());
    };
    let list = [Token::Symbol('{'), Token::Word("public"), Token::Symbol('[')];
    let Some(names) = tokens[main + 2..].strip_prefix(&list) else {
        return Ok(Vec::new());
    };
    let end = names.iter().position(|token| *token == Token::Symbol(']')).unwrap_or(names.len());
    Ok(names[..end]
        .iter()
        .filter_map(|token| if let Token::Word(name) = token { Some(*name) } else { None })
        .collect())
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
