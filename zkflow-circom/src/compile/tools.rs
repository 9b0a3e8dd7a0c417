//! Finds the tools that run beside ZKFlow: circom, circomlib, solc, anvil. They are npm packages; no part of them is
//! linked or embedded.

use std::env;
use std::path::PathBuf;

use zkflow_groth16::error::{Classified, ErrorKind};

mod folders;
mod pinned;

pub use folders::{Package, Place, ToolFolders, package_version};
pub use pinned::{PinError, PinnedFile, PinnedPackage, pinned};

/// npm package of the compiler.
const CIRCOM: &str = "circom2";
/// The compiler in its package.
const CIRCOM_WASM: &str = "circom.wasm";
/// npm package of the library.
const CIRCOMLIB: &str = "circomlib";

/// The files and folders needed to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircomTools {
    /// The circom compiler as WebAssembly, from the npm package `circom2`.
    pub circom_wasm: PathBuf,
    /// Folders searched for includes: those of `CIRCOM_LIBS`, or else the one that contains `circomlib`.
    pub include_roots: Vec<PathBuf>,
}

impl CircomTools {
    /// Uses `CIRCOM_WASM` (a file) and `CIRCOM_LIBS` (folders, separated as in `PATH`). [`ToolFolders`] is
    /// searched for each variable that is not set.
    ///
    /// # Errors
    /// There is no compiler, or a file of it or of circomlib was altered.
    pub fn discover() -> Result<Self, ToolsError> {
        Given::of_environment().find(&ToolFolders::new())
    }

    /// The include folders alone, for another compiler: those of `CIRCOM_LIBS`, or else the one that contains
    /// circomlib. Empty if circomlib is not installed.
    ///
    /// # Errors
    /// A file of circomlib was altered.
    pub fn include_roots() -> Result<Vec<PathBuf>, ToolsError> {
        Given::of_environment().include_roots(&ToolFolders::new())
    }
}

/// Values of the environment variables.
#[derive(Default)]
struct Given {
    circom_wasm: Option<PathBuf>,
    libs: Option<Vec<PathBuf>>,
}

impl Given {
    fn of_environment() -> Self {
        Self {
            circom_wasm: env::var_os("CIRCOM_WASM").map(PathBuf::from),
            libs: env::var_os("CIRCOM_LIBS").map(|libs| env::split_paths(&libs).collect()),
        }
    }

    fn find(self, folders: &ToolFolders) -> Result<CircomTools, ToolsError> {
        let circom_wasm = match &self.circom_wasm {
            Some(file) if file.is_file() => file.clone(),
            Some(file) => return Err(ToolsError::NoSuchFile(file.clone())),
            None => folders.find(CIRCOM)?.ok_or(ToolsError::NoCompiler)?.path.join(CIRCOM_WASM),
        };
        Ok(CircomTools { circom_wasm, include_roots: self.include_roots(folders)? })
    }

    fn include_roots(self, folders: &ToolFolders) -> Result<Vec<PathBuf>, ToolsError> {
        match self.libs {
            Some(folders) => Ok(folders),
            None => Ok(folders.find(CIRCOMLIB)?.map(|package| package.modules).into_iter().collect()),
        }
    }
}

/// A tool was not found, or is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolsError {
    /// `CIRCOM_WASM` does not name a file.
    #[error("CIRCOM_WASM: {} is not a file", .0.display())]
    NoSuchFile(PathBuf),
    /// The compiler is in none of the searched folders.
    #[error("circom is not installed: run `zkflow setup`, or set ZKFLOW_TOOLS or CIRCOM_WASM")]
    NoCompiler,
    /// An installed package is not the pinned one.
    #[error(
        "the files of {package} are not those that zkflow installs: {reason}; run `zkflow setup`, or set {} to use \
         another version",
        variable(package)
    )]
    Altered {
        /// Name of the package.
        package: &'static str,
        /// The first file that differs.
        reason: String,
    },
}

/// The variable that sets a tool of another version.
fn variable(package: &str) -> &'static str {
    match package {
        CIRCOM => "CIRCOM_WASM",
        CIRCOMLIB => "CIRCOM_LIBS",
        _ => "SOLC_PATH",
    }
}

impl Classified for ToolsError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFile(_) | Self::NoCompiler => "circom_not_found",
            Self::Altered { .. } => "tool_altered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_first_and_libraries_are_independent_of_the_compiler() {
        let folders = ToolFolders::new();
        let found = Given::default().find(&folders).unwrap();
        let modules = folders.find(CIRCOM).unwrap().unwrap().modules;
        assert_eq!(found.circom_wasm, modules.join(CIRCOM).join(CIRCOM_WASM));
        assert_eq!(found.include_roots, std::slice::from_ref(&modules));

        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.wasm");
        std::fs::write(&own, "").unwrap();
        let given = Given { circom_wasm: Some(own.clone()), libs: Some(vec![]) };
        let found = given.find(&folders).unwrap();
        assert_eq!(found.circom_wasm, own);
        assert!(found.include_roots.is_empty());
    }

    #[test]
    fn own_files_are_used_without_a_look_at_altered_packages() {
        let folder = tempfile::tempdir().unwrap();
        for package in [CIRCOM, CIRCOMLIB] {
            let package = folder.path().join("node_modules").join(package);
            std::fs::create_dir_all(&package).unwrap();
            std::fs::write(package.join("package.json"), "{}").unwrap();
        }
        let folders = ToolFolders::default().with(Place::Named, Some(folder.path().to_owned()));
        assert!(matches!(Given::default().find(&folders), Err(ToolsError::Altered { package: CIRCOM, .. })));
        let own = folder.path().join("own.wasm");
        std::fs::write(&own, "").unwrap();
        let given = || Given { circom_wasm: Some(own.clone()), libs: None };
        assert!(matches!(given().find(&folders), Err(ToolsError::Altered { package: CIRCOMLIB, .. })));
        assert!(Given { libs: Some(vec![]), ..given() }.find(&folders).is_ok());
    }

    #[test]
    fn missing_compiler_is_an_error_that_says_how_to_get_it() {
        let error = Given::default().find(&ToolFolders::default()).unwrap_err();
        assert!(error.to_string().contains("zkflow setup"));
        let folder = tempfile::tempdir().unwrap();
        let given = Given { circom_wasm: Some(folder.path().join("x")), ..Given::default() };
        assert!(matches!(given.find(&ToolFolders::default()), Err(ToolsError::NoSuchFile(_))));
    }
}
