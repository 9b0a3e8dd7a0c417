//! The available templates: the built-in ones, and those in the user's folders.

use std::collections::BTreeMap;
use std::path::Path;

use super::folder::read_folder;
use super::{Template, TemplateError, TemplateName};

/// Templates by unique name.
#[derive(Debug, Clone)]
pub struct TemplateLibrary {
    templates: BTreeMap<TemplateName, Template>,
    allow_override: bool,
}

/// Embeds a folder of `templates/` in the binary.
macro_rules! builtin {
    ($name:literal) => {
        Builtin {
            name: $name,
            manifest: include_str!(concat!("../../templates/", $name, "/manifest.toml")),
            source: include_str!(concat!("../../templates/", $name, "/template.circom")),
            prove: include_str!(concat!("../../templates/", $name, "/vectors/prove.json")),
            refuse: include_str!(concat!("../../templates/", $name, "/vectors/refuse.json")),
        }
    };
}

struct Builtin {
    name: &'static str,
    manifest: &'static str,
    source: &'static str,
    prove: &'static str,
    refuse: &'static str,
}

const BUILTIN: [Builtin; 6] = [
    builtin!("batchRangeCheck"),
    builtin!("eddsaSignature"),
    builtin!("merkleMembership"),
    builtin!("poseidonPreimage"),
    builtin!("rangeCheck"),
    builtin!("sha256Preimage"),
];

impl TemplateLibrary {
    /// The built-in templates.
    pub fn builtin() -> Self {
        let template = |builtin: &Builtin| {
            let vectors = [
                ("vectors/prove.json".to_owned(), builtin.prove.to_owned()),
                ("vectors/refuse.json".to_owned(), builtin.refuse.to_owned()),
            ];
            // Expect safety: the texts are constants, and a test parses them all.
            let name: TemplateName = builtin.name.parse().expect("a built-in name is valid");
            let template = Template::parse(name, builtin.manifest, builtin.source, &vectors)
                .expect("a built-in template is valid");
            (template.name.clone(), template)
        };
        Self { templates: BUILTIN.iter().map(template).collect(), allow_override: false }
    }

    /// No templates.
    pub fn empty() -> Self {
        Self { templates: BTreeMap::new(), allow_override: false }
    }

    /// Whether a template of a folder may replace the built-in one of the same name; `false` by default.
    pub fn allow_override(mut self, allow: bool) -> Self {
        self.allow_override = allow;
        self
    }

    /// Adds the templates of `folder`, as [`read_folder`] finds them.
    ///
    /// # Errors
    /// - Those of [`read_folder`] and of the first template that cannot be used.
    /// - [`TemplateError::Builtin`]: a template has the name of a built-in one, which it
    ///   [may not replace](Self::allow_override).
    /// - [`TemplateError::Duplicate`]: another folder has a template of this name.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, TemplateError> {
        for found in read_folder(folder)? {
            self.add(found.template?)?;
        }
        Ok(self)
    }

    /// Adds the templates of `folder`, and returns the errors of those that cannot be used: they are left out. If one was to
    /// [replace](Self::allow_override) a built-in template, that is removed too: it would give other circuits under the name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn add_folder(&mut self, folder: &Path) -> Result<Vec<TemplateError>, TemplateError> {
        let mut errors = Vec::new();
        for found in read_folder(folder)? {
            let name = found.name();
            let Err(error) = found.template.and_then(|template| self.add(template)) else { continue };
            errors.push(error);
            if let Some(name) = name.filter(|_| self.allow_override) {
                self.templates.retain(|present, template| *present != name || template.path.is_some());
            }
        }
        Ok(errors)
    }

    fn add(&mut self, template: Template) -> Result<(), TemplateError> {
        let path = |template: &Template| {
            template
                .path
                .as_ref()
                .map_or_else(|| "a built-in one".to_owned(), |path| path.display().to_string())
        };
        match self.templates.get(&template.name) {
            Some(Template { path: None, .. }) if !self.allow_override => {
                Err(TemplateError::Builtin { path: path(&template), name: template.name })
            }
            Some(first @ Template { path: Some(_), .. }) => Err(TemplateError::Duplicate {
                first: path(first),
                second: path(&template),
                name: template.name,
            }),
            _ => {
                self.templates.insert(template.name.clone(), template);
                Ok(())
            }
        }
    }

    /// The template with this name.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`] lists the available names.
    pub fn get(&self, name: &TemplateName) -> Result<&Template, TemplateError> {
        self.templates.get(name).ok_or_else(|| TemplateError::Unknown {
            name: name.clone(),
            known: self.templates.keys().cloned().collect(),
        })
    }

    /// All templates, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.templates.values()
    }
}
