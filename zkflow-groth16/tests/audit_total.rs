//! The audit of contracts never panics, whatever the source or the code contains.
#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zkflow_groth16::audit::{audit_bytecode, audit_source};
use zkflow_groth16::digest::Digest;
use zkflow_groth16::format::json;
use zkflow_groth16::format::zkey::ZKey;
use zkflow_groth16::setup::gate;
use zkflow_groth16::solidity::{ContractCircuit, ContractHeader, contract_code, verifier_contract};

const ROUNDS: u64 = 300;

/// A contract of this crate for an honest key: its source and its code.
fn contract() -> (String, Vec<u8>) {
    let head = ZKey::read(include_bytes!("data/tiny.zkey")).unwrap().head;
    let header = ContractHeader {
        circuit: ContractCircuit::Hash(head.circuit_hash),
        label: gate::judge(&head).admit(true).unwrap(),
        verification_key: Digest::of(json::vkey_text(&head.vk)),
    };
    (verifier_contract(&head.vk, &header), contract_code(&head.vk).unwrap().runtime)
}

#[test]
fn an_honest_contract_has_no_finding_in_source_and_code() {
    let (source, code) = contract();
    let audits = [audit_source(&source).unwrap(), audit_bytecode(&code).unwrap()];
    for audit in &audits {
        assert_eq!(audit.findings, [], "{audit:?}");
    }
    assert_eq!(audits[0].public_signals, audits[1].public_signals);
    assert!(audits[0].key.is_some() && audits[0].key == audits[1].key, "both have the key");
}

#[test]
fn damaged_contracts_never_panic() {
    let (source, code) = contract();
    for seed in 0..ROUNDS {
        let rng = &mut StdRng::seed_from_u64(seed);
        let (mut text, mut bytes) = (source.clone().into_bytes(), code.clone());
        for content in [&mut text, &mut bytes] {
            for _ in 0..rng.gen_range(1..6) {
                let at = rng.gen_range(0..content.len());
                match rng.gen_range(0..4) {
                    0 => content[at] = rng.gen_range(0..=255),
                    1 => content.truncate(at.max(1)),
                    2 => content.insert(at, b"/*\"'0=;([\n"[rng.gen_range(0..10)]),
                    _ => drop(content.remove(at)),
                }
                if content.is_empty() {
                    content.push(b'/');
                }
            }
        }
        audit_source(&String::from_utf8_lossy(&text));
        audit_bytecode(&bytes);
    }
    for text in ["", "vk.IC[0] = ", "BETA_NEG_X_0 = 1;", "IC0x = 1; IC0y = 2;"] {
        assert!(audit_source(text).is_none(), "{text}");
    }
    for code in [&[][..], &[0x7f], &[0x5f], &[0x60, 0]] {
        assert!(audit_bytecode(code).is_none(), "{code:?}");
    }
}
