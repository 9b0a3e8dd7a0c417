//! Accepted and refused values, equal for flags, variables and the file.

use zkflow_server::config::{CONCERNS, Setting, settings};

use super::{load, setting};

/// The errors of one text as flag, variable and value of the file.
fn refusals(setting: &Setting, text: &str, toml: &str) -> [String; 3] {
    [
        load("", &[&format!("--{}={text}", setting.flag)], &[]),
        load("", &[], &[(setting.variable, text)]),
        load(&format!("[{}]\n{} = {toml}", setting.table, setting.key), &[], &[]),
    ]
    .map(|outcome| outcome.unwrap_err().to_string())
}

/// Checks that each number of a concern accepts the ends of its range and refuses values beyond them.
fn ranges_are_kept(table: &str) {
    let concern = CONCERNS.iter().find(|concern| concern.table == table).unwrap();
    for setting in concern.settings {
        let Some(range) = &setting.range else { continue };
        for end in [range.start(), range.end()] {
            let mut flags = vec![format!("--{}={end}", setting.flag)];
            // These two are checked against each other.
            match setting.flag {
                "request-time-s" => flags.push("--max-wait-s=0".to_owned()),
                "max-wait-s" => continue,
                _ => {}
            }
            let flags: Vec<_> = flags.iter().map(String::as_str).collect();
            load("", &flags, &[]).unwrap_or_else(|error| panic!("{} refuses {end}: {error}", setting.name()));
        }
        let beyond = range.start().checked_sub(1).into_iter().chain([range.end() + 1, u64::MAX]);
        for number in beyond.map(|number| number.to_string()) {
            for error in refusals(setting, &number, &number) {
                let expected =
                    format!("expected a whole number from {} to {}, found ", range.start(), range.end());
                assert!(error.contains(&expected) && error.contains(&number), "{error}");
            }
        }
    }
}

macro_rules! ranges {
    ($($test:ident: $table:literal;)+) => { $(
        #[test]
        fn $test() {
            ranges_are_kept($table);
        }
    )+ };
}

ranges! {
    numbers_of_http_keep_their_ranges: "http";
    numbers_of_storage_keep_their_ranges: "storage";
    numbers_of_workers_keep_their_ranges: "workers";
    numbers_of_proving_keep_their_ranges: "proving";
    numbers_of_limits_keep_their_ranges: "limits";
    numbers_of_the_chain_keep_their_ranges: "chain";
}

#[test]
fn every_number_has_a_range() {
    for setting in settings() {
        // A number without a fixed default is a share of the memory.
        let default = setting.default_value();
        let is_number = default.map_or(setting.flag.ends_with("-mib"), |value| value.parse::<u64>().is_ok());
        assert_eq!(setting.range.is_some(), is_number, "{}", setting.name());
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_place() {
    for (flag, text, toml, expected) in [
        ("port", "abc", "\"3000\"", "expected a whole number from 0 to 65535, found \""),
        ("port", "-1", "-1", "expected a whole number from 0 to 65535, found "),
        ("port", "1.5", "1.5", "expected a whole number from 0 to 65535, found "),
        ("bind", "localhost", "\"localhost\"", "expected an IP address, found \"localhost\""),
        ("workers", "maybe", "\"true\"", "expected true or false, found \""),
        ("log-level", "loud", "\"loud\"", "expected error, warn, info, debug or trace, found \"loud\""),
        (
            "redis-namespace",
            "a{b}",
            "\"a{b}\"",
            "expected a text without braces that is not empty, found \"a{b}\"",
        ),
        ("keygen-beacon", "00", "\"00\"", "expected VALUE:EXPONENT"),
        ("development-chains", "1,x", "[1, \"x\"]", "expected a list of whole numbers, found "),
    ] {
        let setting = setting(flag);
        let [by_flag, by_variable, by_file] = refusals(setting, text, toml);
        assert!(by_flag.starts_with(&format!("--{flag}: {expected}")), "{by_flag}");
        assert!(
            by_variable.starts_with(&format!("variable {}: {expected}", setting.variable)),
            "{by_variable}"
        );
        assert!(by_file.contains(&format!(":2: {}: {expected}", setting.name())), "{by_file}");
    }
}

#[test]
fn a_path_or_an_optional_text_that_is_empty_is_refused() {
    for flag in ["data-dir", "redis-url", "s3-bucket", "circom-path", "redis-namespace"] {
        let setting = setting(flag);
        let by_flag = load("", &[&format!("--{flag}=")], &[]);
        let by_file = load(&format!("[{}]\n{} = \"\"", setting.table, setting.key), &[], &[]);
        for error in [by_flag, by_file].map(|outcome| outcome.unwrap_err().to_string()) {
            assert!(error.contains("expected a"), "{error}");
        }
    }
    assert!(load("[storage]\ns3_prefix = \"\"\n[circuits]\ntemplates = []", &["--s3-prefix="], &[]).is_ok());
}

/// An empty list of hosts allows every host.
#[test]
fn an_empty_element_of_a_list_is_refused() {
    for text in [",", "a.example,", ",a.example", "a.example, ,b.example"] {
        let error = load("", &[&format!("--hosts={text}")], &[]).unwrap_err().to_string();
        assert!(error.contains("hosts") && error.contains("expected a"), "{text}: {error}");
    }
    let config = load("", &["--hosts= a.example , b.example "], &[]).unwrap();
    assert_eq!(config.auth.hosts, ["a.example", "b.example"]);
    assert!(load("", &["--hosts="], &[]).unwrap().auth.hosts.is_empty());
}

#[test]
fn truth_is_written_in_several_ways_outside_of_the_file() {
    for (text, value) in [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("off", false)] {
        let config = load("", &[], &[("ZKFLOW_DEVELOPMENT", text)]).unwrap();
        assert_eq!(config.chain.development, value, "{text}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let error = load("[http]\nmax_wait_s = 75", &[], &[]).unwrap_err().to_string();
    assert_eq!(error, "http.max_wait_s is 75: it must be less than http.request_time_s, 75");
    let error = load("[limits]\ncircuit_idle_days = 6", &[], &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        "limits.circuit_idle_days is 6: it must be at least limits.proof_ttl_s, 604800 seconds"
    );
    assert!(load("[limits]\ncircuit_idle_days = 7", &[], &[]).is_ok());
    for origin in ["*", "app.example", "https://app.example/", "https://app.example/path"] {
        let error = load("", &[], &[("ZKFLOW_ORIGINS", origin)]).unwrap_err().to_string();
        assert!(error.contains("scheme://host"), "{origin}: {error}");
    }
}
