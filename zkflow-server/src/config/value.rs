//! [`Value`]: parses the types of settings from text and TOML, and prints them.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::{DeInteger, DeValue};
use zkflow_core::setup::Beacon;

use super::secret::SecretSetting;

/// A value from a source.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said<'a> {
    /// From a flag or a variable.
    Text(&'a OsStr),
    /// From the file.
    Toml(&'a DeValue<'a>),
}

/// Description of a type for help and errors.
#[derive(Debug)]
pub(super) struct Kind {
    /// Placeholder in the help of a flag.
    pub(super) placeholder: &'static str,
    /// The expected form: "a path".
    pub(super) form: &'static str,
    /// Whether values are never shown.
    pub(super) secret: bool,
}

impl Kind {
    pub(super) const fn new(placeholder: &'static str, form: &'static str) -> Self {
        Self { placeholder, form, secret: false }
    }
}

/// A type of settings.
pub(super) trait Value: Sized {
    /// For help and errors.
    const KIND: Kind;

    /// Reads the value of a flag or a variable; `None` if it has another form.
    fn from_text(text: &OsStr) -> Option<Self>;

    /// Reads the value of a TOML file; `None` if it has another form.
    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        Self::from_text(value.as_str()?.as_ref())
    }

    /// The value in TOML; `None` if it is unset.
    fn to_toml(&self) -> Option<String>;

    /// The number, for types with a range.
    fn number(&self) -> Option<u64> {
        None
    }
}

/// Reads a value; `None` if it has another form or is out of range.
pub(super) fn read<T: Value>(said: Said<'_>, range: Option<RangeInclusive<u64>>) -> Option<T> {
    let value = match said {
        Said::Text(text) => T::from_text(text),
        Said::Toml(value) => T::from_toml(value),
    }?;
    let fits = value.number().zip(range).is_none_or(|(number, range)| range.contains(&number));
    fits.then_some(value)
}

impl Said<'_> {
    /// The found value, for errors.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Text(text) => quoted(&text.to_string_lossy()),
            Self::Toml(DeValue::String(text)) => quoted(text),
            Self::Toml(DeValue::Integer(number)) => number.to_string(),
            Self::Toml(DeValue::Float(number)) => number.as_str().to_owned(),
            Self::Toml(DeValue::Boolean(value)) => value.to_string(),
            Self::Toml(DeValue::Datetime(_)) => "a date".to_owned(),
            Self::Toml(DeValue::Array(_)) => "an array".to_owned(),
            Self::Toml(DeValue::Table(_)) => "a table".to_owned(),
        }
    }
}

/// A text as a TOML string. A JSON string is one, except for DEL, which JSON leaves as it is.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

pub(super) fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn from_text(text: &OsStr) -> Option<Self> {
        (!text.is_empty()).then(|| T::from_text(text)).flatten().map(Some)
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        (value.as_str() != Some("")).then(|| T::from_toml(value)).flatten().map(Some)
    }

    fn to_toml(&self) -> Option<String> {
        self.as_ref().and_then(T::to_toml)
    }

    fn number(&self) -> Option<u64> {
        self.as_ref().and_then(T::number)
    }
}

impl Value for SecretSetting {
    const KIND: Kind = Kind { placeholder: "SECRET", form: "a text that is not empty", secret: true };

    fn from_text(text: &OsStr) -> Option<Self> {
        text.to_str()?.parse().ok()
    }

    fn to_toml(&self) -> Option<String> {
        Some(quoted(&format!("{self:?}")))
    }
}

impl Value for String {
    const KIND: Kind = Kind::new("TEXT", "a text");

    fn from_text(text: &OsStr) -> Option<Self> {
        text.to_str().map(str::to_owned)
    }

    fn to_toml(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::new("PATH", "a path that is not empty");

    fn from_text(text: &OsStr) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }

    fn to_toml(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Value for Vec<PathBuf> {
    const KIND: Kind = Kind::new("PATH[:PATH]", "a list of paths");

    fn from_text(text: &OsStr) -> Option<Self> {
        Some(std::env::split_paths(text).filter(|path| !path.as_os_str().is_empty()).collect())
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|path| PathBuf::from_toml(path.get_ref())).collect()
    }

    fn to_toml(&self) -> Option<String> {
        Some(list(self.iter().filter_map(Value::to_toml)))
    }
}

impl Value for Vec<u64> {
    const KIND: Kind = Kind::new("CHAIN_ID[,CHAIN_ID]", "a list of whole numbers");

