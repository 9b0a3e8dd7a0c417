//! Wrong lines and wrong files: the exit code of snarkjs, a message, and no file left.

use std::fs;

use crate::guide::{with_circuit, with_powers};

#[test]
fn wrong_lines_and_files_fail_with_the_exit_code_of_snarkjs_and_leave_no_file() {
    let pair = with_circuit();
    with_powers(&pair);
    let input = fs::read(pair.ours().join("circuit.r1cs")).unwrap();
    pair.put("short.r1cs", &input[..input.len() / 2]);
    pair.put("rubbish", "rubbish");
    pair.put("empty.json", "");
    pair.put("bad_input.json", r#"{"a": 3}"#);
    for line in [
        // The number of arguments.
        "powersoftau new bn128",
        "powersoftau contribute pot_0000.ptau",
        "powersoftau contribute a b c",
        "groth16 prove a b c d e",
        "groth16 unheard",
        "zkey export",
        "wtns",
        // Values.
        "powersoftau new bn128 0 x.ptau",
        "powersoftau new bn128 29 x.ptau",
        "powersoftau new bn128 many x.ptau",
        "powersoftau new secp256k1 4 x.ptau",
        "powersoftau beacon pot_0002.ptau x.ptau xyz 10",
        // Files that are missing, or of another kind.
        "powersoftau verify missing.ptau",
        "powersoftau contribute rubbish x.ptau -e=x",
        "powersoftau contribute circuit.r1cs x.ptau -e=x",
        "powersoftau export challenge rubbish x",
        "powersoftau convert rubbish x.ptau",
        "powersoftau challenge contribute bn128 missing x -e=x",
        "powersoftau import response pot_0001.ptau rubbish x.ptau",
        "groth16 setup circuit.r1cs rubbish x.zkey",
        "groth16 setup missing.r1cs pot_0002.ptau x.zkey",
        "groth16 prove missing.zkey witness.wtns x.json y.json",
        "groth16 prove rubbish rubbish x.json y.json",
        "groth16 verify empty.json empty.json empty.json",
        "groth16 fullprove input.json rubbish rubbish x.json y.json",
        "zkey contribute rubbish x.zkey -e=x",
        "zkey contribute pot_0002.ptau x.zkey -e=x",
        "zkey beacon rubbish x.zkey 01 10",
        "zkey export verificationkey rubbish x.json",
        "zkey export solidityverifier rubbish x.sol",
        "zkey export bellman rubbish x",
        "zkey export json rubbish x.json",
        "zkey export soliditycalldata empty.json empty.json",
        "zkey import bellman rubbish rubbish x.zkey",
        "zkvi rubbish rubbish rubbish",
        "r1cs info rubbish",
        "r1cs info short.r1cs",
        "r1cs export json missing x.json",
        "r1cs print missing",
        "wtns export json rubbish x.json",
        "wtns check circuit.r1cs rubbish",
        "wtns calculate circuit_js/circuit.wasm bad_input.json x.wtns",
        "wtns calculate circuit_js/circuit.wasm empty.json x.wtns",
        "wtns calculate rubbish input.json x.wtns",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        pair.refused(&words);
    }
}

/// snarkjs accepts these, or writes a useless file.
#[test]
fn what_zkflow_refuses_on_purpose_says_why() {
    let pair = with_circuit();
    with_powers(&pair);
    pair.same(&["powersoftau", "prepare", "phase2", "pot_0002.ptau", "final.ptau"]);
    pair.same(&["groth16", "setup", "circuit.r1cs", "final.ptau", "0.zkey"]);
    for (line, reason) in [
        ("zkey export verificationkey 0.zkey x.json", "no contribution"),
        ("zkey export solidityverifier 0.zkey x.sol", "no contribution"),
        ("zkey verify circuit.r1cs final.ptau 0.zkey -v", "no contribution"),
        ("zkvi 0.zkey final.ptau 0.zkey", "no contribution"),
        ("plonk setup circuit.r1cs final.ptau x.zkey", "Groth16 only"),
        ("fflonk prove x", "Groth16 only"),
        ("powersoftau export json final.ptau x.json", "none of its coordinates"),
        ("powersoftau new bls12-381 4 x.ptau", "not offered"),
        ("powersoftau import response a b c -nopoints", "not offered"),
        ("powersoftau beacon pot_0002.ptau x.ptau 01 5", "exponent"),
        ("powersoftau contribute pot_0002.ptau x.ptau --name", "equals sign"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let output = pair.zkflow(&words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {error}");
        assert!(error.contains(reason), "{line}: {error}");
        assert!(
            !["x.json", "x.sol", "x.ptau", "x.zkey"].iter().any(|name| pair.ours().join(name).exists()),
            "{line}"
        );
    }
}
