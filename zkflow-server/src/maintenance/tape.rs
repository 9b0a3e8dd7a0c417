//! Seals of stored tapes: a worker plays only tapes that a holder of the vault's key stored.
//!
//! A tape is bound to its module by a public digest, which anyone can compute. The seal is a MAC over the circuit's
//! id and the tape.

use zkflow_core::id::CircuitId;
use zkflow_core::witness::tape;
use zkflow_store::Vault;

/// Name of the key that seals tapes.
const PURPOSE: &str = "tapes";

/// Seals the tape of a circuit.
pub(crate) fn seal(vault: &Vault, circuit: &CircuitId, tape: &mut [u8]) {
    let key = vault.derived_key(PURPOSE);
    tape::seal(tape, |body| key.mac(&message(circuit, body)));
}

/// Whether the tape was sealed for this circuit with the vault's key.
pub(crate) fn is_sealed(vault: &Vault, circuit: &CircuitId, tape: &[u8]) -> bool {
    let key = vault.derived_key(PURPOSE);
    tape::sealed(tape).is_some_and(|(body, seal)| key.verifies(&message(circuit, body), seal))
}

/// The seal of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// By the current key.
    Current,
    /// By an earlier key; the file under the current one.
    Earlier(Vec<u8>),
    /// By no key of the vault.
    None,
}

/// The seal of a tape.
pub(super) fn state(vault: &Vault, circuit: &CircuitId, tape: &[u8]) -> Seal {
    let key = vault.derived_key(PURPOSE);
    let Some((body, mac)) = tape::sealed(tape) else { return Seal::None };
    let message = message(circuit, body);
    if key.is_current(&message, mac) {
        return Seal::Current;
    }
    if !key.verifies(&message, mac) {
        return Seal::None;
    }
    let mut again = tape.to_vec();
    tape::seal(&mut again, |_| key.mac(&message));
    Seal::Earlier(again)
}

/// A circuit's id has a fixed length, so the parts of the message are distinct.
fn message(circuit: &CircuitId, body: &[u8]) -> Vec<u8> {
    [circuit.to_string().as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zkflow_core::digest::Digest;
    use zkflow_store::{KeyRing, MemoryStore, VaultKey};

    use super::*;

    const KEYS: [&str; 2] = [
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "102132435465768798a9bacbdcedfe0f102132435465768798a9bacbdcedfe0f",
    ];

    #[test]
    fn a_tape_without_the_seal_of_this_vault_and_circuit_is_refused() {
        let vault = || Vault::new(VaultKey::parse(KEYS[0]).unwrap(), Arc::new(MemoryStore::new()));
        let [circuit, other] = ["one", "other"].map(|name| CircuitId::from_hash(&Digest::of(name)));
        let unsealed: Vec<u8> = (0..100).chain([0; 32]).collect();
        let mut sealed = unsealed.clone();
        seal(&vault(), &circuit, &mut sealed);
        assert!(is_sealed(&vault(), &circuit, &sealed));
        assert_eq!(state(&vault(), &circuit, &sealed), Seal::Current);
        let ring = KeyRing::parse(&format!("{},{}", KEYS[1], KEYS[0])).unwrap();
        let renewed = Vault::new(ring, Arc::new(MemoryStore::new()));
        let Seal::Earlier(again) = state(&renewed, &circuit, &sealed) else {
            panic!("not of an earlier key")
        };
        assert_eq!(again[..68], sealed[..68]);
        let later = Vault::new(VaultKey::parse(KEYS[1]).unwrap(), Arc::new(MemoryStore::new()));
        assert!(is_sealed(&later, &circuit, &again) && !is_sealed(&later, &circuit, &sealed));
        assert_eq!(state(&renewed, &other, &sealed), Seal::None, "the tape of another circuit");
        assert!(!is_sealed(&vault(), &other, &sealed), "the tape of another circuit");
        assert!(!is_sealed(&vault(), &circuit, &unsealed), "no seal");
        let stranger = Vault::new(VaultKey::generate(), Arc::new(MemoryStore::new()));
        assert!(!is_sealed(&stranger, &circuit, &sealed), "another key");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(!is_sealed(&vault(), &circuit, &changed), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(!is_sealed(&vault(), &circuit, &sealed[..length]), "cut to {length}");
        }
    }
}
