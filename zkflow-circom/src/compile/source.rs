//! A main file and everything it includes, in memory.
//!
//! All files are in one virtual tree. The main file is at its root, and every include root is mounted at
//! that root. The first include root wins if two contain the same path.
//!
//! `include "circomlib/circuits/poseidon.circom"` names the virtual file
//! `circomlib/circuits/poseidon.circom`, wherever circomlib is installed. The [digest] of a tree is
//! therefore the same on every machine.
//!
//! An include is searched relative to the including file first, then from the root, as in circom.
//!
//! [digest]: SourceTree::digest

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::CompileError;
use zkflow_groth16::digest::{Digest, Hasher};

mod scan;

pub(super) use scan::includes;

/// Maximum number of files in a tree.
const MAX_FILES: usize = 1024;
/// Maximum total bytes of the files in a tree.
const MAX_BYTES: usize = 32 << 20;
/// Maximum bytes of a virtual path.
const MAX_PATH: usize = 1024;

/// The files visible to a compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree {
    main: String,
    files: Arc<BTreeMap<String, Vec<u8>>>,
}

impl SourceTree {
    /// Reads all direct and indirect includes of `source`, named `file_name`, from `roots`.
    ///
    /// A folder of your own is a root like any other. To compile `dir/main.circom` with its neighbours, put
    /// `dir` first in `roots`.
    ///
    /// # Errors
    /// - [`CompileError::InvalidFileName`]: `file_name` is not a plain name ending in `.circom`.
    /// - [`CompileError::IncludeOutsideRoots`]: an include points outside the roots, by `..`, an absolute
    ///   path or a symbolic link.
    /// - [`CompileError::IncludeNotFound`]: an include is in none of the roots.
    /// - [`CompileError::Limit`]: more than 1024 files, or more than 32 MiB.
    pub fn resolve(file_name: &str, source: &str, roots: &[PathBuf]) -> Result<Self, CompileError> {
        check_file_name(file_name)?;
        let roots = Roots::open(roots)?;
        let mut files = BTreeMap::from([(file_name.to_owned(), source.as_bytes().to_vec())]);
        let mut room = MAX_BYTES.checked_sub(source.len()).ok_or_else(too_large)?;
        let mut pending = vec![file_name.to_owned()];
        while let Some(name) = pending.pop() {
            for include in includes(files.get(&name).map_or(&[], Vec::as_slice)) {
                let place = Place { file: &name, line: include.line, include: &include.path };
                if let Some((path, content)) = roots.find(&place, &files, room)? {
                    room -= content.len();
                    files.insert(path.clone(), content);
                    pending.push(path);
                }
                if files.len() > MAX_FILES {
                    return Err(CompileError::Limit(format!("{MAX_FILES} source files")));
                }
            }
        }
        Ok(Self { main: file_name.to_owned(), files: Arc::new(files) })
    }

    /// The virtual path of the main file.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// Virtual paths and contents, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// SHA-256 over the main file's path, then the path and content of each file in path order. Each field
    /// is preceded by its length.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field(&self.main);
        for (path, content) in self.files() {
            hasher.field(path);
            hasher.field(content);
        }
        hasher.finish()
    }

    /// A tree without files, for runs that compile nothing.
    pub(super) fn empty() -> Self {
        Self { main: String::new(), files: Arc::default() }
    }

    /// A tree without the include check.
    #[cfg(test)]
    pub(super) fn unchecked(main: &str, source: &str) -> Self {
        let files = BTreeMap::from([(main.to_owned(), source.as_bytes().to_vec())]);
        Self { main: main.to_owned(), files: Arc::new(files) }
    }

    pub(super) fn shared_files(&self) -> Arc<BTreeMap<String, Vec<u8>>> {
        Arc::clone(&self.files)
    }
}

/// An include and its place in the source.
struct Place<'a> {
    file: &'a str,
    line: u32,
    include: &'a str,
}

impl Place<'_> {
    /// The possible virtual paths: relative to the including file, then from the root.
    fn candidates(&self) -> Result<Vec<String>, CompileError> {
        let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let absolute = self.include.starts_with('/') || self.include.contains(['\\', '\0']);
        let long = self.include.len() > MAX_PATH;
        let beside = (!absolute && !long).then(|| normalise(folder, self.include)).flatten();
        let from_root = beside.is_some().then(|| normalise("", self.include)).flatten();
        let mut paths: Vec<String> = beside.into_iter().chain(from_root).collect();
        paths.dedup();
        if paths.is_empty() { Err(self.outside()) } else { Ok(paths) }
    }

    fn outside(&self) -> CompileError {
        let (file, include) = (self.file.to_owned(), self.include.to_owned());
        CompileError::IncludeOutsideRoots { file, line: self.line, include }
    }

    fn not_found(&self) -> CompileError {
        let (file, include) = (self.file.to_owned(), self.include.to_owned());
        CompileError::IncludeNotFound { file, line: self.line, include }
    }
}

/// The include roots as canonical paths.
struct Roots(Vec<PathBuf>);

impl Roots {
    fn open(roots: &[PathBuf]) -> Result<Self, CompileError> {
        let open = |root: &PathBuf| {
            root.canonicalize().map_err(|e| CompileError::Io(format!("include root {}: {e}", root.display())))
        };
        roots.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Path and content of the included file; `None` if it is already known.
    fn find(
        &self,
        place: &Place<'_>,
        known: &BTreeMap<String, Vec<u8>>,
        room: usize,
    ) -> Result<Option<(String, Vec<u8>)>, CompileError> {
        for path in place.candidates()? {
            if known.contains_key(&path) {
                return Ok(None);
            }
            for root in &self.0 {
                if let Some(content) = read_within(root, &path, place, room)? {
                    return Ok(Some((path, content)));
                }
            }
        }
        Err(place.not_found())
    }
}

/// The content of a regular file below `root`; `None` if there is no such file.
fn read_within(
    root: &Path,
    path: &str,
    place: &Place<'_>,
    room: usize,
) -> Result<Option<Vec<u8>>, CompileError> {
    let Ok(real) = root.join(path).canonicalize() else { return Ok(None) };
    if !real.starts_with(root) {
        return Err(place.outside());
    }
    if !real.is_file() {
        return Ok(None);
    }
    let mut content = Vec::new();
    File::open(&real)
        .and_then(|file| file.take(room as u64 + 1).read_to_end(&mut content))
        .map_err(|e| CompileError::Io(format!("{path}: {e}")))?;
    if content.len() > room { Err(too_large()) } else { Ok(Some(content)) }
}

/// Resolves `path` against `folder` and removes `.` and `..`; `None` if it leaves the root.
pub(super) fn normalise(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn check_file_name(name: &str) -> Result<(), CompileError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let stem = name.strip_suffix(".circom").unwrap_or_default();
    let good = name.len() <= 128
        && stem.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && name.bytes().all(plain);
    if good { Ok(()) } else { Err(CompileError::InvalidFileName(name.to_owned())) }
}

fn too_large() -> CompileError {
    CompileError::Limit(format!("{} MiB of source", MAX_BYTES >> 20))
}

#[cfg(test)]
mod tests;
