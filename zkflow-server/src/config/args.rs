//! [`ConfigArgs`]: one flag for each setting, and the path of the file.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::value::Said;
use super::{CONCERNS, Config, ConfigError, Setting, settings};

/// The variable of `--config`.
pub(super) const FILE_VARIABLE: &str = "ZKFLOW_CONFIG";

/// The flags of a command with settings.
#[derive(Clone, Default)]
pub struct ConfigArgs {
    file: Option<PathBuf>,
    flags: Vec<(&'static Setting, OsString)>,
}

impl ConfigArgs {
    /// Path of the TOML file, if a flag names one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Applies the flags.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        self.flags.iter().try_for_each(|(setting, text)| {
            let applied = setting.apply(config, Said::Text(text));
            applied.map_err(|fault| ConfigError::Flag { name: setting.flag, fault })
        })
    }
}

impl Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(format!("TOML file of settings [env: {FILE_VARIABLE}]"));
        // Twenty commands have these flags, and making all of them takes 4 ms. Only the command that runs makes them.
        command.arg(file).defer(with_flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &'static Setting| Some((setting, matches.get_one(setting.flag).cloned()?));
        Ok(Self { file: matches.get_one("config").cloned(), flags: settings().filter_map(given).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Shows the names of the flags only: values may be secret.
impl fmt::Debug for ConfigArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags: Vec<_> = self.flags.iter().map(|(setting, _)| setting.flag).collect();
        f.debug_struct("ConfigArgs").field("file", &self.file).field("flags", &flags).finish()
    }
}

/// Adds a flag for each setting.
fn with_flags(command: Command) -> Command {
    CONCERNS.iter().fold(command, |command, concern| {
        let flags = concern.settings.iter().map(flag);
        command.args(flags.map(|flag| flag.help_heading(concern.title.trim())))
    })
}

fn flag(setting: &'static Setting) -> Arg {
    let mut notes = Vec::new();
    notes.extend(setting.default_value().map(|value| format!("default: {}", as_argument(&value))));
    notes.extend(setting.range.as_ref().map(|_| setting.values()));
    notes.push(format!("env: {}", setting.variable));
    Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.placeholder())
        .value_parser(value_parser!(OsString))
        .help(format!("{} [{}]", setting.meaning(), notes.join("; ")))
}

/// A default in the form of the flag, from TOML.
fn as_argument(toml: &str) -> String {
    match toml.trim_matches(['[', ']', '"']) {
        "" => "none".to_owned(),
        text => text.replace(", ", ","),
    }
}
