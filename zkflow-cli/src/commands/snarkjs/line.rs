//! Splits a command line as snarkjs does.

use std::collections::BTreeMap;

/// Words and options of a line. An option has any number of dashes, and its value follows after `=`.
pub(super) struct Line {
    pub(super) words: Vec<String>,
    /// `None`: an option without a value.
    options: BTreeMap<String, Option<String>>,
}

/// All options of snarkjs for Groth16.
const OPTIONS: [&str; 17] = [
    "verbose", "v", "name", "n", "entropy", "e", "protocol", "nopoints", "nocheck", "get", "g", "set", "s",
    "trigger", "t", "help", "h",
];

impl Line {
    pub(super) fn read(arguments: &[String]) -> Self {
        let mut line = Self { words: Vec::new(), options: BTreeMap::new() };
        for argument in arguments {
            match argument.trim_start_matches('-') {
                option if option.len() < argument.len() && !option.is_empty() => {
                    let (name, value) = match option.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (option, None),
                    };
                    line.options.insert(name.to_owned(), value);
                }
                _ => line.words.push(argument.clone()),
            }
        }
        line
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    /// The first option that snarkjs does not have.
    pub(super) fn unknown(&self) -> Option<&str> {
        self.options.keys().map(String::as_str).find(|name| !OPTIONS.contains(name))
    }

    /// Fails for an option that changes the output in a way that is not offered.
    pub(super) fn expect_offered(&self) -> Result<(), String> {
        if self.has("nopoints") {
            return Err("-nopoints is not offered: a file without points cannot be verified".to_owned());
        }
        Ok(())
    }

    /// The value of the first of these options that is present.
    pub(super) fn value(&self, names: &[&str]) -> Result<Option<&str>, String> {
        let Some((name, value)) = names.iter().find_map(|name| self.options.get_key_value(*name)) else {
            return Ok(None);
        };
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(format!("the option {name} has no value: write -{name}=TEXT, with an equals sign")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_anywhere_with_any_number_of_dashes() {
        let arguments = ["a", "-e=x=y", "---name=", "-v", "b", "-"].map(str::to_owned);
        let line = Line::read(&arguments);
        assert_eq!(line.words, ["a", "b", "-"]);
        assert_eq!(line.value(&["entropy", "e"]), Ok(Some("x=y")));
        assert_eq!(line.value(&["name", "n"]), Ok(Some("")));
        assert!(line.value(&["v"]).is_err());
        assert_eq!((line.has("v"), line.unknown()), (true, None));
    }
}
