//! Renders parameters into the source of a template.

use std::fmt;

use handlebars::Handlebars;
use serde_json::{Map, Value};

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

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
