//! The command line of snarkjs 0.7.6, as far as it is about Groth16 over BN254.
//!
//! A line that zkflow's own parser accepts is zkflow's. Any other line is looked up in [`table`]. Most of its commands
//! are translated to a command of zkflow; a few exist only here.

mod circuits;
mod keys;
mod line;
mod table;

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::Error;
use super::output::tell;
use line::Line;
use table::{Command, Param, Run};

/// What a line of snarkjs is run as.
pub(crate) enum Plan {
    /// The arguments of a command of zkflow.
    Own(Vec<String>),
    /// A command that only snarkjs has, with its arguments.
    Only(Only, Vec<String>),
    /// A text for standard output.
    Help(String),
    /// A text for standard error, and the exit code.
    Refused(String, u8),
}

/// Runs a command that only snarkjs has.
pub(crate) type Only = fn(&[String]) -> Result<ExitCode, Error>;

/// Exit code of snarkjs for a line that it does not understand.
const USAGE: u8 = 99;

/// The plan for arguments that zkflow's own parser rejected with `rejected`; `None` if zkflow's message is the answer.
pub(crate) fn plan(arguments: &[String], rejected: ErrorKind) -> Option<Plan> {
    let line = Line::read(arguments);
    let is_own = rejected != ErrorKind::InvalidSubcommand;
    let Some((command, given)) = table::find(&line.words) else {
        let group = line.words.first().filter(|_| !is_own).and_then(|word| table::group(word))?;
        return Some(Plan::Refused(format!("snarkjs has no such command\n{group}"), USAGE));
    };
    // zkflow has a command of the same name: its message is the better one for a line that is wrong in both.
    if is_own && (line.unknown().is_some() || !command.accepts(given.len())) {
        return None;
    }
    if line.has("help") || line.has("h") {
        return Some(Plan::Help(command.usage()));
    }
    if let Some(option) = line.unknown() {
        tell(format_args!("zkflow: warning: snarkjs has no option {option:?}; it is ignored"));
    }
    Some(command.plan(given, &line))
}

impl Command {
    /// Whether the command can have so many arguments.
    fn accepts(&self, count: usize) -> bool {
        let needed = self.params.iter().filter(|param| param.is_needed()).count();
        (needed..=self.params.len()).contains(&count)
    }

    fn plan(&self, given: &[String], line: &Line) -> Plan {
        if let Run::Refused(reason) = self.run {
            return Plan::Refused(reason.to_owned(), 1);
        }
        if !self.accepts(given.len()) {
            return Plan::Refused(format!("wrong number of arguments\n{}", self.usage()), USAGE);
        }
        self.translate(given, line).unwrap_or_else(|error| Plan::Refused(error, 1))
    }

    fn translate(&self, given: &[String], line: &Line) -> Result<Plan, String> {
        line.expect_offered()?;
        let mut arguments = Vec::new();
        for (index, param) in self.params.iter().enumerate() {
            match (param, given.get(index)) {
                (Param::Curve, curve) => expect_bn254(curve.map_or("", String::as_str))?,
                (Param::Unused(_), _) => {}
                (_, Some(text)) => arguments.push(text.clone()),
                (param, None) => arguments.push(param.default(&arguments)),
            }
        }
        let words = match self.run {
            Run::Only(run) => return Ok(Plan::Only(run, arguments)),
            Run::Own(words) => words.split(' ').map(str::to_owned),
            Run::Refused(reason) => return Err(reason.to_owned()),
        };
        let mut own: Vec<String> = words.collect();
        for (flag, names) in self.options {
            own.extend(line.value(names)?.map(|value| format!("{flag}={value}")));
        }
        own.extend(arguments);
        Ok(Plan::Own(own))
    }
}

fn expect_bn254(curve: &str) -> Result<(), String> {
    let plain: String = curve.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "bn128" | "bn254" | "altbn128" => Ok(()),
        _ => Err(format!("the curve {curve:?} is not offered: expected bn128")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str, rejected: ErrorKind) -> Option<Plan> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        plan(&arguments, rejected)
    }

    fn own(line: &str) -> String {
        match planned(line, ErrorKind::InvalidSubcommand) {
            Some(Plan::Own(arguments)) => arguments.join(" "),
            Some(Plan::Refused(text, code)) => format!("{code} {text}"),
            _ => "other".to_owned(),
        }
    }

    #[test]
    fn arguments_keep_their_order_and_get_the_default_names_of_snarkjs() {
        for (line, expected) in [
            ("groth16 prove", "prove circuit_final.zkey witness.wtns proof.json public.json"),
            ("G16P k w", "prove k w proof.json public.json"),
            ("zksnark proof k", "prove k witness.wtns proof.json public.json"),
            ("ptn bn128 4", "ptau new 4 powersOfTau4_0000.ptau"),
            ("powersoftau new ALT_BN-128 4 x", "ptau new 4 x"),
            ("ptc -v a b --name=x=y -e=t", "ptau contribute --name=x=y --entropy=t a b"),
            ("ptcc bn254 c.0 -e=t", "ptau answer-challenge --entropy=t c.0 c.response"),
            ("ptcc bn254 c_0", "ptau answer-challenge c_0 c_0.response"),
            ("zkev k", "zkey export-vkey --snarkjs k circuit_vk.json"),
            ("zkey verify r1cs a b c", "zkey verify a b c"),
            ("zkey verify a b", "zkey verify a b circuit_final.zkey"),
            ("wd a b c d -g", "witness --inputs=lenient a b c"),
            ("ptcv a b -v", "ptau prepare a b"),
        ] {
            assert_eq!(own(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused_with_the_exit_code_of_snarkjs() {
        for (line, code) in [
            ("plonk setup", "1 "),
            ("ffv", "1 "),
            ("ptn bls12381 4", "1 the curve \"bls12381\" is not offered"),
            ("ptir a b c -nopoints", "1 "),
            ("ptc a b --name", "1 "),
            ("ptc a", "99 "),
            ("ptc a b c", "99 "),
            ("groth16", "99 "),
            ("groth16 x", "99 "),
        ] {
            assert!(own(line).starts_with(code), "{line}: {}", own(line));
        }
        assert!(planned("nonsense", ErrorKind::InvalidSubcommand).is_none());
    }

    #[test]
    fn a_line_that_is_wrong_in_both_gets_the_message_of_zkflow() {
        for line in
            ["zkey contribute a", "zkey contribute a b --nmae=x", "verify a b c d", "zkey", "deploy x"]
        {
            assert!(planned(line, ErrorKind::UnknownArgument).is_none(), "{line}");
        }
        assert!(matches!(planned("verify", ErrorKind::MissingRequiredArgument), Some(Plan::Own(_))));
    }
}
