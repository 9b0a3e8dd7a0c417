//! Reads folders of templates.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{EXAMPLE, KeyFile, KeySpec, MANIFEST, SOURCE, Template, TemplateError, TemplateName};

/// A template in a folder, or the reason why it cannot be used.
#[derive(Debug)]
pub struct FoundTemplate {
    /// Its folder, or its file if it is a loose one.
    pub path: PathBuf,
    /// The template.
    pub template: Result<Template, TemplateError>,
}

impl FoundTemplate {
    /// The name that the path gives it; `None` if it is not one.
    pub(super) fn name(&self) -> Option<TemplateName> {
        let name = self.path.file_name()?.to_str()?;
        name.strip_suffix(LOOSE).unwrap_or(name).parse().ok()
    }
}

/// Reads the templates of `folder`.
///
/// | the folder contains | templates |
/// |---|---|
/// | `manifest.toml` or `template.circom` | the folder itself |
/// | subfolders | one each, with the name of the subfolder |
/// | `NAME.template.circom` | one each, with an inferred manifest: [`Template::loose`] |
///
/// # Behaviour
/// - Hidden entries and other files are ignored.
/// - A symbolic link inside the folder is a template that cannot be used: no file outside the folder is read.
/// - A template that cannot be used does not hide the others.
///
/// # Errors
/// [`TemplateError::Folder`]: the folder is unreadable or has too many entries.
pub fn read_folder(folder: &Path) -> Result<Vec<FoundTemplate>, TemplateError> {
    let root = folder.canonicalize().map_err(|error| unusable(folder, error))?;
    if root.join(MANIFEST).exists() || root.join(SOURCE).exists() {
        return Ok(vec![FoundTemplate { template: load(&root), path: root }]);
    }
    let found = entries(&root)?.into_iter().filter_map(|path| {
        let template = if let Err(error) = refuse_link(&path) {
            Err(error)
        } else if path.is_dir() {
            load(&path)
        } else {
            let name = path.file_name()?.to_str()?.strip_suffix(LOOSE)?;
            load_loose(&path, name)
        };
        Some(FoundTemplate { path, template })
    });
    Ok(found.collect())
}

fn load(folder: &Path) -> Result<Template, TemplateError> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name: TemplateName = name.parse().map_err(|error| unusable(folder, error))?;
    let manifest = read(&folder.join(MANIFEST), MAX_MANIFEST)?;
    let source = read(&folder.join(SOURCE), MAX_SOURCE)?;
    let mut files = Vec::new();
    let example = folder.join(EXAMPLE);
    if example.symlink_metadata().is_ok() {
        files.push((EXAMPLE.to_owned(), read(&example, MAX_VECTORS)?));
    }
    let vector_folder = folder.join("vectors");
    if vector_folder.symlink_metadata().is_ok() {
        for path in entries(&vector_folder)? {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if file.ends_with(".json") {
                files.push((format!("vectors/{file}"), read(&path, MAX_VECTORS)?));
            }
        }
    }
    let template = Template::parse(name, &manifest, &source, &files)?;
    for file in template.manifest.keys.iter().flat_map(KeySpec::files) {
        file.path_in(folder)?;
    }
    Ok(Template { path: Some(folder.to_owned()), ..template })
}

impl KeyFile {
    /// Path of the file in the folder of its template. Neither it nor a folder above it is a link.
    ///
    /// # Errors
    /// [`TemplateError::Folder`]: there is no such file, or it is below a link.
    pub fn path_in(&self, folder: &Path) -> Result<PathBuf, TemplateError> {
        let mut path = folder.to_owned();
        for part in Path::new(&self.file) {
            path.push(part);
            refuse_link(&path)?;
        }
        if path.is_file() { Ok(path) } else { Err(unusable(&path, "expected a file")) }
    }
}

fn load_loose(path: &Path, name: &str) -> Result<Template, TemplateError> {
    let name: TemplateName = name.parse().map_err(|error| unusable(path, error))?;
    let template = Template::loose(name, &read(path, MAX_SOURCE)?)?;
    Ok(Template { path: Some(path.to_owned()), ..template })
}

/// Entries of a folder, sorted by name, without hidden ones. They can be links.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, TemplateError> {
    refuse_link(folder)?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unusable(folder, error))? {
        let entry = entry.map_err(|error| unusable(folder, error))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
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

/// End of the name of a loose file.
const LOOSE: &str = ".template.circom";
const MAX_MANIFEST: u64 = 64 << 10;
const MAX_SOURCE: u64 = 256 << 10;
const MAX_VECTORS: u64 = 16 << 20;
const MAX_ENTRIES: usize = 256;
