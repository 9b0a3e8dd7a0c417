//! The TOML file of settings: a table for each concern.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use zkflow_core::service::secret_file::SecretFile;

use super::value::Said;
use super::{CONCERNS, Concern, Config, ConfigError, Plan, Plans, Setting, settings};

/// Reads the file and applies its settings.
pub(super) fn apply(config: &mut Config, path: &Path) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    apply_text(config, &text).map_err(|Wrong { span, detail }| {
        let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
        ConfigError::File { path: path.to_owned(), line, detail }
    })?;
    if settings().any(|setting| setting.is_secret() && (setting.show)(config).is_some()) {
        let exposed = SecretFile::complaint(path);
        config.warnings.extend(exposed.map(|exposed| format!("the settings contain a secret: {exposed}")));
    }
    Ok(())
}

/// A fault at a place of the text.
struct Wrong {
    span: Range<usize>,
    detail: String,
}

fn apply_text(config: &mut Config, text: &str) -> Result<(), Wrong> {
    // The full text of the error shows the line, which may contain a secret.
    let root = DeTable::parse(text).map_err(|error| Wrong {
        span: error.span().unwrap_or_default(),
        detail: error.message().to_owned(),
    })?;
    for (name, value) in root.get_ref() {
        let wrong = |detail| Err(Wrong { span: name.span(), detail });
        let table = name.get_ref().as_ref();
        if table == PLANS {
            config.plans = plans(text)?;
            continue;
        }
        let Some(concern) = CONCERNS.iter().find(|concern| concern.table == table) else {
            return wrong(outside_of_tables(table));
        };
        let DeValue::Table(values) = value.get_ref() else {
            // `workers` was a setting and is now a table.
            let detail = moved(table);
            return wrong(
                detail.unwrap_or_else(|| format!("expected the table [{table}], found a single value")),
            );
        };
        apply_table(config, concern, values)?;
    }
    Ok(())
}

/// The tables of plans, which have names of the operator.
const PLANS: &str = "plans";

fn plans(text: &str) -> Result<Plans, Wrong> {
    #[derive(Deserialize)]
    struct Tables {
        plans: BTreeMap<String, Plan>,
    }

    let read = toml::from_str::<Tables>(text);
    let read = read.map_err(|error| Wrong {
        span: error.span().unwrap_or_default(),
        detail: error.message().to_owned(),
    })?;
    Plans::new(read.plans).map_err(|error| Wrong { span: 0..0, detail: error.to_string() })
}

fn apply_table(config: &mut Config, concern: &Concern, values: &DeTable<'_>) -> Result<(), Wrong> {
    for (name, value) in values {
        let key = name.get_ref().as_ref();
        let Some(setting) = concern.settings.iter().find(|setting| setting.key == key) else {
            return Err(Wrong { span: name.span(), detail: unknown(concern, key) });
        };
        setting
            .apply(config, Said::Toml(value.get_ref()))
            .map_err(|fault| Wrong { span: value.span(), detail: format!("{}: {fault}", setting.name()) })?;
    }
    Ok(())
}

/// Message for a name outside of the tables: a setting without its table, or unknown.
fn outside_of_tables(name: &str) -> String {
    moved(name).unwrap_or_else(|| {
        let tables: Vec<_> = CONCERNS.iter().map(|concern| concern.table).chain([PLANS]).collect();
        format!("unknown setting {name}: expected one of the tables {}", tables.join(", "))
    })
}

/// Message for a flat name of a setting; `None` if there is no such setting.
fn moved(name: &str) -> Option<String> {
    let setting = settings().find(|setting| setting.flag.replace('-', "_") == name)?;
    let Setting { key, table, .. } = setting;
    Some(format!("{name} is outside of its table: write it as {key} under [{table}]"))
}

/// Message for a name that its table does not contain: a setting of another table, or unknown.
fn unknown(concern: &Concern, key: &str) -> String {
    let of_another = settings().find(|setting| setting.key == key || setting.flag.replace('-', "_") == key);
    match of_another {
        Some(setting) => format!(
            "unknown setting {}.{key}: write it as {} under [{}]",
            concern.table, setting.key, setting.table
        ),
        None => {
            let keys: Vec<_> = concern.settings.iter().map(|setting| setting.key).collect();
            format!("unknown setting {}.{key}: expected one of {}", concern.table, keys.join(", "))
        }
    }
}
