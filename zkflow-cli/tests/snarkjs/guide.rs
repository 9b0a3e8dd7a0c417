//! The commands of snarkjs' guide, read from its README, and the commands that it does not mention.

use std::fs;
use std::process::Command;

use crate::pair::{From, Pair, modules};

/// A product with many constraints, a public input, and a wire with two names.
const CIRCUIT: &str = "pragma circom 2.0.0;
template Multiplier(n) {
    signal input a; signal input b; signal output c; signal output d;
    signal int[n];
    int[0] <== a * a + b;
    for (var i = 1; i < n; i++) { int[i] <== int[i - 1] * int[i - 1] + b; }
    c <== int[n - 1];
    d <== a - 5 * b + 7;
}
component main {public [b]} = Multiplier(50);
";

const BEACON: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Compiles the circuit and puts its files and an input into both folders.
pub(crate) fn with_circuit() -> Pair {
    let pair = Pair::new();
    pair.put("circuit.circom", CIRCUIT);
    pair.put("input.json", r#"{"a": 3, "b": "11"}"#);
    let circom = modules().join("circom2/cli.js");
    let arguments = ["circuit.circom", "--r1cs", "--wasm", "--sym"];
    let made = Command::new("node").arg(circom).args(arguments).current_dir(pair.ours()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let module = fs::read(pair.ours().join("circuit_js/circuit.wasm")).unwrap();
    pair.put("circuit.wasm", &module);
    pair.put("circuit_js/circuit.wasm", &module);
    for name in ["circuit.r1cs", "circuit.sym"] {
        pair.put(name, fs::read(pair.ours().join(name)).unwrap());
    }
    pair
}

/// Powers of tau for circuits of up to 2^6 rows, by one program each.
pub(crate) fn with_powers(pair: &Pair) {
    pair.same(&["powersoftau", "new", "bn128", "7", "pot_0000.ptau", "-v"]);
    pair.random(&["ptc", "pot_0000.ptau", "pot_0001.ptau"], &["pot_0001.ptau"], From::Ours);
    pair.random(&["ptc", "pot_0001.ptau", "pot_0002.ptau", "-e=text"], &["pot_0002.ptau"], From::Theirs);
}

/// What both programs must do alike with a line of the guide.
enum Step {
    /// Exit code and files.
    Files,
    /// Also the standard output.
    Output,
    /// All but the content of the file in this place of the words, which is drawn.
    Drawn(usize),
    /// All but the order of the sections of the file in this place.
    Layout(usize),
    /// zkflow refuses it.
    Refused,
    /// snarkjs itself ends with an error.
    Skipped,
}

/// The lines that begin with these words; all others are [`Step::Files`].
const STEPS: [(&str, Step); 13] = [
    ("--help", Step::Skipped),
    ("plonk", Step::Refused),
    ("fflonk", Step::Refused),
    ("powersoftau contribute", Step::Drawn(3)),
    ("powersoftau challenge contribute", Step::Drawn(5)),
    ("zkey contribute", Step::Drawn(3)),
    ("zkey bellman contribute", Step::Drawn(5)),
    ("zkey import bellman", Step::Layout(5)),
    ("groth16 prove", Step::Drawn(4)),
    ("groth16 fullprove", Step::Drawn(5)),
    ("r1cs info", Step::Output),
    ("r1cs print", Step::Output),
    ("zkey export soliditycalldata", Step::Output),
];

/// The commands of snarkjs' README, in its order, as words without `snarkjs`, for small powers of tau.
fn lines_of_the_guide() -> Vec<Vec<String>> {
    let readme = fs::read_to_string(modules().join("snarkjs/README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("snarkjs "));
    let small = |word: String| if word == "14" { "7".to_owned() } else { word };
    lines.map(|line| words(line).into_iter().map(small).collect()).collect()
}

/// The words of a line of a shell; only double quotes are special.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Powers of tau as they were prepared in 2020: without the form for the largest domain, the last of section 12.
fn of_2020(file: &[u8], power: u32) -> Vec<u8> {
    let (mut old, mut rest) = (file[..12].to_vec(), &file[12..]);
    while let Some((head, behind)) = rest.split_at_checked(12) {
        let length = u64::from_le_bytes(head[4..].try_into().unwrap()) as usize;
        let (body, further) = behind.split_at(length);
        let kept = if head[0] == 12 { length - (64 << (power + 1)) } else { length };
        old.extend(&head[..4]);
        old.extend((kept as u64).to_le_bytes());
        old.extend(&body[..kept]);
        rest = further;
    }
    old
}

#[test]
fn the_commands_of_the_guide_leave_the_files_and_exit_codes_of_snarkjs() {
    let pair = with_circuit();
    let lines = lines_of_the_guide();
    assert!(lines.len() > 30, "{lines:?}");
    let mut drawn = 0;
    for line in &lines {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let text = line.join(" ");
        let begins = |(words, _): &&(&str, Step)| text.starts_with(*words);
        let is_help = line.len() > 1 && line.contains(&"--help");
        match STEPS.iter().find(begins).map_or(&Step::Files, |(_, step)| step) {
            Step::Skipped => assert_eq!(pair.snarkjs(&line).status.code(), Some(99)),
            Step::Refused => assert_eq!(pair.zkflow(&line).status.code(), Some(1), "{text}"),
            Step::Drawn(place) if !is_help => {
                drawn += 1;
                pair.random(&line, &[line[*place]], if drawn % 2 == 0 { From::Ours } else { From::Theirs });
            }
            Step::Layout(place) => pair.random(&line, &[line[*place]], From::Ours),
            Step::Output => {
                let [ours, theirs] = pair.same(&line);
                assert_eq!(ours, theirs, "{text}");
            }
            Step::Files | Step::Drawn(_) => drop(pair.same(&line)),
        }
    }
    assert!(
        fs::read_to_string(pair.ours().join("verifier.sol")).unwrap().contains("contract Groth16Verifier")
    );

    // The guide does not mention these.
    pair.same(&["powersoftau", "truncate", "pot14_final.ptau"]);
    let made = fs::read(pair.ours().join("pot14_final.ptau")).unwrap();
    pair.put("pot_2020.ptau", of_2020(&made, 7));
    pair.same(&["powersoftau", "convert", "pot_2020.ptau", "pot_converted.ptau"]);
    assert!(fs::read(pair.ours().join("pot_converted.ptau")).unwrap() == made);
    let [ours, theirs] = pair.same(&["print"]);
    assert_eq!(ours, theirs);
    pair.same(&["wtns", "export", "json", "witness.wtns", "witness.json"]);
    pair.same(&["zkvi", "circuit_0000.zkey", "pot14_final.ptau", "circuit_final.zkey"]);
    pair.same(&["zkey", "export", "json"]);
    pair.random(&["groth16", "prove"], &["proof.json"], From::Ours);
    pair.same(&["groth16", "verify"]);
    pair.same(&["verify"]);

    // The answers of the other program.
    let answer =
        ["powersoftau", "challenge", "contribute", "bn128", "challenge_0003", "response_0003", "-e=x"];
    pair.random(&answer, &["response_0003"], From::Ours);
    pair.same(&[
        "powersoftau",
        "import",
        "response",
        "pot14_0002.ptau",
        "response_0003",
        "pot14_0003.ptau",
        "-n=x",
    ]);
    let answer = ["zkbc", "bn128", "challenge_phase2_0003", "response_phase2_0003", "-e=some text"];
    pair.random(&answer, &["response_phase2_0003"], From::Theirs);
    let import = ["zkib", "circuit_0002.zkey", "response_phase2_0003", "circuit_0003.zkey", "-n=Third"];
    pair.random(&import, &["circuit_0003.zkey"], From::Theirs);
}

#[test]
fn shortcuts_default_names_and_the_layout_of_files_are_those_of_snarkjs() {
    let pair = with_circuit();
    pair.same(&["ptn", "bn128", "6"]);
    pair.same(&["ptb", "powersOfTau6_0000.ptau", "powersoftau0.ptau", BEACON, "10"]);
    pair.same(&["pt2", "powersoftau0.ptau", "powersoftau.ptau"]);
    pair.same(&["ptec", "powersOfTau6_0000.ptau"]);
    pair.random(&["ptcc", "BN254", "challenge"], &["challenge.response"], From::Ours);
    pair.same(&["rej"]);
    pair.same(&["g16s"]);
    pair.same(&["zkb", "circuit_0000.zkey", "b.zkey", BEACON, "11", "-name=with one dash"]);
    pair.random(
        &["zkc", "b.zkey", "circuit_final.zkey", "-entropy=x"],
        &["circuit_final.zkey"],
        From::Theirs,
    );
    pair.same(&["zkev"]);
    pair.same(&["zkeb", "circuit_final.zkey"]);
    pair.random(&["zkbc", "bn128", "circuit.mpcparams", "response"], &["response"], From::Ours);
    pair.same(&[
        "wd",
        "circuit_js/circuit.wasm",
        "input.json",
        "witness.wtns",
        "circuit.sym",
        "-g",
        "-s",
        "-t",
    ]);
    pair.same(&["wej"]);
    pair.same(&["wchk"]);
    for name in ["circuit.r1cs", "witness.wtns", "circuit_final.zkey", "powersoftau.ptau"] {
        let printed = pair.same(&["file", "info", name]);
        let [ours, theirs] = printed.map(|text| {
            let sections =
                text.lines().filter(|line| line.starts_with("section")).map(|line| line.split_whitespace());
            sections.map(|words| words.collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        });
        assert!(!ours.is_empty());
        assert_eq!(ours, theirs, "{name}");
    }
    for help in [&["groth16", "prove", "--help"], &["zkey", "export", "-h"], &["g16f", "-help", "-v"]] {
        assert_eq!(pair.zkflow(help).status.code(), pair.snarkjs(help).status.code(), "{help:?}");
    }
}
