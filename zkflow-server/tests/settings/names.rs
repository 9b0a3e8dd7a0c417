//! The names of settings are stable: scripts, manifests and files of users contain them.

use std::collections::BTreeSet;

use zkflow_server::config::{Config, Setting, settings};

use super::{load, setting};

/// Flat name (the flag with `_` for `-`) and variable of each setting before the tables.
const BEFORE: [(&str, Option<&str>); 62] = [
    ("bind", Some("BIND")),
    ("port", Some("PORT")),
    ("log_level", Some("LOG_LEVEL")),
    ("log_format", Some("LOG_FORMAT")),
    ("data_dir", Some("ZKFLOW_DATA_DIR")),
    ("secret_key", Some("ZKFLOW_SECRET_KEY")),
    ("templates", Some("ZKFLOW_TEMPLATES")),
    ("circom_path", Some("CIRCOM_PATH")),
    ("ptau_path", Some("PTAU_PATH")),
    ("module_cache", Some("ZKFLOW_MODULE_CACHE")),
    ("redis_url", Some("REDIS_URL")),
    ("redis_namespace", Some("REDIS_NAMESPACE")),
    ("mongodb_uri", Some("MONGODB_URI")),
    ("s3_bucket", Some("S3_BUCKET")),
    ("s3_prefix", Some("S3_PREFIX")),
    ("aws_region", Some("AWS_REGION")),
    ("s3_endpoint", Some("S3_ENDPOINT")),
    ("s3_force_path_style", Some("S3_FORCE_PATH_STYLE")),
    ("s3_redirect_s", Some("S3_REDIRECT_S")),
    ("s3_upload_s", Some("S3_UPLOAD_S")),
    ("artifact_cache", Some("ZKFLOW_ARTIFACT_CACHE")),
    ("artifact_cache_mib", None),
    ("workers", Some("ZKFLOW_WORKERS")),
    ("keygen_concurrency", Some("KEYGEN_CONCURRENCY")),
    ("keygen_beacon", Some("KEYGEN_BEACON")),
    ("proof_concurrency", Some("PROOF_CONCURRENCY")),
    ("proof_memory_mib", Some("ZKFLOW_PROOF_MEMORY_MIB")),
    ("prover", Some("ZKFLOW_PROVER")),
    ("prover_threads", Some("ZKFLOW_PROVER_THREADS")),
    ("key_memory_mib", Some("ZKFLOW_KEY_MEMORY_MIB")),
    ("constant_work", Some("ZKFLOW_CONSTANT_WORK")),
    ("key_cache", Some("ZKFLOW_KEY_CACHE")),
    ("key_cache_mib", None),
    ("circuit_cache_mib", None),
    ("job_attempts", None),
    ("lease_s", None),
    ("drain_s", None),
    ("cleanup_interval_s", None),
    ("reconcile_interval_s", None),
    ("compile_time_s", None),
    ("compile_memory_mib", None),
    ("witness_time_s", None),
    ("witness_memory_mib", None),
    ("rpc_urls", Some("ZKFLOW_RPC_URLS")),
    ("signers", Some("ZKFLOW_SIGNERS")),
    ("solc_path", Some("SOLC_PATH")),
    ("development_chains", Some("ZKFLOW_DEVELOPMENT_CHAINS")),
    ("confirmations", Some("ZKFLOW_CONFIRMATIONS")),
    ("deploy_time_s", None),
    ("deploy_concurrency", None),
    ("max_pending_deployments", None),
    ("allow_request_keys", Some("ZKFLOW_ALLOW_REQUEST_KEYS")),
    ("allow_request_rpc", Some("ZKFLOW_ALLOW_REQUEST_RPC")),
    ("development", Some("ZKFLOW_DEVELOPMENT")),
    ("max_body_bytes", None),
    ("request_time_s", None),
    ("max_wait_s", None),
    ("max_connections", None),
    ("max_watchers", None),
    ("max_pending_proofs", None),
    ("max_pending_circuits", None),
    ("proof_ttl_s", None),
];

