//! The commands of snarkjs 0.7.6: words, shortcuts, arguments with their default names, options, and what runs them.

use std::fmt;

use super::{Only, circuits, keys};

/// A command of snarkjs.
pub(super) struct Command {
    pub(super) words: &'static str,
    pub(super) shortcuts: &'static [&'static str],
    pub(super) about: &'static str,
    pub(super) params: &'static [Param],
    /// Flag of zkflow, and the names of the same option in snarkjs.
    pub(super) options: &'static [(&'static str, &'static [&'static str])],
    pub(super) run: Run,
}

/// What runs a command.
pub(super) enum Run {
    /// A command of zkflow.
    Own(&'static str),
    /// A function for what only snarkjs has.
    Only(Only),
    /// Nothing, for this reason.
    Refused(&'static str),
}

/// An argument.
pub(super) enum Param {
    /// The name of the curve, which zkflow does not need.
    Curve,
    /// A required argument.
    Needed(&'static str),
    /// A file with a default name.
    File(&'static str),
    /// A file whose default name is the one of the last argument with another extension.
    WithExtension(&'static str),
    /// A new file of powers of tau, named after the power before it.
    NewPowers,
    /// An argument that has no effect.
    Unused(&'static str),
}

use Param::{Curve, File, Needed, NewPowers, Unused, WithExtension};

impl Param {
    pub(super) fn is_needed(&self) -> bool {
        matches!(self, Curve | Needed(_))
    }

    /// The default after the arguments before.
    pub(super) fn default(&self, before: &[String]) -> String {
        let last = before.last().map_or("", String::as_str);
        match self {
            Curve | Needed(_) | Unused(_) => String::new(),
            File(name) => (*name).to_owned(),
            WithExtension(extension) => {
                let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
                format!("{stem}.{extension}")
            }
            NewPowers => format!("powersOfTau{last}_0000.ptau"),
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Curve => f.write_str("<curve>"),
            Needed(name) => write!(f, "<{name}>"),
            File(name) | Unused(name) => write!(f, "[{name}]"),
            WithExtension(extension) => write!(f, "[file.{extension}]"),
            NewPowers => f.write_str("[powersOfTauPOWER_0000.ptau]"),
        }
    }
}

impl Command {
    pub(super) fn usage(&self) -> String {
        let params: String = self.params.iter().map(|param| format!(" {param}")).collect();
        let shortcuts = self.shortcuts.join(", ");
        format!("{}\n\nUsage: snarkjs {}{params}\nShortcuts: {shortcuts}\n", self.about, self.words)
    }
}

/// The command that the words begin with, and its arguments. The longest match counts.
pub(super) fn find(words: &[String]) -> Option<(&'static Command, &[String])> {
    let matched = |name: &str| {
        let mut given = words.iter();
        let all =
            name.split(' ').all(|word| given.next().is_some_and(|given| given.eq_ignore_ascii_case(word)));
        all.then_some(given.as_slice())
    };
    let names = COMMANDS.iter().flat_map(|command| {
        let names = command.shortcuts.iter().chain([&command.words]);
        names.filter_map(move |name| Some((command, matched(name)?)))
    });
    names.min_by_key(|(_, rest)| rest.len())
}

/// The commands whose first word is `word`, one per line; `None` if there is none.
pub(super) fn group(word: &str) -> Option<String> {
    let begins = |command: &&Command| {
        command.words.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case(word))
    };
    let lines: Vec<String> = COMMANDS
        .iter()
        .filter(begins)
        .map(|command| format!("  {:<30} {}", command.words, command.about))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

const NAME: (&str, &[&str]) = ("--name", &["name", "n"]);
const ENTROPY: (&str, &[&str]) = ("--entropy", &["entropy", "e"]);

const NO_PLONK: Run = Run::Refused("PLONK is not offered: zkflow has Groth16 only");
const NO_FFLONK: Run = Run::Refused("FFLONK is not offered: zkflow has Groth16 only");

const fn row(
    words: &'static str,
    shortcuts: &'static [&'static str],
    params: &'static [Param],
    run: Run,
    about: &'static str,
) -> Command {
    Command { words, shortcuts, about, params, options: &[], run }
}

impl Command {
    const fn with(self, options: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { options, ..self }
    }
}

#[rustfmt::skip]
const COMMANDS: &[Command] = &[
    row("powersoftau new", &["ptn"], &[Curve, Needed("power"), NewPowers], Run::Own("ptau new"),
        "Start a powers of tau ceremony"),
    row("powersoftau contribute", &["ptc"], &[Needed("old.ptau"), Needed("new.ptau")], Run::Own("ptau contribute"),
        "Add a contribution to powers of tau").with(&[NAME, ENTROPY]),
    row("powersoftau export challenge", &["ptec"], &[Needed("file.ptau"), File("challenge")],
        Run::Own("ptau export-challenge"), "Write the challenge for a contributor"),
    row("powersoftau challenge contribute", &["ptcc"], &[Curve, Needed("challenge"), WithExtension("response")],
        Run::Own("ptau answer-challenge"), "Answer a challenge").with(&[ENTROPY]),
    row("powersoftau import response", &["ptir"], &[Needed("old.ptau"), Needed("response"), Needed("new.ptau")],
        Run::Own("ptau import-response"), "Add a response to powers of tau").with(&[NAME]),
    row("powersoftau beacon", &["ptb"], &[Needed("old.ptau"), Needed("new.ptau"), Needed("beacon"), Needed("exponent")],
        Run::Own("ptau beacon"), "Apply a beacon to powers of tau").with(&[NAME]),
    row("powersoftau prepare phase2", &["pt2"], &[Needed("old.ptau"), Needed("new.ptau")], Run::Own("ptau prepare"),
        "Compute the Lagrange forms for phase 2"),
    row("powersoftau convert", &["ptcv"], &[Needed("old.ptau"), Needed("new.ptau")],
        Run::Own("ptau prepare"), "Add the form that prepared powers of tau of 2020 lack"),
    row("powersoftau truncate", &["ptt"], &[Needed("file.ptau")], Run::Only(keys::truncate),
        "Write files of all smaller powers"),
    row("powersoftau verify", &["ptv"], &[Needed("file.ptau")], Run::Own("ptau verify"), "Verify powers of tau"),
    row("powersoftau export json", &["ptej"], &[Needed("file.ptau"), Needed("file.json")],
        Run::Refused("`powersoftau export json` is not offered: snarkjs 0.7.6 writes one number for each point, which is none of its coordinates"),
        "Write powers of tau as JSON"),
    row("r1cs info", &["ri", "info"], &[File("circuit.r1cs")], Run::Only(circuits::info), "Show the size of a circuit"),
    row("r1cs print", &["rp", "print"], &[File("circuit.r1cs"), WithExtension("sym")], Run::Only(circuits::print),
        "Show the constraints of a circuit"),
    row("r1cs export json", &["rej"], &[File("circuit.r1cs"), WithExtension("json")], Run::Only(circuits::export_r1cs),
        "Write the constraints of a circuit as JSON"),
    row("wtns calculate", &["wc", "calculatewitness"], &[File("circuit.wasm"), File("input.json"), File("witness.wtns")],
        Run::Own("witness --inputs=lenient"), "Calculate a witness"),
    row("wtns debug", &["wd"],
        &[File("circuit.wasm"), File("input.json"), File("witness.wtns"), Unused("circuit.sym")],
        Run::Own("witness --inputs=lenient"), "Calculate a witness"),
    row("wtns export json", &["wej"], &[File("witness.wtns"), File("witness.json")], Run::Only(circuits::export_witness),
        "Write a witness as JSON"),
    row("wtns check", &["wchk"], &[File("circuit.r1cs"), File("witness.wtns")], Run::Only(circuits::check),
        "Check a witness against the constraints"),
    row("zkey contribute", &["zkc"], &[Needed("old.zkey"), Needed("new.zkey")], Run::Own("zkey contribute"),
        "Add a contribution to a key").with(&[NAME, ENTROPY]),
    row("zkey export bellman", &["zkeb"], &[Needed("file.zkey"), File("circuit.mpcparams")],
        Run::Own("zkey export-mpc-params"), "Write the parameters for a contributor"),
    row("zkey bellman contribute", &["zkbc"], &[Curve, Needed("circuit.mpcparams"), Needed("response.mpcparams")],
        Run::Own("zkey contribute-mpc-params"), "Add a contribution to parameters").with(&[ENTROPY]),
    row("zkey import bellman", &["zkib"], &[Needed("old.zkey"), Needed("circuit.mpcparams"), Needed("new.zkey")],
        Run::Own("zkey import-mpc-params"), "Add the contributions of parameters to a key").with(&[NAME]),
    row("zkey beacon", &["zkb"], &[Needed("old.zkey"), Needed("new.zkey"), Needed("beacon"), Needed("exponent")],
        Run::Own("zkey beacon"), "Apply a beacon to a key").with(&[NAME]),
    row("zkey verify r1cs", &["zkv", "zkvr", "zkey verify"],
        &[File("circuit.r1cs"), File("powersoftau.ptau"), File("circuit_final.zkey")], Run::Own("zkey verify"),
        "Verify a key against its circuit and its powers of tau"),
    row("zkey verify init", &["zkvi"],
        &[File("circuit_0000.zkey"), File("powersoftau.ptau"), File("circuit_final.zkey")], Run::Only(keys::verify_initial),
        "Verify a key against an initial key that you trust"),
    row("zkey export verificationkey", &["zkev"], &[File("circuit_final.zkey"), File("circuit_vk.json")],
        Run::Own("zkey export-vkey --snarkjs"), "Write the verification key"),
    row("zkey export json", &["zkej"], &[File("circuit_final.zkey"), File("circuit_final.zkey.json")],
        Run::Only(keys::export_json), "Write a key as JSON"),
    row("zkey export solidityverifier", &["zkesv", "generateverifier"], &[File("circuit_final.zkey"), File("verifier.sol")],
        Run::Own("zkey export-solidity"), "Write the verifier contract"),
    row("zkey export soliditycalldata", &["zkesc", "generatecall"], &[File("public.json"), File("proof.json")],
        Run::Only(keys::calldata), "Show the arguments of the contract"),
    row("groth16 setup", &["g16s", "zkn", "zkey new"],
        &[File("circuit.r1cs"), File("powersoftau.ptau"), File("circuit_0000.zkey")],
        Run::Own("zkey new --allow-development"), "Make the initial key of a circuit"),
    row("groth16 prove", &["g16p", "zpw", "zksnark proof", "proof"],
        &[File("circuit_final.zkey"), File("witness.wtns"), File("proof.json"), File("public.json")], Run::Own("prove"),
        "Make a proof from a witness"),
    row("groth16 fullprove", &["g16f", "g16i"],
        &[File("input.json"), File("circuit.wasm"), File("circuit_final.zkey"), File("proof.json"), File("public.json")],
        Run::Own("fullprove --inputs=lenient"), "Calculate a witness and make a proof"),
    row("groth16 verify", &["g16v", "verify"],
        &[File("verification_key.json"), File("public.json"), File("proof.json")], Run::Own("verify"),
        "Verify a proof"),
    row("plonk setup", &["pks"], &[], NO_PLONK, "Not offered"),
    row("plonk prove", &["pkp"], &[], NO_PLONK, "Not offered"),
    row("plonk fullprove", &["pkf"], &[], NO_PLONK, "Not offered"),
    row("plonk verify", &["pkv"], &[], NO_PLONK, "Not offered"),
    row("fflonk setup", &["ffs"], &[], NO_FFLONK, "Not offered"),
    row("fflonk prove", &["ffp"], &[], NO_FFLONK, "Not offered"),
    row("fflonk fullprove", &["fff"], &[], NO_FFLONK, "Not offered"),
    row("fflonk verify", &["ffv"], &[], NO_FFLONK, "Not offered"),
    row("file info", &["fi"], &[Needed("file")], Run::Only(circuits::file_info), "Show the sections of a file"),
];

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::line::Line;
    use super::*;

    /// The texts of a field in a line of snarkjs' table: `cmd: "…"`, or `alias: ["…", "…"]`.
    fn texts<'a>(line: &'a str, field: &str) -> Vec<&'a str> {
        let value = line.trim().strip_prefix(field).and_then(|rest| rest.strip_prefix(": "));
        value.map_or_else(Vec::new, |value| value.split('"').skip(1).step_by(2).collect())
    }

    /// The words before the arguments, and the arguments. The old aliases have options in their place.
    fn parts(text: &str) -> (Vec<String>, Vec<&str>) {
        let (words, params): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| !word.starts_with(['<', '[', '-']));
        (words.into_iter().map(str::to_owned).collect(), params)
    }

    #[test]
    fn every_command_of_snarkjs_has_its_shortcuts_arguments_and_options() {
        let tools = std::env::var_os("ZKFLOW_TOOLS")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools"), PathBuf::from);
        let program = std::fs::read_to_string(tools.join("node_modules/snarkjs/cli.js")).unwrap();
        let (_, rest) = program.split_once("const commands = [").unwrap();
        let (commands, _) = rest.split_once("\n];").unwrap();
        let mut found = 0;
        let mut command: Option<&Command> = None;
        for line in commands.lines() {
            for text in texts(line, "cmd") {
                let (words, params) = parts(text);
                let (own, given) = super::find(&words).unwrap_or_else(|| panic!("{text} is missing"));
                assert!(own.words == words.join(" ") && given.is_empty(), "{text}");
                command = Some(own);
                found += 1;
                // zkflow needs a name where snarkjs fails without one.
                if matches!(own.run, Run::Refused(_)) || own.words == "file info" {
                    continue;
                }
                let needed = params.iter().filter(|param| param.starts_with('<')).count();
                assert!(own.accepts(needed) && own.accepts(params.len()), "{text}");
                assert!(needed == 0 || !own.accepts(needed - 1), "{text}");
                assert!(!own.accepts(params.len() + 1), "{text}");
            }
            for text in texts(line, "alias") {
                let (words, _) = parts(text);
                let own = super::find(&words).filter(|(_, given)| given.is_empty());
                assert_eq!(own.map(|(own, _)| own.words), command.map(|own| own.words), "{text}");
            }
            for text in texts(line, "options") {
                let names = text.split([' ', '|', '-']).filter(|name| !name.is_empty());
                let options: Vec<String> = names.map(|name| format!("-{name}=x")).collect();
                assert_eq!(Line::read(&options).unknown(), None, "{text}");
            }
        }
        assert_eq!(found, COMMANDS.len());
    }

    #[test]
    fn the_page_lists_every_command_that_is_not_refused() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md"));
        let page = page.unwrap();
        for command in COMMANDS.iter().filter(|command| !matches!(command.run, Run::Refused(_))) {
            let (group, rest) = command.words.split_once(' ').unwrap();
            let row = page.lines().find(|line| line.starts_with(&format!("| `{group}` |")));
            let entry = format!("`{rest}` (`{}`)", command.shortcuts.join("`, `"));
            assert!(row.is_some_and(|row| row.contains(&entry)), "{group}: {entry}");
        }
    }
}