    fn from_text(text: &OsStr) -> Option<Self> {
        text.to_str()?.split(',').map(|id| id.trim().parse().ok()).collect()
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|id| u64::from_toml(id.get_ref())).collect()
    }

    fn to_toml(&self) -> Option<String> {
        Some(list(self.iter().map(u64::to_string)))
    }
}

impl Value for bool {
    const KIND: Kind = Kind::new("true|false", "true or false");

    fn from_text(text: &OsStr) -> Option<Self> {
        match text.to_str()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn to_toml(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Implements [`Value`] for unsigned integers.
macro_rules! numbers {
    ($($type:ty),+) => { $(
        impl Value for $type {
            const KIND: Kind = Kind::new("NUMBER", "a whole number");

            fn from_text(text: &OsStr) -> Option<Self> {
                text.to_str()?.parse().ok()
            }

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                value.as_integer().and_then(|number| integer(number)?.try_into().ok())
            }

            fn to_toml(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn number(&self) -> Option<u64> {
                // No supported platform has a usize of more than 64 bits.
                u64::try_from(*self).ok()
            }
        }
    )+ };
}

numbers!(u16, u32, u64, usize);

fn integer(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Implements [`Value`] for types with `FromStr` and `Display`.
macro_rules! texts {
    ($($type:ty: $placeholder:literal, $form:literal;)+) => { $(
        impl $crate::config::value::Value for $type {
            const KIND: $crate::config::value::Kind = $crate::config::value::Kind::new($placeholder, $form);

            fn from_text(text: &std::ffi::OsStr) -> Option<Self> {
                text.to_str()?.parse().ok()
            }

            fn to_toml(&self) -> Option<String> {
                Some($crate::config::value::quoted(&self.to_string()))
            }
        }
    )+ };
}

texts! {
    IpAddr: "IP", "an IP address";
    Beacon: "VALUE:EXPONENT", "VALUE:EXPONENT, 1 to 255 bytes in hexadecimal and a number from 10 to 63";
}

/// Implements [`Value`] for choices of clap.
macro_rules! choices {
    ($($type:ty: $choices:literal, $form:literal;)+) => { $(
        impl $crate::config::value::Value for $type {
            const KIND: $crate::config::value::Kind = $crate::config::value::Kind::new($choices, $form);

            fn from_text(text: &std::ffi::OsStr) -> Option<Self> {
                clap::ValueEnum::from_str(text.to_str()?, true).ok()
            }

            fn to_toml(&self) -> Option<String> {
                let value = clap::ValueEnum::to_possible_value(self)?;
                Some($crate::config::value::quoted(value.get_name()))
            }
        }
    )+ };
}

/// Implements [`Value`] for lists, with commas in flags and variables.
macro_rules! lists {
    ($($type:ty: $placeholder:literal, $form:literal;)+) => { $(
        impl $crate::config::value::Value for Vec<$type> {
            const KIND: $crate::config::value::Kind = $crate::config::value::Kind::new($placeholder, $form);

            fn from_text(text: &std::ffi::OsStr) -> Option<Self> {
                let text = text.to_str()?.trim();
                if text.is_empty() {
                    return Some(Vec::new());
                }
                // An empty part is no element: `--hosts ,` would be the list that allows every host.
                let part = |part: &str| {
                    if part.is_empty() {
                        return None;
                    }
                    <$type as $crate::config::value::Value>::from_text(part.as_ref())
                };
                text.split(',').map(str::trim).map(part).collect()
            }

            fn from_toml(value: &toml::de::DeValue<'_>) -> Option<Self> {
                let parts = value.as_array()?.iter();
                parts.map(|part| <$type as $crate::config::value::Value>::from_toml(part.get_ref())).collect()
            }

            fn to_toml(&self) -> Option<String> {
                Some($crate::config::value::list(self.iter().filter_map($crate::config::value::Value::to_toml)))
            }
        }
    )+ };
}

pub(super) use {choices, lists, texts};
