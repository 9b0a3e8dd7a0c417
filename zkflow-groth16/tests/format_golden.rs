//! Reads files of circom and snarkjs and writes them unchanged, byte for byte. See `data/README.md` for their
//! origin.

use zkflow_groth16::format::r1cs::R1cs;
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::format::zkey::{ContributionKind, ZKey};
use zkflow_groth16::format::{Kind, detect, json, wtns};
use zkflow_groth16::report::CircuitReport;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name))
    };
}

#[test]
fn a_constraint_system_of_circom_comes_back_byte_for_byte() {
    let r1cs = R1cs::read(data!("tiny.r1cs")).unwrap();
    assert_eq!((r1cs.n_wires, r1cs.n_outputs, r1cs.n_public_inputs, r1cs.n_private_inputs), (8, 3, 2, 2));
    assert_eq!(r1cs.write(), data!("tiny.r1cs"));
}

#[test]
fn a_witness_of_snarkjs_comes_back_byte_for_byte_and_satisfies_its_system() {
    let witness = wtns::read(data!("tiny.wtns")).unwrap();
    assert_eq!(wtns::write(&witness), data!("tiny.wtns"));
    let values = witness.values();
    for constraint in R1cs::read(data!("tiny.r1cs")).unwrap().constraints {
        let [a, b, c] = [&constraint.a, &constraint.b, &constraint.c]
            .map(|terms| terms.iter().map(|(wire, coefficient)| values[*wire as usize] * coefficient).sum());
        let [a, b, c]: [zkflow_groth16::field::Scalar; 3] = [a, b, c];
        assert_eq!(a * b, c);
    }
    let public = json::read_public(data!("tiny.public.json")).unwrap();
    assert_eq!(values[1..=5], public);
}

#[test]
fn names_of_circom_come_back_byte_for_byte() {
    let sym = Sym::read(data!("tiny.sym")).unwrap();
    assert_eq!(sym.write(), data!("tiny.sym"));
    assert_eq!(sym.by_label(7).unwrap().wire, None);
}

#[test]
fn a_contributed_key_of_snarkjs_comes_back_byte_for_byte() {
    let key = ZKey::read(data!("tiny.zkey")).unwrap();
    assert_eq!(key.write(), data!("tiny.zkey"));
    let names: Vec<_> =
        key.head.contributions.iter().map(|one| one.name.as_ref().unwrap().as_str()).collect();
    assert_eq!(names, ["first", "final"]);
    assert_eq!(key.head.contributions[0].kind, ContributionKind::Secret);
    assert!(matches!(&key.head.contributions[1].kind,
        ContributionKind::Beacon { exponent: 10, hash } if hash.as_bytes() == [1, 2, 3, 4, 5, 6, 7, 8]));
}

#[test]
fn an_initial_key_comes_back_byte_for_byte_or_with_its_sections_in_ascending_order() {
    let key = ZKey::read(data!("tiny.initial.zkey")).unwrap();
    assert_eq!(key.write_initial(), data!("tiny.initial.zkey"));
    let written = key.write();
    assert_eq!(written.len(), data!("tiny.initial.zkey").len());
    assert_ne!(written, data!("tiny.initial.zkey"));
    assert_eq!(ZKey::read(&written), Ok(key));
}

#[test]
fn a_key_holds_the_matrices_of_its_constraint_system() {
    let (key, r1cs) = (ZKey::read(data!("tiny.zkey")).unwrap(), R1cs::read(data!("tiny.r1cs")).unwrap());
    assert_eq!(u64::from(key.head.domain_size), r1cs.domain_size());
    let entries: Vec<_> = key.coefficients.iter().map(|entry| (entry.signal, entry.value)).collect();
    let mut expected = Vec::new();
    for constraint in &r1cs.constraints {
        expected.extend(constraint.a.iter().chain(&constraint.b));
    }
    expected.extend((0..=r1cs.n_public()).map(|signal| (signal, 1u64.into())));
    assert_eq!(entries, expected);
}

#[test]
fn the_report_predicts_the_length_of_the_key() {
    let sym = Sym::read(data!("tiny.sym")).unwrap();
    let mut report = CircuitReport::of(&R1cs::read(data!("tiny.r1cs")).unwrap(), Some(&sym));
    assert_eq!(report.proving_key_bytes, data!("tiny.initial.zkey").len() as u64);
    assert_eq!((report.non_linear_constraints, report.linear_constraints), (3, 1));
    // The wire of the unused input was removed; a recording tells that it is used nowhere.
    assert_eq!(report.warnings, []);
    report.add_unused_inputs([3].into_iter(), Some(&sym));
    assert_eq!(report.warnings[0].signals, ["main.unused"]);
}

#[test]
fn json_of_snarkjs_comes_back_byte_for_byte() {
    let proof = json::read_proof(data!("tiny.proof.json")).unwrap();
    assert_eq!(json::proof_text(&proof).as_bytes(), data!("tiny.proof.json"));
    let public = json::read_public(data!("tiny.public.json")).unwrap();
    assert_eq!(json::public_text(&public).as_bytes(), data!("tiny.public.json"));
    let key = json::read_vkey(data!("tiny.vkey.json")).unwrap();
    assert_eq!(json::vkey_text(&key), String::from_utf8_lossy(data!("tiny.vkey.json")));
    assert_eq!(key, ZKey::read(data!("tiny.zkey")).unwrap().head.vk);
}

#[test]
fn every_file_is_detected() {
    assert_eq!(detect(data!("tiny.r1cs")), Some(Kind::R1cs));
    assert_eq!(detect(data!("tiny.wtns")), Some(Kind::Wtns));
    assert_eq!(detect(data!("tiny.zkey")), Some(Kind::ZKey));
    assert_eq!(detect(data!("tiny.sym")), Some(Kind::Sym));
    assert_eq!(detect(data!("tiny.proof.json")), Some(Kind::Proof));
    assert_eq!(detect(data!("tiny.public.json")), Some(Kind::PublicSignals));
    assert_eq!(detect(data!("tiny.vkey.json")), Some(Kind::VerifyingKey));
}
