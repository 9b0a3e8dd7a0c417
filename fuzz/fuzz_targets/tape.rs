#![no_main]
//! What is read can be written, and comes back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::digest::Digest;
use zkflow_core::witness::tape::Tape;

fuzz_target!(|bytes: &[u8]| {
    // The tape belongs to whatever module it names.
    let Some(module) = bytes.get(8..40) else { return };
    let hex: String = module.iter().map(|byte| format!("{byte:02x}")).collect();
    let module: Digest = hex.parse().expect("64 hexadecimal digits");
    if let Ok(tape) = Tape::from_bytes(bytes, &module) {
        assert_eq!(tape.to_bytes(&module), bytes);
    }
});
