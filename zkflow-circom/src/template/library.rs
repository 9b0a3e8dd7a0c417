//! The available templates: the built-in ones, and those in the user's folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{MANIFEST, SOURCE, Template, TemplateError};
use crate::template::TemplateName;

/// Templates by unique name.
#[derive(Debug, Clone)]
pub struct TemplateLibrary(BTreeMap<TemplateName, Template>);

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
            Template::parse(name, builtin.manifest, builtin.source, &vectors)
                .expect("a built-in template is valid")
        };
        Self(BUILTIN.iter().map(template).map(|template| (template.name.clone(), template)).collect())
    }

    /// Adds the templates of `folder`: each subfolder is a template of that name. If `folder` contains a
    /// `manifest.toml`, it is the only template.
    ///
    /// # Behaviour
    /// - Hidden entries, and plain files beside the template folders, are ignored.
    /// - Symbolic links inside the folder are refused, so that no file outside it is read.
    ///
    /// # Errors
    /// - [`TemplateError::Folder`]: an entry is unreadable, a link, too large or badly named; the error
    ///   contains its path.
    /// - [`TemplateError::Invalid`]: a template's file is malformed.
    /// - [`TemplateError::Duplicate`]: the name is already used, by a built-in template or in another
    ///   folder.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, TemplateError> {
        let root = folder.canonicalize().map_err(|error| unusable(folder, error))?;
        let folders = if root.join(MANIFEST).exists() { vec![root] } else { subfolders(&root)? };
        for path in folders {
            let template = load(&path)?;
            if self.0.contains_key(&template.name) {
                return Err(TemplateError::Duplicate {
                    name: template.name,
                    folder: path.display().to_string(),
                });
            }
            self.0.insert(template.name.clone(), template);
        }
        Ok(self)
    }

    /// The template with this name.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`] lists the available names.
    pub fn get(&self, name: &TemplateName) -> Result<&Template, TemplateError> {
        self.0.get(name).ok_or_else(|| TemplateError::Unknown {
            name: name.clone(),
            known: self.0.keys().cloned().collect(),
        })
    }

    /// All templates, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.0.values()
    }
}

fn load(folder: &Path) -> Result<Template, TemplateError> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: TemplateName = name.parse().map_err(|error| unusable(folder, error))?;
    let manifest = read(&folder.join(MANIFEST), MAX_MANIFEST)?;
    let source = read(&folder.join(SOURCE), MAX_SOURCE)?;
    let mut vectors = Vec::new();
    let vector_folder = folder.join("vectors");
    if vector_folder.symlink_metadata().is_ok() {
        for path in entries(&vector_folder)? {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if file.ends_with(".json") {
                vectors.push((format!("vectors/{file}"), read(&path, MAX_VECTORS)?));
            }
        }
    }
    Template::parse(name, &manifest, &source, &vectors)
}

fn subfolders(root: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    Ok(entries(root)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// Entries of a folder, sorted by name, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    refuse_link(folder)?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unusable(folder, error))? {
        let entry = entry.map_err(|error| unusable(folder, error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        refuse_link(&entry.path())?;
        paths.push(entry.path());
        if paths.len() > MAX_ENTRIES {
            return Err(unusable(folder, format!("more than {MAX_ENTRIES} entries")));
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, limit: u64) -> Result<String, TemplateError> {
    refuse_link(path)?;
    let mut text = String::new();
    let file = File::open(path).map_err(|error| unusable(path, error))?;
    file.take(limit + 1).read_to_string(&mut text).map_err(|error| unusable(path, error))?;
    if text.len() as u64 > limit {
        return Err(unusable(path, format!("more than {limit} bytes")));
    }
    Ok(text)
}

/// Refuses symbolic links and special files: reading a pipe might never end.
fn refuse_link(path: &Path) -> Result<(), TemplateError> {
    let kind = path.symlink_metadata().map_err(|error| unusable(path, error))?.file_type();
    if kind.is_symlink() {
        return Err(unusable(path, "symbolic links are not followed"));
    }
    if !kind.is_file() && !kind.is_dir() {
        return Err(unusable(path, "expected a file or a folder"));
    }
    Ok(())
}

fn unusable(path: &Path, reason: impl ToString) -> TemplateError {
    TemplateError::Folder { folder: path.display().to_string(), reason: reason.to_string() }
}

const MAX_MANIFEST: u64 = 64 << 10;
const MAX_SOURCE: u64 = 256 << 10;
const MAX_VECTORS: u64 = 1 << 20;
const MAX_ENTRIES: usize = 256;
