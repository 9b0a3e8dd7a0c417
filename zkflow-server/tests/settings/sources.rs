//! Which values the file, variables and flags accept, and their precedence.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser as _;
use zkflow_server::config::{CONCERNS, Config, ConfigError, Environment, settings};

use super::{Flags, args, load};

const SAMPLE: &str = include_str!("../../zkflow.toml");

#[test]
fn the_sample_is_the_defaults() {
    assert_eq!(load(SAMPLE, &[], &[]).unwrap(), Config::default());
}

#[test]
fn the_sample_names_every_setting_under_its_table() {
    let printed = Config::default().to_toml();
    let (mut sample, mut found) = (SAMPLE.lines(), 0);
    // The sample contains the printed lines in the same order, between its comments.
    for line in printed.lines().filter(|line| !line.is_empty()) {
        assert!(sample.any(|of_sample| of_sample.starts_with(line)), "{line} is missing or out of order");
        found += 1;
    }
    assert_eq!(found, settings().count() + CONCERNS.len());
}

#[test]
fn what_is_printed_can_be_read_back() {
    let toml = "[circuits]\ntemplates = [\"a b\", \"c\\\"d\\u007f\"]\nkeygen_beacon = \"0xAB:10\"\n\
                [http]\nbind = \"::1\"";
    let config = load(toml, &["--port", "0", "--log-level", "WARN"], &[]).unwrap();
    assert_eq!(load(&config.to_toml(), &[], &[]).unwrap(), config);
}

#[test]
fn a_printed_secret_is_no_value_when_it_is_read_back() {
    let printed = load("[storage]\nsecret_key = \"canary\"", &[], &[]).unwrap().to_toml();
    assert!(printed.contains("# secret_key = \"[redacted]\""), "{printed}");
    assert_eq!(load(&printed, &[], &[]).unwrap(), Config::default());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let toml = "[http]\nport = 1\nmax_watchers = 1\n[workers]\nproof_concurrency = 7";
    let variables = [("PORT", "2"), ("ZKFLOW_MAX_WATCHERS", "2")];
    let config = load(toml, &["--port", "3"], &variables).unwrap();
    assert_eq!((config.http.port, config.http.max_watchers, config.workers.proof_concurrency), (3, 2, 7));
}

#[test]
fn the_variable_of_the_file_counts_unless_a_flag_names_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, port: u16| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("[http]\nport = {port}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) = (write("one", 1), write("two", 2));
    let port = |flags: &[&str], file: &str| {
        let environment = [("ZKFLOW_CONFIG", file)].into_iter().collect();
        Config::gather(&args(flags), &environment).unwrap().http.port
    };
    assert_eq!((port(&[], &one), port(&["--config", &two], &one), port(&[], "")), (1, 2, 3000));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::gather(&args(&["--config", "/no/such"]), &Environment::default()).unwrap_err();
    assert!(matches!(&error, ConfigError::Unreadable { path, .. } if path == Path::new("/no/such")));
}

