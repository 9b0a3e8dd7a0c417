//! `zkflow setup`: installs the pinned npm packages in the user's data folder, without npm.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use zkflow_core::compile::tools::{PinError, ToolFolders, pinned};

use super::Error;

mod install;
mod registry;
mod source;
mod unpack;

use install::Installation;
use registry::Registry;
use source::Source;

/// Arguments of `zkflow setup`.
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// npm registry to download from. Any mirror works: archives are checked against digests in this program
    #[arg(
        long,
        env = "npm_config_registry",
        hide_env_values = true,
        value_name = "URL",
        default_value = registry::PUBLIC
    )]
    registry: String,
    /// Install from a folder instead: a node_modules folder, or a folder with npm archives (NAME-VERSION.tgz)
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Show what is installed and change nothing; exits with 1 if something is missing
    #[arg(long)]
    check: bool,
}

pub(super) fn setup(args: &SetupArgs) -> Result<ExitCode, Error> {
    let folder = ToolFolders::of_setup().ok_or("neither XDG_DATA_HOME nor HOME is an absolute path")?;
    if args.check {
        return Ok(check(&folder));
    }
    let source = match &args.from {
        Some(folder) => Source::Folder(folder.clone()),
        None => Source::Registry(Registry::open(&args.registry)?),
    };
    let installation = Installation::open(folder)?;
    for package in pinned() {
        let path = installation.path(package);
        let done = if package.check(&path).is_ok() {
            "present"
        } else {
            installation.replace(package, &source.files(package)?)?;
            "installed"
        };
        println!("{done:<9}  {:<10} {:<8} {}", package.name, package.version, path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the state of each package.
fn check(folder: &Path) -> ExitCode {
    let mut complete = true;
    for package in pinned() {
        let path = install::path(folder, package);
        let state = match package.check(&path) {
            Ok(()) => format!("present    {}", path.display()),
            Err(PinError::Unreadable { .. }) if !path.exists() => "missing    run `zkflow setup`".to_owned(),
            Err(error) => format!("altered    {error}; run `zkflow setup`"),
        };
        complete &= state.starts_with("present");
        println!("{:<10} {:<8} {state}", package.name, package.version);
    }
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
