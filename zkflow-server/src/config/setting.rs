//! [`Setting`] and [`Concern`]: the rows that concerns declare with `settings!`.

use std::ops::RangeInclusive;

use super::value::{Kind, Said};
use super::{Config, Fault};

/// Upper limits of ranges: larger than any useful value, and too small to overflow.
pub(super) const YEAR_S: u64 = 365 * 24 * 3600;
pub(super) const TEBIBYTE_MIB: u64 = 1024 * 1024;
pub(super) const BILLION: u64 = 1_000_000_000;

/// Bytes of `mebibytes` MiB, at most `u64::MAX`.
pub(super) const fn bytes(mebibytes: u64) -> u64 {
    mebibytes.saturating_mul(1024 * 1024)
}

/// The settings of one concern.
#[derive(Debug)]
pub struct Concern {
    /// Table of the TOML file, and field of [`Config`].
    pub table: &'static str,
    /// Heading in help and pages.
    pub title: &'static str,
    /// The settings, in the order of their declaration.
    pub settings: &'static [Setting],
}

/// A setting: its names, its values and its meaning.
#[derive(Debug)]
pub struct Setting {
    /// Table of the TOML file.
    pub table: &'static str,
    /// Key in the table.
    pub key: &'static str,
    /// Flag, without the leading `--`.
    pub flag: &'static str,
    /// Environment variable.
    pub variable: &'static str,
    pub(super) doc: &'static str,
    pub(super) kind: Kind,
    /// Range of a number; `None` for other types.
    pub range: Option<RangeInclusive<u64>>,
    pub(super) read: fn(&mut Config, Said<'_>) -> Option<()>,
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// `table.key`, as errors and pages name the setting.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.key)
    }

    /// The meaning, without default and range.
    pub fn meaning(&self) -> &'static str {
        self.doc.trim()
    }

    /// Placeholder of the value in the help of the flag.
    pub fn placeholder(&self) -> &'static str {
        self.unit().map_or(self.kind.placeholder, |unit| unit.placeholder)
    }

    /// Allowed values: form, unit and range.
    pub fn values(&self) -> String {
        match &self.range {
            Some(range) => {
                let unit = self.unit().map_or_else(String::new, |unit| format!("{}, ", unit.name));
                format!("{unit}{} to {}", range.start(), range.end())
            }
            None => self.kind.form.to_owned(),
        }
    }

    /// The default in TOML; `None` if the setting is unset by default.
    pub fn default_value(&self) -> Option<String> {
        (self.show)(&Config::default())
    }

    /// Whether values are never shown.
    pub fn is_secret(&self) -> bool {
        self.kind.secret
    }

    /// Applies the value of a source.
    pub(super) fn apply(&self, config: &mut Config, said: Said<'_>) -> Result<(), Fault> {
        (self.read)(config, said).ok_or_else(|| Fault {
            expected: match &self.range {
                Some(range) => format!("{} from {} to {}", self.kind.form, range.start(), range.end()),
                None => self.kind.form.to_owned(),
            },
            found: (!self.kind.secret).then(|| said.describe()),
        })
    }

    /// The line of the TOML file.
    pub(super) fn line(&self, config: &Config) -> String {
        match (self.show)(config) {
            Some(value) if self.kind.secret => format!("# {} = {value}", self.key),
            Some(value) => format!("{} = {value}", self.key),
            None => format!("# {} =", self.key),
        }
    }

    fn unit(&self) -> Option<&'static Unit> {
        UNITS.iter().find(|unit| self.range.is_some() && self.flag.ends_with(unit.suffix))
    }
}

/// Unit of a number, given by the suffix of the flag.
struct Unit {
    suffix: &'static str,
    name: &'static str,
    placeholder: &'static str,
}

const UNITS: [Unit; 3] = [
    Unit { suffix: "-s", name: "seconds", placeholder: "SECONDS" },
    Unit { suffix: "-mib", name: "MiB", placeholder: "MIB" },
    Unit { suffix: "-bytes", name: "bytes", placeholder: "BYTES" },
];

/// Declares the struct of a concern and its rows. `NAME at FIELD` are the struct and the field of [`Config`].
///
/// A row is `key: Type = default, "flag", "VARIABLE";`. The row of a number ends with its range.
macro_rules! settings {
    ($(#[doc = $title:literal])+ $concern:ident at $table:ident {
        $( $(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, $flag:literal, $variable:literal
            $(, $range:expr)?; )+
    }) => {
        $(#[doc = $title])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $concern { $( $(#[doc = $doc])+ pub $key: $type, )+ }

        impl Default for $concern {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $concern {
            pub(super) const CONCERN: $crate::config::Concern = $crate::config::Concern {
                table: stringify!($table),
                title: concat!($($title),+),
                settings: &[ $( $crate::config::Setting {
                    table: stringify!($table),
                    key: stringify!($key),
                    flag: $flag,
                    variable: $variable,
                    doc: concat!($($doc),+),
                    kind: <$type as $crate::config::value::Value>::KIND,
                    range: $crate::config::setting::settings!(@range $($range)?),
                    read: |config, said| {
                        let range = $crate::config::setting::settings!(@range $($range)?);
                        config.$table.$key = $crate::config::value::read(said, range)?;
                        Some(())
                    },
                    show: |config| $crate::config::value::Value::to_toml(&config.$table.$key),
                } ),+ ],
            };
        }
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}

pub(super) use settings;
