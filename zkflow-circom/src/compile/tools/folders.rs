//! [`ToolFolders`]: the folders that are searched for npm packages.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::ToolsError;
use super::pinned::{PinnedPackage, pinned};

/// Variable with a folder of tools.
const VARIABLE: &str = "ZKFLOW_TOOLS";

/// The folders that are searched for tools; each contains `node_modules`.
///
/// # Behaviour
/// - The order is that of [`Place`].
/// - No other folder is searched. In particular, a tools folder in the working folder is never
///   used, since another user may have created it.
/// - A [pinned](super::pinned()) package is used only if every file has its digest, in each of the folders. The
///   check reads the files (20 MB, about 50 ms) at each lookup. A process looks up a package once.
/// - Other packages are used from the folder of `ZKFLOW_TOOLS` only.
/// - Another version of a pinned tool is set by its own variable: `CIRCOM_WASM`, `CIRCOM_LIBS` or `SOLC_PATH`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolFolders {
    folders: Vec<(Place, PathBuf)>,
}

/// A folder of [`ToolFolders`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The folder in the variable `ZKFLOW_TOOLS`.
    Named,
    /// The folder that `zkflow setup` fills: see [`ToolFolders::of_setup`].
    Setup,
    /// `tools` beside the executable.
    BesideExecutable,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Kind of the folder that contains it.
    pub place: Place,
    /// The `node_modules` folder that contains it.
    pub modules: PathBuf,
    /// Folder of the package itself.
    pub path: PathBuf,
}

impl ToolFolders {
    /// The folders of this process.
    pub fn new() -> Self {
        let variable =
            |name| env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
        let executable = env::current_exe().ok();
        let beside = executable.as_deref().and_then(Path::parent).map(|folder| folder.join("tools"));
        Self::default()
            .with(Place::Named, variable(VARIABLE))
            .with(Place::Setup, Self::of_setup())
            .with(Place::BesideExecutable, beside)
    }

    /// The folder that `zkflow setup` fills: `zkflow/tools` in `XDG_DATA_HOME`, by default in `~/.local/share`, or
    /// in `~/Library/Application Support` on macOS. `None` if `HOME` is not set either.
    pub fn of_setup() -> Option<PathBuf> {
        let home = |folder: &str| Some(PathBuf::from(env::var_os("HOME")?).join(folder));
        let given = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
        let data = match given.filter(|path| path.is_absolute()) {
            Some(path) => Some(path),
            None if cfg!(target_os = "macos") => home("Library/Application Support"),
            None => home(".local/share"),
        };
        data.filter(|path| path.is_absolute()).map(|path| path.join("zkflow/tools"))
    }

    /// Searches a further folder last.
    #[must_use]
    pub fn with(mut self, place: Place, folder: Option<PathBuf>) -> Self {
        self.folders.extend(folder.map(|folder| (place, folder)));
        self
    }

    /// The first installed npm package `name`; `None` if there is none.
    ///
    /// # Errors
    /// [`ToolsError::Altered`] if its files are not those that `zkflow setup` installs.
    pub fn find(&self, name: &str) -> Result<Option<Package>, ToolsError> {
        let pin = pinned().iter().find(|package| package.name == name);
        for (place, folder) in &self.folders {
            let modules = folder.join("node_modules");
            let path = modules.join(name);
            if !path.join("package.json").is_file() {
                continue;
            }
            match (place, pin) {
                (_, Some(pin)) => check(pin, &path)?,
                (Place::Named, None) => {}
                (_, None) => continue,
            }
            return Ok(Some(Package { place: *place, modules, path }));
        }
        Ok(None)
    }
}

fn check(pin: &PinnedPackage, path: &Path) -> Result<(), ToolsError> {
    pin.check(path).map_err(|reason| ToolsError::Altered { package: pin.name, reason: reason.to_string() })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => VARIABLE,
            Self::Setup => "zkflow setup",
            Self::BesideExecutable => "beside the executable",
        })
    }
}

/// The version in `package.json` of an npm package's folder; `None` if there is none.
pub fn package_version(folder: &Path) -> Option<String> {
    let text = std::fs::read(folder.join("package.json")).ok()?;
    let json: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(json["version"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a package `name` of one file.
    fn folder_with(name: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("node_modules").join(name);
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("package.json"), r#"{"version": "9.9.9"}"#).unwrap();
        folder
    }

    fn only(place: Place, folder: &tempfile::TempDir) -> ToolFolders {
        ToolFolders::default().with(place, Some(folder.path().to_owned()))
    }

    #[test]
    fn the_named_folder_goes_first() {
        let (named, setup) = (folder_with("other"), folder_with("other"));
        let folders = only(Place::Named, &named).with(Place::Setup, Some(setup.path().to_owned()));
        let found = folders.find("other").unwrap().unwrap();
        assert_eq!(
            (found.place, found.modules.as_path()),
            (Place::Named, &*named.path().join("node_modules"))
        );
        assert_eq!(package_version(&found.path).unwrap(), "9.9.9");
    }

    #[test]
    fn altered_files_are_refused_in_every_folder_and_the_cure_is_named() {
        let cures = [("circom2", "CIRCOM_WASM"), ("circomlib", "CIRCOM_LIBS"), ("solc", "SOLC_PATH")];
        for place in [Place::Named, Place::Setup, Place::BesideExecutable] {
            for (package, variable) in cures {
                let altered = folder_with(package);
                let error = only(place, &altered).find(package).unwrap_err().to_string();
                assert!(error.contains("zkflow setup") && error.contains(variable), "{error}");
            }
        }
    }

    #[test]
    fn packages_without_a_digest_come_from_the_named_folder_only() {
        let folder = folder_with("other");
        assert_eq!(only(Place::Setup, &folder).find("other").unwrap(), None);
        assert!(only(Place::Named, &folder).find("other").unwrap().is_some());
    }

    #[test]
    fn the_working_folder_and_the_folders_above_it_are_not_searched() {
        let working = env::current_dir().unwrap();
        // The tests themselves set `ZKFLOW_TOOLS` to the tools of the workspace.
        for (_, folder) in ToolFolders::new().folders.iter().filter(|(place, _)| *place != Place::Named) {
            let is_searched = |above: &Path| [above.to_owned(), above.join("tools")].contains(folder);
            assert!(!working.ancestors().any(is_searched), "{folder:?}");
        }
    }
}
