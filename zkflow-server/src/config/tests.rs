use clap::Parser;

use super::*;

const SAMPLE: &str = include_str!("../../zkflow.toml");

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: ConfigArgs,
}

fn load(toml: &str, flags: &[&str]) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let flags = [&["zkflow", "--config", file.path().to_str().unwrap()], flags].concat();
    Config::load(Flags::try_parse_from(flags).unwrap().args)
}

#[test]
fn the_sample_is_the_defaults() {
    assert_eq!(load(SAMPLE, &[]).unwrap(), Config::default());
}

#[test]
fn the_sample_names_every_setting() {
    let fields = serde_json::to_value(Config::default()).unwrap();
    for name in fields.as_object().unwrap().keys() {
        assert!(SAMPLE.contains(&format!("{name} =")), "{name}");
    }
}

#[test]
fn what_is_printed_can_be_read_back() {
    let config = load("templates = [\"a b\", \"c\\\"d\"]\nbind = \"::1\"", &["--port", "0"]).unwrap();
    assert_eq!(load(&config.to_toml(), &[]).unwrap(), config);
}

#[test]
fn flags_win_over_the_file() {
    let config = load("port = 1\nproof_concurrency = 7", &["--port", "2"]).unwrap();
    assert_eq!((config.port, config.proof_concurrency), (2, 7));
}

#[test]
fn an_unknown_setting_is_refused_with_its_line() {
    let error = load("port = 1\nprot = 2", &[]).unwrap_err().to_string();
    assert!(error.contains(":2: unknown field `prot`"), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let config = load(
        "secret_key = \"canary-31415\"\nredis_url = \"redis://:canary@x\"\nmongodb_uri = \"mongodb://u:canary@x/y\"",
        &[],
    )
    .unwrap();
    assert_eq!(config.secret_key.as_ref().unwrap().expose(), "canary-31415");
    assert_eq!(config.redis_url.as_ref().unwrap().expose(), "redis://:canary@x");
    assert!(!config.to_toml().contains("canary"));
    assert!(!format!("{config:?}").contains("canary"));
    let error = load("secret_key = \"canary-31415\" x", &[]).unwrap_err();
    assert!(!format!("{error:?}{error}").contains("canary"));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for (toml, part) in [("max_wait_s = 75", "max_wait_s"), ("proof_concurrency = 0", "proof_concurrency")] {
        assert!(load(toml, &[]).unwrap_err().to_string().contains(part));
    }
}

#[test]
fn numbers_that_could_overflow_are_refused_by_name() {
    let fields = serde_json::to_value(Config::default()).unwrap();
    let numbers =
        fields.as_object().unwrap().iter().filter(|(name, value)| value.is_u64() && *name != "port");
    for (name, _) in numbers {
        let width = if ["_concurrency", "_threads", "_attempts"].iter().any(|end| name.ends_with(end)) {
            u64::from(u32::MAX)
        } else {
            i64::MAX as u64
        };
        let error = load(&format!("{name} = {width}"), &[]).unwrap_err().to_string();
        assert!(error.contains(&format!("{name} must be between")), "{error}");
    }
    assert!(load("proof_ttl_s = 315360000\nmax_watchers = 1000000", &[]).is_ok());
}