#[test]
fn an_unknown_setting_is_refused_with_its_line() {
    for (toml, expected) in [
        ("[http]\nport = 1\nprot = 2", ":3: unknown setting http.prot: expected one of bind, port, "),
        ("prot = 2", ":1: unknown setting prot: expected one of the tables http, auth, log, "),
        ("[htpp]\nport = 2", ":1: unknown setting htpp: expected one of the tables http, auth, log, "),
        (
            "[http]\nredis_url = 'x'",
            ":2: unknown setting http.redis_url: write it as redis_url under [storage]",
        ),
        ("[log]\nlog_level = 'x'", ":2: unknown setting log.log_level: write it as level under [log]"),
        ("http = 1", ":1: expected the table [http], found a single value"),
    ] {
        let error = load(toml, &[], &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_setting_that_occurs_twice_is_refused_with_its_line() {
    for toml in ["[http]\nport = 1\nport = 2", "[http]\n[log]\n[http]", "http.port = 1\n[log]\n[http]"] {
        let error = load(toml, &[], &[]).unwrap_err();
        assert!(matches!(&error, ConfigError::File { line: 3, .. }), "{error}");
    }
    let twice = Flags::try_parse_from(["zkflow", "--port", "1", "--port", "2"]).unwrap_err();
    assert!(twice.to_string().contains("cannot be used multiple times"), "{twice}");
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let empty: Vec<_> = settings().map(|setting| (setting.variable, "")).collect();
    assert_eq!(load("", &[], &empty).unwrap(), Config::default());
    assert!(load("", &[], &[("ZKFLOW_PROT", "")]).is_ok());
}

#[test]
fn a_variable_that_looks_like_a_setting_and_is_none_is_refused() {
    let error = load("", &[], &[("ZKFLOW_PROT", "canary")]).unwrap_err().to_string();
    assert!(
        error.starts_with("variable ZKFLOW_PROT is not a setting") && !error.contains("canary"),
        "{error}"
    );
    assert!(load("", &[], &[("ZKFLOW_PORT", "3000")]).is_err());
    assert!(load("", &[], &[("PROT", "1"), ("ZKFLOWER", "1"), ("ZKFLOW_TOOLS", "/opt")]).is_ok());
}

#[test]
fn variables_of_signers_and_of_services_of_kubernetes_are_accepted() {
    let signers = "ops=env:ZKFLOW_OPS_KEY, late=keystore:/k.json:ZKFLOW_LATE_PASSWORD";
    let names = ["ZKFLOW_OPS_KEY", "ZKFLOW_LATE_PASSWORD"];
    assert!(load("", &["--signers", signers], &names.map(|name| (name, "canary"))).is_ok());
    assert!(load("", &[], &[("ZKFLOW_OPS_KEY", "canary")]).is_err());
    let links = [
        ("ZKFLOW_SERVICE_HOST", "10.0.0.1"),
        ("ZKFLOW_SERVICE_PORT", "80"),
        ("ZKFLOW_SERVICE_PORT_HTTP", "80"),
        ("ZKFLOW_PORT", "tcp://10.0.0.1:80"),
        ("ZKFLOW_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("ZKFLOW_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("ZKFLOW_API_PORT_80_TCP_PROTO", "tcp"),
    ];
    assert_eq!(load("", &[], &links).unwrap(), Config::default());
}

#[test]
fn secrets_are_not_shown() {
    let toml = "[storage]\nsecret_key = \"canary-31415\"\nredis_url = \"redis://:canary@x\"\nmongodb_uri = \
                \"mongodb://u:canary@x/y\"\n[chain]\nrpc_urls = \"1=https://canary\"\nsigners = \"a=canary\"";
    let config = load(toml, &[], &[]).unwrap();
    assert_eq!(config.storage.secret_key.as_ref().unwrap().expose(), "canary-31415");
    assert_eq!(config.storage.redis_url.as_ref().unwrap().expose(), "redis://:canary@x");
    assert!(!config.to_toml().contains("canary"));
    assert!(!format!("{config:?}").contains("canary"));
    for setting in settings().filter(|setting| setting.is_secret()) {
        let flags = args(&[&format!("--{}=canary", setting.flag)]);
        assert!(!format!("{flags:?}").contains("canary"));
        for value in ["\"canary\" x", "[\"canary\"]", "{ canary = \"canary\" }", "\"canary", "canary"] {
            let toml = format!("[{}]\n{} = {value}", setting.table, setting.key);
            let error = load(&toml, &[], &[]).unwrap_err();
            assert!(!format!("{error:?}{error}").contains("canary"), "{error:?}");
        }
    }
}

#[test]
fn plans_are_read_printed_and_checked() {
    let toml = "[http]\nport = 1\n[plans.free]\ntenants = [\"a\", \"b\"]\nmax_circuits = 5\nwork_s_per_day = 60\n\
                tenant_pace = 3\ndeployments_per_day = 0\nwitness_s_per_day = 1\nproving_s_per_day = 2\n\
                build_s_per_day = 3\n\
                [plans.\"big one\"]\ntenants = [\"c\"]\nrequests_per_second = 0";
    let config = load(toml, &[], &[]).unwrap();
    let of = |tenant: &str| config.plans.of(&tenant.parse().unwrap());
    assert_eq!(of("a").unwrap().max_circuits, Some(5));
    assert_eq!((of("a").unwrap().tenant_pace, of("a").unwrap().deployments_per_day), (Some(3), Some(0)));
    let free = of("a").unwrap();
    let seconds = [free.work_s_per_day, free.witness_s_per_day, free.proving_s_per_day, free.build_s_per_day];
    assert_eq!(seconds, [Some(60), Some(1), Some(2), Some(3)]);
    assert_eq!(of("b"), of("a"));
    assert_eq!(of("c").unwrap().requests_per_second, Some(0));
    assert_eq!(of("d"), None);
    assert_eq!(load(&config.to_toml(), &[], &[]).unwrap(), config);
    for (text, part) in [
        ("[plans.a]\ntenants = [\"x\"]\n[plans.b]\ntenants = [\"x\"]", "two plans"),
        ("[plans.a]\nmax_circuit = 5", "max_circuit"),
        ("[plans.a]\ntenants = [\"A B\"]", "tenant"),
        ("[plans.a]\nmax_circuits = -5", "-5"),
        ("plans = 5", "map"),
    ] {
        let error = load(text, &[], &[]).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_secret_can_be_in_a_file_that_its_variable_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis");
    std::fs::write(&path, "redis://:canary@queue\n").unwrap();
    let path = path.to_str().unwrap();
    let allow = |mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o646);
    let error = load("", &[], &[("REDIS_URL_FILE", path)]).unwrap_err().to_string();
    assert!(
        error.contains("REDIS_URL_FILE") && error.contains(path) && error.contains("mode 646"),
        "{error}"
    );
    // A file that others can read is a mount if it belongs to root.
    allow(0o644);
    let said = load("", &[], &[("REDIS_URL_FILE", path)]);
    let said = said.map_or_else(|error| error.to_string(), |config| config.warnings.concat());
    assert!(said.contains("REDIS_URL_FILE") && said.contains(path) && said.contains("mode 644"), "{said}");
    allow(0o600);
    let config = load("", &[], &[("REDIS_URL_FILE", path)]).unwrap();
    assert!(config.warnings.is_empty());
    assert_eq!(config.storage.redis_url.unwrap().expose(), "redis://:canary@queue");
    assert_eq!(
        load("", &["--redis-url", "redis://other"], &[("REDIS_URL_FILE", path)])
            .unwrap()
            .storage
            .redis_url
            .unwrap()
            .expose(),
        "redis://other"
    );
    for (variables, part) in [
        (vec![("REDIS_URL_FILE", path), ("REDIS_URL", "redis://x")], "set one of them"),
        (vec![("ZKFLOW_SECRET_KEY_FILE", "/nowhere/key")], "/nowhere/key"),
        // Not a secret.
        (vec![("ZKFLOW_BIND_FILE", path)], "ZKFLOW_BIND_FILE"),
    ] {
        let error = load("", &[], &variables).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn a_file_of_settings_with_a_secret_that_others_can_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zkflow.toml");
    let warnings = |text: &str, mode| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Config::gather(&args(&["--config", path.to_str().unwrap()]), &Environment::default())
            .unwrap()
            .warnings
    };
    let secret = "[storage]\nredis_url = \"redis://:canary@queue\"\n";
    let found = warnings(secret, 0o644).concat();
    assert!(found.contains(path.to_str().unwrap()) && found.contains("mode 644"), "{found}");
    assert!(!found.contains("canary"), "{found}");
    assert!(warnings(secret, 0o600).is_empty());
    assert!(warnings("[http]\nport = 3000\n", 0o644).is_empty());
}

#[test]
fn a_secret_can_be_in_a_file_descriptor() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"redis://:canary@pipe\n").unwrap();
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let config = load("", &[], &[("REDIS_URL_FILE", &path)]).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.storage.redis_url.unwrap().expose(), "redis://:canary@pipe");
    let error = load("", &[], &[("REDIS_URL_FILE", "/dev/fd/1000000")]).unwrap_err().to_string();
    assert!(error.contains("REDIS_URL_FILE") && error.contains("/dev/fd/1000000"), "{error}");
}