/// A value that the setting accepts and that differs from its default, as a text and in TOML.
fn other_value(setting: &Setting) -> (String, String) {
    let plain = |text: &str| (text.to_owned(), text.to_owned());
    let quoted = |text: &str| (text.to_owned(), format!("\"{text}\""));
    match (&setting.range, setting.default_value().as_deref()) {
        (Some(range), Some(default))
            if *default == range.start().to_string() || setting.flag == "request-time-s" =>
        {
            plain(&range.end().to_string())
        }
        (Some(range), _) => plain(&range.start().to_string()),
        (None, Some("true")) => plain("false"),
        (None, Some("false")) => plain("true"),
        (None, _) => match setting.flag {
            "bind" => quoted("10.0.0.1"),
            "log-level" => quoted("warn"),
            "log-format" => quoted("json"),
            "keygen-beacon" => quoted("ab:10"),
            "templates" | "circom-versions" => ("a:b".to_owned(), "[\"a\", \"b\"]".to_owned()),
            "development-chains" => ("1,2".to_owned(), "[1, 2]".to_owned()),
            // A build may have one prover only.
            "prover" => quoted("native"),
            "auth" => ("keys".to_owned(), "[\"keys\"]".to_owned()),
            "sealing-public-keys" => {
                let key = "260bb6bd31eccbdef490d3a6e7300750968a3a7cf1b6eccfa7b8c4bed3c17d5c";
                (key.to_owned(), format!("[\"{key}\"]"))
            }
            "proxy-addresses" => ("10.0.0.1,::1".to_owned(), "[\"10.0.0.1\", \"::1\"]".to_owned()),
            "hosts" => ("a,b".to_owned(), "[\"a\", \"b\"]".to_owned()),
            "origins" => {
                ("https://a.b,http://c:1".to_owned(), "[\"https://a.b\", \"http://c:1\"]".to_owned())
            }
            _ => quoted("another"),
        },
    }
}

#[test]
fn no_setting_of_the_flat_file_is_lost() {
    for (name, variable) in BEFORE {
        let setting = setting(name);
        assert!(variable.is_none_or(|variable| setting.variable == variable), "{name}");
    }
}

#[test]
fn every_setting_is_reached_by_its_flag_its_variable_and_its_key() {
    for setting in settings() {
        let (text, toml) = other_value(setting);
        let by_flag = load("", &[&format!("--{}", setting.flag), &text], &[]).unwrap();
        let by_variable = load("", &[], &[(setting.variable, &text)]);
        let by_file = load(&format!("[{}]\n{} = {toml}", setting.table, setting.key), &[], &[]);
        assert!(by_flag != Config::default() || setting.flag == "prover", "{}", setting.flag);
        assert_eq!(by_flag, by_variable.unwrap(), "{}", setting.variable);
        assert_eq!(by_flag, by_file.unwrap(), "{}", setting.name());
    }
}

#[test]
fn names_are_unique_and_variables_without_our_prefix_are_no_new_ones() {
    let unique = |names: Vec<String>| assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    unique(settings().map(|setting| setting.flag.to_owned()).collect());
    unique(settings().map(|setting| setting.variable.to_owned()).collect());
    unique(settings().map(Setting::name).collect());
    for setting in settings() {
        let is_old = BEFORE.iter().any(|(_, variable)| *variable == Some(setting.variable));
        assert!(is_old || setting.variable.starts_with("ZKFLOW_"), "{}", setting.variable);
    }
}

#[test]
fn a_flat_name_in_the_file_is_refused_with_its_new_place() {
    for (name, _) in BEFORE {
        let setting = setting(name);
        let error = load(&format!("\n{name} = 1"), &[], &[]).unwrap_err().to_string();
        let place = format!(
            ":2: {name} is outside of its table: write it as {} under [{}]",
            setting.key, setting.table
        );
        assert!(error.ends_with(&place), "{error}");
    }
}
