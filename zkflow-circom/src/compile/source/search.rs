//! [`SourceSearch`]: finds includes as circom finds them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::SourceTree;
use super::name::{climb, folder_of, free, is_direct, normalise, relative};
use super::scan::{Include, includes};
use crate::compile::{CompileError, CompileLimit};

/// Limits of a source tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Maximum number of files.
    pub files: usize,
    /// Maximum bytes of all files together.
    pub bytes: usize,
}

impl Default for SourceLimits {
    /// 1024 files, 32 MiB.
    fn default() -> Self {
        Self { files: 1024, bytes: 32 << 20 }
    }
}

/// The folders of a compilation, and the search for includes in them.
///
/// # Behaviour
/// - An include is searched beside the including file, then in each root in order. `..` and symbolic links are
///   followed. These are circom's rules.
/// - Files with equal real paths are one file.
/// - A file outside the [allowed](Self::within) folders is an error. The search does not go on, because circom
///   would use this file.
#[derive(Debug, Clone, Default)]
pub struct SourceSearch {
    beside: Option<PathBuf>,
    roots: Vec<PathBuf>,
    allowed: Option<Vec<PathBuf>>,
    limits: SourceLimits,
}

impl SourceSearch {
    /// A search in `roots`, the folders of circom's option `-l`. Files outside them are refused.
    pub fn new(roots: &[PathBuf]) -> Self {
        let roots = roots.to_vec();
        Self { beside: None, allowed: Some(roots.clone()), roots, limits: SourceLimits::default() }
    }

    /// Sets the folder of the main file. Its files are allowed (default: `None`, the main file is in no folder).
    #[must_use]
    pub fn beside(mut self, folder: Option<&Path>) -> Self {
        self.beside = folder.map(Path::to_owned);
        self.allowed.iter_mut().for_each(|allowed| allowed.extend(folder.map(Path::to_owned)));
        self
    }

    /// Adds roots that are searched first. They must be in an allowed folder.
    #[must_use]
    pub fn first(mut self, roots: impl IntoIterator<Item = PathBuf>) -> Self {
        self.roots.splice(0..0, roots);
        self
    }

    /// Allows every file that this process can read.
    #[must_use]
    pub fn anywhere(mut self) -> Self {
        self.allowed = None;
        self
    }

    /// Refuses files outside `folders`, except those in the roots.
    #[must_use]
    pub fn within(mut self, folders: &[PathBuf]) -> Self {
        self.allowed = Some(folders.iter().chain(&self.roots).cloned().collect());
        self
    }

    /// Sets the limits (default: 1024 files, 32 MiB).
    #[must_use]
    pub fn limits(mut self, limits: SourceLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads all direct and indirect includes of `source`, the main file with the name `file_name`.
    ///
    /// # Errors
    /// - [`CompileError::InvalidFileName`]: `file_name` is not the name of a file.
    /// - [`CompileError::IncludeOutsideRoots`]: an include leads out of the allowed folders, by `..`, an absolute
    ///   path or a symbolic link.
    /// - [`CompileError::IncludeNotFound`]: an include does not exist.
    /// - [`CompileError::Limit`]: the files exceed a limit.
    pub fn resolve(&self, file_name: &str, source: &str) -> Result<SourceTree, CompileError> {
        check_file_name(file_name)?;
        let room = self.limits.bytes.checked_sub(source.len()).ok_or_else(|| self.too_large())?;
        let mut gathering =
            Gathering { search: self.opened()?, room, files: BTreeMap::new(), ..Gathering::default() };
        gathering.add_main(file_name, source);
        while let Some(name) = gathering.pending.pop() {
            gathering.follow(&name)?;
        }
        Ok(gathering.into_tree())
    }

    /// The search with canonical folders.
    fn opened(&self) -> Result<Self, CompileError> {
        let open = |root: &PathBuf| {
            root.canonicalize().map_err(|e| CompileError::Io(format!("include root {}: {e}", root.display())))
        };
        let all = |folders: &[PathBuf]| folders.iter().map(open).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            beside: self.beside.as_ref().map(open).transpose()?,
            roots: all(&self.roots)?,
            allowed: self.allowed.as_deref().map(all).transpose()?,
            limits: self.limits,
        })
    }

    fn allows(&self, path: &Path) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|folder| path.starts_with(folder)))
    }

    fn too_large(&self) -> CompileError {
        CompileError::Limit(CompileLimit::Source(self.limits.bytes))
    }
}

/// An include that was found.
struct Found {
    /// The canonical path.
    real: PathBuf,
    /// Whether it was beside the including file.
    is_beside: bool,
}

/// A tree while it grows.
#[derive(Default)]
struct Gathering {
    search: SourceSearch,
    files: BTreeMap<String, Vec<u8>>,
    /// Path in messages by path in the tree, where they differ.
    shown: BTreeMap<String, String>,
    /// Path in the tree by canonical path.
    known: HashMap<PathBuf, String>,
    /// Real folder of each file; none for a main file that is in no folder.
    folders: HashMap<String, PathBuf>,
    /// Includes of each file with their targets.
    links: HashMap<String, Vec<(Include, String)>>,
    main: String,
    /// Files with includes that were not followed yet.
    pending: Vec<String>,
    /// Bytes until the limit.
    room: usize,
}

