use ark_ec::AffineRepr;
use serde_json::json;

use super::*;

fn proof() -> Proof {
    Proof { a: G1Affine::generator(), b: G2Affine::generator(), c: G1Affine::identity() }
}

fn key() -> VerifyingKey {
    let g2 = G2Affine::generator();
    VerifyingKey {
        alpha_g1: G1Affine::generator(),
        beta_g2: g2,
        gamma_g2: g2,
        delta_g2: g2,
        ic: vec![G1Affine::generator(); 3],
    }
}

fn proof_refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut value = proof_to_json(&proof());
    change(&mut value);
    proof_from_json(&value).unwrap_err().to_string()
}

#[test]
fn documents_come_back_as_they_were_written() {
    assert_eq!(read_proof(proof_text(&proof()).as_bytes()), Ok(proof()));
    assert_eq!(read_vkey(vkey_text(&key()).as_bytes()), Ok(key()));
    let at_infinity = VerifyingKey { beta_g2: G2Affine::identity(), ic: Vec::new(), ..key() };
    let at_infinity = VerifyingKey { ic: vec![G1Affine::identity()], ..at_infinity };
    assert_eq!(vkey_from_json(&vkey_to_json(&at_infinity)), Ok(at_infinity));
    for signals in [vec![], vec![Fr::from(0u64), -Fr::from(1u64)]] {
        assert_eq!(read_public(public_text(&signals).as_bytes()), Ok(signals.clone()));
        assert_eq!(public_from_json(&public_to_json(&signals)), Ok(signals));
    }
}

#[test]
fn infinity_is_written_as_snarkjs_does() {
    assert_eq!(proof_to_json(&proof())["pi_c"], json!(["0", "1", "0"]));
    let at_infinity = Proof { b: G2Affine::identity(), ..proof() };
    assert_eq!(proof_to_json(&at_infinity)["pi_b"], json!([["0", "0"], ["1", "0"], ["0", "0"]]));
}

#[test]
fn an_error_names_the_path_of_the_value() {
    assert_eq!(proof_refusal(|value| value["pi_b"][1][0] = json!("-1")), "pi_b[1][0]: negative");
    assert_eq!(
        proof_refusal(|value| value["pi_a"][1] = json!(2)),
        "pi_a[1]: expected a string of decimal digits"
    );
    assert_eq!(proof_refusal(|value| value["pi_a"] = json!(["1", "2"])), "pi_a: expected 3 items, found 2");
    assert_eq!(proof_refusal(|value| value["protocol"] = json!("plonk")), "protocol: expected groth16");
    assert_eq!(proof_refusal(|value| value["curve"] = json!("bls12381")), "curve: expected bn128 or bn254");
    assert_eq!(proof_refusal(|value| drop(value.as_object_mut().unwrap().remove("pi_c"))), "pi_c: missing");
    assert_eq!(proof_refusal(|value| *value = json!([])), "the document: expected an object");
    assert_eq!(
        public_from_json(&json!(["1", crate::field::MODULUS_DECIMAL])).unwrap_err().to_string(),
        "[1]: not below the field's modulus"
    );
    assert_eq!(
        read_public(b"[\n\"1\",]").unwrap_err().to_string(),
        "the document: not JSON (line 2, column 5)"
    );
}

#[test]
fn coordinates_must_be_those_of_an_affine_point() {
    assert_eq!(proof_refusal(|value| value["pi_a"][1] = json!("3")), "pi_a: not a point of the curve");
    assert!(proof_refusal(|value| value["pi_a"][2] = json!("2")).ends_with("third coordinate is not one"));
    let p = "21888242871839275222246405745257275088696311157297823662689037894645226208583";
    assert_eq!(proof_refusal(|value| value["pi_c"][0] = json!(p)), "pi_c[0]: not below the field's modulus");
}

#[test]
fn a_proof_or_a_key_without_curve_or_protocol_is_read() {
    let (mut one, mut other) = (proof_to_json(&proof()), vkey_to_json(&key()));
    for name in ["curve", "protocol"] {
        one.as_object_mut().unwrap().remove(name);
        other.as_object_mut().unwrap().remove(name);
        assert_eq!(proof_from_json(&one), Ok(proof()));
        assert_eq!(vkey_from_json(&other), Ok(key()));
    }
}

#[test]
fn the_curve_has_the_names_that_snarkjs_accepts() {
    for name in
        ["bn128", "BN128", "bn254", "BN254", "bn-254", "altbn128", "alt_bn128", "ALT_BN128", "alt-bn-128"]
    {
        let mut value = vkey_to_json(&key());
        value["curve"] = json!(name);
        assert_eq!(vkey_from_json(&value), Ok(key()), "{name}");
    }
    for name in [
        json!("bls12381"),
        json!("bn"),
        json!(""),
        json!("bn1280"),
        json!("grumpkin"),
        json!(254),
        json!(null),
    ] {
        assert!(proof_refusal(|value| value["curve"] = name).starts_with("curve: expected"));
    }
}

#[test]
fn the_empty_list_is_written_as_snarkjs_does() {
    assert_eq!(public_text(&[]), "[\n]");
    assert_eq!(public_text(&[Fr::from(7u64)]), "[\n \"7\"\n]");
}

#[test]
fn the_points_of_a_key_are_as_many_as_it_says() {
    let mut value = vkey_to_json(&key());
    value["nPublic"] = json!(3);
    assert_eq!(vkey_from_json(&value).unwrap_err().to_string(), "IC: expected 4 items, found 3");
    value["nPublic"] = json!(u64::MAX);
    assert!(vkey_from_json(&value).is_err());
    value["nPublic"] = json!("2");
    assert_eq!(vkey_from_json(&value).unwrap_err().to_string(), "nPublic: expected an unsigned integer");
}
