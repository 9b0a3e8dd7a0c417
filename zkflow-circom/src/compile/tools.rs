//! Finds the circom compiler and the include roots of this machine.

use std::env;
use std::path::{Path, PathBuf};

use zkflow_groth16::error::{Classified, ErrorKind};

/// Path of the compiler in a `node_modules` folder.
const CIRCOM_WASM: &str = "circom2/circom.wasm";

/// The files and folders needed to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircomTools {
    /// The circom compiler as WebAssembly, from the npm package `circom2`.
    pub circom_wasm: PathBuf,
    /// Folders searched for includes: those of `CIRCOM_LIBS`, or else the first one that contains
    /// `circomlib`.
    pub include_roots: Vec<PathBuf>,
}

impl CircomTools {
    /// Searches for the compiler and for the include roots independently, in this order:
    /// - `CIRCOM_WASM` (a file) and `CIRCOM_LIBS` (folders, separated as in `PATH`);
    /// - `node_modules` in the folder that `ZKFLOW_TOOLS` names;
    /// - `tools/node_modules` and `node_modules` in the working folder and the folders above it.
    ///
    /// # Errors
    /// [`ToolsError`] if there is no compiler.
    pub fn discover() -> Result<Self, ToolsError> {
        let given = Given {
            circom_wasm: env::var_os("CIRCOM_WASM").map(PathBuf::from),
            libs: env::var_os("CIRCOM_LIBS").map(|libs| env::split_paths(&libs).collect()),
            tools: tools_folder(),
        };
        given.find(&env::current_dir().unwrap_or_default())
    }
}

/// The `node_modules` folder that contains the npm package `name`; same folders as in
/// [`CircomTools::discover`].
pub fn modules_with(name: &str) -> Option<PathBuf> {
    let folders = module_folders(tools_folder().as_deref(), &env::current_dir().unwrap_or_default());
    folders.into_iter().find(|folder| folder.join(name).join("package.json").is_file())
}

fn tools_folder() -> Option<PathBuf> {
    env::var_os("ZKFLOW_TOOLS").map(PathBuf::from)
}

/// Folders that may contain npm packages, in search order.
fn module_folders(tools: Option<&Path>, working_folder: &Path) -> Vec<PathBuf> {
    let above = working_folder
        .ancestors()
        .flat_map(|folder| [folder.join("tools/node_modules"), folder.join("node_modules")]);
    tools.map(|folder| folder.join("node_modules")).into_iter().chain(above).collect()
}

/// Values of the environment variables.
#[derive(Default)]
struct Given {
    circom_wasm: Option<PathBuf>,
    libs: Option<Vec<PathBuf>>,
    tools: Option<PathBuf>,
}

impl Given {
    fn find(self, working_folder: &Path) -> Result<CircomTools, ToolsError> {
        let modules = module_folders(self.tools.as_deref(), working_folder);
        let circom_wasm = match self.circom_wasm {
            Some(file) if file.is_file() => file,
            Some(file) => return Err(ToolsError::NoSuchFile(file)),
            None => modules
                .iter()
                .map(|folder| folder.join(CIRCOM_WASM))
                .find(|file| file.is_file())
                .ok_or(ToolsError::NoCompiler)?,
        };
        let include_roots = self.libs.unwrap_or_else(|| {
            modules.into_iter().find(|folder| folder.join("circomlib").is_dir()).into_iter().collect()
        });
        Ok(CircomTools { circom_wasm, include_roots })
    }
}

/// The circom compiler was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolsError {
    /// `CIRCOM_WASM` does not name a file.
    #[error("CIRCOM_WASM names {}, which is not a file", .0.display())]
    NoSuchFile(PathBuf),
    /// The compiler is in none of the searched folders.
    #[error(
        "circom.wasm was not found: run `make setup`, or run `npm install circom2 circomlib` in the folder \
         that ZKFLOW_TOOLS names, or set CIRCOM_WASM to the file"
    )]
    NoCompiler,
}

impl Classified for ToolsError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }

    fn code(&self) -> &'static str {
        "circom_not_found"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path) {
        std::fs::create_dir_all(folder.join("circom2")).unwrap();
        std::fs::create_dir_all(folder.join("circomlib")).unwrap();
        std::fs::write(folder.join(CIRCOM_WASM), "").unwrap();
    }

    #[test]
    fn folders_above_are_searched_and_the_environment_goes_first() {
        let machine = tempfile::tempdir().unwrap();
        let (above, named) = (machine.path().join("tools/node_modules"), machine.path().join("named"));
        install(&above);
        install(&named.join("node_modules"));
        let below = machine.path().join("a/b");

        let found = Given::default().find(&below).unwrap();
        assert_eq!(found.circom_wasm, above.join(CIRCOM_WASM));
        assert_eq!(found.include_roots, [above]);

        let given = Given { tools: Some(named.clone()), libs: Some(vec![]), ..Given::default() };
        let found = given.find(&below).unwrap();
        assert_eq!(found.circom_wasm, named.join("node_modules").join(CIRCOM_WASM));
        assert!(found.include_roots.is_empty());
    }

    #[test]
    fn missing_compiler_is_an_error_that_says_how_to_get_it() {
        let empty = tempfile::tempdir().unwrap();
        let error = Given::default().find(empty.path()).unwrap_err();
        assert!(error.to_string().contains("make setup"));
        let given = Given { circom_wasm: Some(empty.path().join("x")), ..Given::default() };
        assert!(matches!(given.find(empty.path()), Err(ToolsError::NoSuchFile(_))));
    }
}
