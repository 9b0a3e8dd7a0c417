#![no_main]
//! Reading the verification key and the circuit out of a contract's source never panics. A key that it gives is valid.

use libfuzzer_sys::fuzz_target;
use zkflow_core::solidity::{circuit_of, verifying_key_of};
use zkflow_core::verify::Verifier;

fuzz_target!(|source: &str| {
    let _ = circuit_of(source);
    if let Ok(key) = verifying_key_of(source) {
        assert!(Verifier::new(key).is_ok());
    }
});
