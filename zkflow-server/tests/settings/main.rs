//! The settings: names, values, sources, and the page that lists them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod names;
mod page;
mod sources;
mod values;

use clap::Parser;
use zkflow_server::config::{Config, ConfigArgs, ConfigError, Setting, settings};

#[derive(Debug, Parser)]
struct Flags {
    #[command(flatten)]
    args: ConfigArgs,
}

fn args(flags: &[&str]) -> ConfigArgs {
    Flags::try_parse_from([&["zkflow"], flags].concat()).unwrap().args
}

/// The settings of a file, flags and variables.
fn load(toml: &str, flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let flags = [&["--config", file.path().to_str().unwrap()], flags].concat();
    Config::gather(&args(&flags), &variables.iter().copied().collect())
}

/// The setting of a flag, `_` for `-` allowed.
fn setting(flag: &str) -> &'static Setting {
    let flag = flag.replace('_', "-");
    settings().find(|setting| setting.flag == flag).unwrap_or_else(|| panic!("{flag} is not a setting"))
}
