//! A main file and everything it includes, in memory.
//!
//! [`SourceSearch`] finds the includes on the machine. Each file gets a path in the tree of its own, as far as
//! possible the one that the sources have for it. `include "circomlib/circuits/poseidon.circom"` names the file
//! `circomlib/circuits/poseidon.circom`, wherever circomlib is installed. The [digest] of a tree is therefore the
//! same on every machine.
//!
//! circom searches an include beside the including file first, then from the root of the tree. An include that
//! would lead it to another file than the search found is replaced by the path from file to file. So the compiler
//! reads exactly the files that were found.
//!
//! [digest]: SourceTree::digest

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::CompileError;
use zkflow_groth16::digest::{Digest, Hasher};

mod name;
mod scan;
mod search;

pub(super) use name::normalise;
pub use search::{SourceLimits, SourceSearch};

/// The files visible to a compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree {
    main: String,
    files: Arc<BTreeMap<String, Vec<u8>>>,
    /// Path in messages by path in the tree, where they differ.
    shown: Arc<BTreeMap<String, String>>,
}

impl SourceTree {
    /// Reads all direct and indirect includes of `source`, named `file_name`, from `roots`: a [`SourceSearch`] for a
    /// main file in no folder.
    ///
    /// # Errors
    /// See [`SourceSearch::resolve`].
    pub fn resolve(file_name: &str, source: &str, roots: &[PathBuf]) -> Result<Self, CompileError> {
        SourceSearch::new(roots).resolve(file_name, source)
    }

    /// The path of the main file in the tree.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// Paths in the tree and contents, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// The path for messages of the file at `path` in the tree: relative to the main file, or to an include root.
    pub(super) fn shown<'a>(&'a self, path: &'a str) -> &'a str {
        self.shown.get(path).map_or(path, String::as_str)
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
        Self { main: String::new(), files: Arc::default(), shown: Arc::default() }
    }

    /// A tree without the include check.
    #[cfg(test)]
    pub(super) fn unchecked(main: &str, source: &str) -> Self {
        let files = BTreeMap::from([(main.to_owned(), source.as_bytes().to_vec())]);
        Self { main: main.to_owned(), files: Arc::new(files), shown: Arc::default() }
    }

    pub(super) fn shared_files(&self) -> Arc<BTreeMap<String, Vec<u8>>> {
        Arc::clone(&self.files)
    }
}
