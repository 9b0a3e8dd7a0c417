//! The commands of snarkjs' guide for Groth16, in its order, and the commands that it does not mention.

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
    for name in ["circuit.r1cs", "circuit.sym", "circuit_js/circuit.wasm"] {
        pair.put(name, fs::read(pair.ours().join(name)).unwrap());
    }
    pair
}

/// Powers of tau for circuits of up to 2^6 rows, by one program each.
pub(crate) fn with_powers(pair: &Pair) {
    let name = "--name=First contribution";
    pair.same(&["powersoftau", "new", "bn128", "7", "pot_0000.ptau", "-v"]);
    pair.random(
        &["powersoftau", "contribute", "pot_0000.ptau", "pot_0001.ptau", name, "-v"],
        &["pot_0001.ptau"],
        From::Ours,
    );
    let second = ["--name=Second contribution", "-v", "-e=some random text"];
    pair.random(
        &[&["ptc", "pot_0001.ptau", "pot_0002.ptau"][..], &second].concat(),
        &["pot_0002.ptau"],
        From::Theirs,
    );
}

#[test]
fn the_commands_of_the_guide_leave_the_files_and_exit_codes_of_snarkjs() {
    let pair = with_circuit();
    with_powers(&pair);

    pair.same(&["powersoftau", "export", "challenge", "pot_0002.ptau", "challenge_0003"]);
    let answer = [
        "powersoftau",
        "challenge",
        "contribute",
        "bn128",
        "challenge_0003",
        "response_0003",
        "-e=some random text",
    ];
    for from in [From::Theirs, From::Ours] {
        pair.random(&answer, &["response_0003"], from);
        pair.same(&[
            "powersoftau",
            "import",
            "response",
            "pot_0002.ptau",
            "response_0003",
            "pot_0003.ptau",
            "-n=Third name",
        ]);
    }
    pair.same(&["powersoftau", "verify", "pot_0003.ptau"]);
    pair.same(&[
        "powersoftau",
        "beacon",
        "pot_0003.ptau",
        "pot_beacon.ptau",
        BEACON,
        "10",
        "-n=Final Beacon",
    ]);
    pair.same(&["powersoftau", "prepare", "phase2", "pot_beacon.ptau", "pot_final.ptau", "-v"]);
    pair.same(&["powersoftau", "verify", "pot_final.ptau"]);
    pair.same(&["powersoftau", "truncate", "pot_final.ptau"]);

    for line in
        [&["r1cs", "info", "circuit.r1cs"][..], &["r1cs", "print", "circuit.r1cs", "circuit.sym"], &["print"]]
    {
        let [ours, theirs] = pair.same(line);
        assert_eq!(ours, theirs, "{line:?}");
    }
    pair.same(&["r1cs", "export", "json", "circuit.r1cs", "circuit.r1cs.json"]);
    pair.same(&["wtns", "calculate", "circuit_js/circuit.wasm", "input.json", "witness.wtns"]);
    pair.same(&["wtns", "check", "circuit.r1cs", "witness.wtns"]);
    pair.same(&["wtns", "export", "json", "witness.wtns", "witness.json"]);

    pair.same(&["groth16", "setup", "circuit.r1cs", "pot_final.ptau", "circuit_0000.zkey"]);
    let first =
        ["zkey", "contribute", "circuit_0000.zkey", "circuit_0001.zkey", "--name=1st Contributor Name", "-v"];
    pair.random(&first, &["circuit_0001.zkey"], From::Ours);
    let second =
        ["zkey", "contribute", "circuit_0001.zkey", "circuit_0002.zkey", "--name=Second", "-v", "-e=Another"];
    pair.random(&second, &["circuit_0002.zkey"], From::Theirs);
    pair.same(&["zkey", "export", "bellman", "circuit_0002.zkey", "challenge_phase2_0003"]);
    let answer = [
        "zkey",
        "bellman",
        "contribute",
        "bn128",
        "challenge_phase2_0003",
        "response_phase2_0003",
        "-e=some text",
    ];
    for from in [From::Theirs, From::Ours] {
        pair.random(&answer, &["response_phase2_0003"], from);
        // The same content, with the sections in another order.
        let import = ["zkib", "circuit_0002.zkey", "response_phase2_0003", "circuit_0003.zkey", "-n=Third"];
        pair.random(&import, &["circuit_0003.zkey"], from);
    }
    pair.same(&["zkey", "verify", "circuit.r1cs", "pot_final.ptau", "circuit_0003.zkey"]);
    pair.same(&[
        "zkey",
        "beacon",
        "circuit_0003.zkey",
        "circuit_final.zkey",
        BEACON,
        "10",
        "-n=Final Beacon phase2",
    ]);
    pair.same(&["zkey", "verify", "circuit.r1cs", "pot_final.ptau", "circuit_final.zkey"]);
    pair.same(&["zkvi", "circuit_0000.zkey", "pot_final.ptau", "circuit_final.zkey"]);
    pair.same(&["zkey", "export", "verificationkey", "circuit_final.zkey", "verification_key.json"]);
    pair.same(&["zkey", "export", "json"]);

    pair.random(&["groth16", "prove"], &["proof.json"], From::Ours);
    pair.same(&["groth16", "verify"]);
    let all = [
        "groth16",
        "fullprove",
        "input.json",
        "circuit_js/circuit.wasm",
        "circuit_final.zkey",
        "proof.json",
        "public.json",
    ];
    pair.random(&all, &["proof.json"], From::Theirs);
    pair.same(&["verify"]);
    let [ours, theirs] = pair.same(&["zkey", "export", "soliditycalldata", "public.json", "proof.json"]);
    assert_eq!(ours, theirs);
    pair.same(&["zkey", "export", "solidityverifier", "circuit_final.zkey", "verifier.sol"]);
    assert!(
        fs::read_to_string(pair.ours().join("verifier.sol")).unwrap().contains("contract Groth16Verifier")
    );
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