impl Gathering {
    fn add_main(&mut self, file_name: &str, source: &str) {
        self.main = free(&self.files, Some(file_name), file_name);
        if let Some(folder) = &self.search.beside {
            self.folders.insert(self.main.clone(), folder.clone());
            if let Ok(real) = folder.join(file_name).canonicalize() {
                self.known.insert(real, self.main.clone());
            }
        }
        self.insert(self.main.clone(), source.as_bytes().to_vec(), file_name.to_owned());
    }

    /// Finds the includes of the file `name`.
    fn follow(&mut self, name: &str) -> Result<(), CompileError> {
        let mut links = Vec::new();
        for include in includes(self.files.get(name).map_or(&[], Vec::as_slice)) {
            let found = self.find(name, &include)?;
            let target = match self.known.get(&found.real) {
                Some(target) => target.clone(),
                None => self.add(name, &include, found)?,
            };
            links.push((include, target));
        }
        self.links.insert(name.to_owned(), links);
        Ok(())
    }

    fn find(&self, name: &str, include: &Include) -> Result<Found, CompileError> {
        let (file, line) = (self.shown(name).to_owned(), include.line);
        let beside = self.folders.get(name).map(|folder| (folder, true));
        let roots = self.search.roots.iter().map(|root| (root, false));
        for (folder, is_beside) in beside.into_iter().chain(roots) {
            let path = folder.join(&include.path);
            let outside = || CompileError::IncludeOutsideRoots {
                file: file.clone(),
                line,
                include: include.path.clone(),
            };
            // The machine's other folders are not even asked.
            if !self.search.allows(&lexical(&path)) {
                return Err(outside());
            }
            match path.canonicalize() {
                Ok(real) if !self.search.allows(&real) => return Err(outside()),
                Ok(real) if real.is_file() => return Ok(Found { real, is_beside }),
                _ => {}
            }
        }
        Err(CompileError::IncludeNotFound { file, line, include: include.path.clone() })
    }

    /// Reads a new file, and returns its path in the tree: as far as possible the one that `from` has for it.
    fn add(&mut self, from: &str, include: &Include, found: Found) -> Result<String, CompileError> {
        if self.files.len() >= self.search.limits.files {
            return Err(CompileError::Limit(CompileLimit::Files(self.search.limits.files)));
        }
        let (folder, shown_folder) = match found.is_beside {
            true => (folder_of(from), folder_of(self.shown(from))),
            false => ("", ""),
        };
        let is_absolute = include.path.starts_with('/');
        let shown = if is_absolute { include.path.clone() } else { climb(shown_folder, &include.path) };
        let wanted = if is_absolute { None } else { normalise(folder, &include.path) };
        let file_name = found.real.file_name().unwrap_or_default().to_string_lossy();
        let name = free(&self.files, wanted.as_deref(), &file_name);

        let content = self.read(&found.real, &shown)?;
        self.room -= content.len();
        self.folders.insert(name.clone(), found.real.parent().unwrap_or(&found.real).to_owned());
        self.known.insert(found.real, name.clone());
        self.insert(name.clone(), content, shown);
        Ok(name)
    }

    fn insert(&mut self, name: String, content: Vec<u8>, shown: String) {
        self.files.insert(name.clone(), content);
        if shown != name {
            self.shown.insert(name.clone(), shown);
        }
        self.pending.push(name);
    }

    fn read(&self, path: &Path, shown: &str) -> Result<Vec<u8>, CompileError> {
        let mut content = Vec::new();
        File::open(path)
            .and_then(|file| file.take(self.room as u64 + 1).read_to_end(&mut content))
            .map_err(|e| CompileError::Io(format!("{shown}: {e}")))?;
        if content.len() > self.room { Err(self.search.too_large()) } else { Ok(content) }
    }

    fn shown<'a>(&'a self, name: &'a str) -> &'a str {
        self.shown.get(name).map_or(name, String::as_str)
    }

    /// Replaces each include that circom would not find in the tree, or would find another file for.
    fn into_tree(mut self) -> SourceTree {
        for (name, links) in &self.links {
            let folder = folder_of(name);
            let is_wrong = |(include, target): &&(Include, String)| {
                let path = &include.path;
                !is_direct(path) || reached(&self.files, folder, path).as_ref() != Some(target)
            };
            let wrong: Vec<(Include, String)> = links.iter().filter(is_wrong).cloned().collect();
            let Some(content) = self.files.get_mut(name) else { continue };
            for (include, target) in wrong.into_iter().rev() {
                content.splice(include.range, relative(folder, &target).into_bytes());
            }
        }
        SourceTree { main: self.main, files: Arc::new(self.files), shown: Arc::new(self.shown) }
    }
}

/// The file that circom finds in the tree: beside the including file, else from the root.
fn reached(files: &BTreeMap<String, Vec<u8>>, folder: &str, include: &str) -> Option<String> {
    let mut paths = [folder, ""].into_iter().filter_map(|folder| normalise(folder, include));
    paths.find(|path| files.contains_key(path))
}

/// An absolute path without `.` and `..`, as if there were no symbolic links.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn check_file_name(name: &str) -> Result<(), CompileError> {
    let good = name.len() <= 255 && !name.contains(['/', '\0']) && !matches!(name, "" | "." | "..");
    if good { Ok(()) } else { Err(CompileError::InvalidFileName(name.to_owned())) }
}
