//! `docs/settings.md`, generated from the rows of the settings.

use std::path::{Path, PathBuf};

use zkflow_server::config::{CONCERNS, Setting, settings};
use zkflow_testbed::page;

const HEAD: &str = "\
# Settings

`zkflow serve`, `zkflow worker` and `zkflow config` take these settings. A setting has four places; the later one wins:

| place | example |
|---|---|
| the default | |
| the TOML file that `--config` or `ZKFLOW_CONFIG` names, in the table of its concern | `[http]` and `port = 3000` |
| the environment variable | `PORT=3000` |
| the flag | `--port 3000` |

`zkflow config` prints the effective settings as such a file, secrets redacted.
[zkflow.toml](../zkflow-server/zkflow.toml) is a sample with all defaults.

| case | result |
|---|---|
| a value has the wrong type or is out of range | refused, with its place, also when a later place replaces it |
| a variable is set and empty | counts as unset |
| a secret's variable has `_FILE` at its end, such as `ZKFLOW_SECRET_KEY_FILE` | the file that it names contains the value |
| … and others may write the file, or it belongs to the user of the process and others may read it | refused |
| … and others may read a file of root, or it belongs to another user, as mounted files do | accepted, with a warning at the start |
| a flag or a key of the file is empty where a path or a text is needed | refused |
| a setting of the file is unknown, occurs twice or is outside of its table | refused, with file and line |
| a variable begins with `ZKFLOW_` and is not a setting | refused |
| … of a signer, or set by Kubernetes for a service named `zkflow…` | accepted |

Lists are arrays in the file. In variables and flags, `:` separates paths and `,` separates other values. `true` and `false` are also
written `1`, `yes`, `on` and `0`, `no`, `off` there.

Tables `[plans.NAME]` of the file give tenants and keys limits of their own: [operations.md](operations.md#plans).
";

const FOOT: &str = "
This page is generated: `UPDATE_PAGES=1 make test` writes it again.
";

#[test]
fn the_page_of_settings_is_up_to_date() {
    let tables = CONCERNS.iter().map(|concern| {
        let rows: String = concern.settings.iter().map(row).collect();
        format!(
            "\n## {}: `[{}]`\n\n| key | flag | variable | value | default | meaning |\n|---|---|---|---|---|---|\n{rows}",
            concern.title.trim(),
            concern.table
        )
    });
    page::check("docs/settings.md", &[HEAD.to_owned(), tables.collect(), FOOT.to_owned()].concat());
}

fn row(setting: &Setting) -> String {
    let default = setting.default_value().map_or_else(String::new, |value| format!("`{value}`"));
    let secret = if setting.is_secret() { "; secret" } else { "" };
    format!(
        "| `{}` | `--{}` | `{}` | {}{secret} | {default} | {} |\n",
        setting.key,
        setting.flag,
        setting.variable,
        setting.values(),
        setting.meaning().replace('|', "\\|"),
    )
}

/// Variables of other parts that the pages mention.
const OTHERS: [&str; 10] = [
    "ZKFLOW_CONFIG",
    "ZKFLOW_TOOLS",
    "ZKFLOW_RPC",
    "ZKFLOW_URL",
    "ZKFLOW_API_KEY",
    "ZKFLOW_ENTROPY",
    "ZKFLOW_PTAU_MIRRORS",
    "ZKFLOW_MODEL_CASES",
    "ZKFLOW_SCHEMATHESIS_EXAMPLES",
    "ZKFLOW_",
];

/// The pages and manifests of the project.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> = ["docs", "deploy", "deploy/kubernetes"].map(|name| root.join(name)).into();
    folders.push(root);
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let named = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        end.is_some_and(|end| ["md", "yaml", "env"].contains(&end)) || path.ends_with("Dockerfile")
    };
    files.map(|entry| entry.unwrap().path()).filter(named).collect()
}

#[test]
fn pages_and_manifests_name_existing_settings_only() {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut variables, mut keys) = (0, 0);
    for path in pages() {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in text.split(|c| !of_name(c)).filter(|word| word.starts_with("ZKFLOW_")) {
            // The variable of a secret can name a file.
            let name = word.strip_suffix("_FILE").unwrap_or(word);
            let exists = settings().any(|setting| setting.variable == name) || OTHERS.contains(&word);
            assert!(exists, "{}: {word} is not a setting", path.display());
            variables += 1;
        }
        // Numbers have their unit in their name, which identifies a setting's name in code style.
        for word in text.split('`').skip(1).step_by(2).filter(|word| word.chars().all(of_name)) {
            if ["_s", "_mib", "_concurrency", "_cache"].iter().any(|end| word.ends_with(end))
                && word != "uptime_s"
            {
                let exists = settings().any(|setting| setting.key == word);
                assert!(exists, "{}: {word} is not a setting", path.display());
                keys += 1;
            }
        }
    }
    assert!(variables > 30 && keys > 30, "{variables} variables and {keys} keys were found");
}
