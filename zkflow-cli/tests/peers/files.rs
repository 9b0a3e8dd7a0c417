//! JSON files of snarkjs and its peers.

use std::fs;

use serde_json::Value;

use crate::support::{Folder, data};

#[test]
fn keys_and_proofs_of_peers_are_verified() {
    let folder = Folder::new(&[]);
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(data(name)).unwrap()).unwrap();
    let (key, proof) = (read("tiny.vkey.json"), read("tiny.proof.json"));
    for curve in ["bn128", "bn254", "BN254", "altbn128", "alt_bn128"] {
        let (mut key, mut proof) = (key.clone(), proof.clone());
        key["curve"] = curve.into();
        proof.as_object_mut().unwrap().remove("protocol");
        folder.write("key.json", key.to_string());
        folder.write("proof.json", proof.to_string());
        folder.done(&["verify", "key.json", &data("tiny.public.json"), "proof.json"]);
    }
    let mut other = key;
    other["curve"] = "bls12381".into();
    folder.write("key.json", other.to_string());
    let error = folder.refused(&["verify", "key.json", &data("tiny.public.json"), &data("tiny.proof.json")]);
    assert!(error.contains("curve"), "{error}");
}
