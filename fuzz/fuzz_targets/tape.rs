#![no_main]
//! A value that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::digest::Digest;
use zkflow_core::witness::tape::{Tape, seal};

fuzz_target!(|bytes: &[u8]| {
    // The checksum before the seal is made right, so that what is before it is read.
    let mut bytes = bytes.to_vec();
    let Some(end) = bytes.len().checked_sub(64) else { return };
    let sum = Digest::of(&bytes[..end]);
    bytes[end..end + 32].copy_from_slice(sum.as_bytes());
    let bytes = bytes.as_slice();
    // Use the module digest in the tape's header, so that it always matches.
    let Some(module) = bytes.get(8..40) else { return };
    let hex: String = module.iter().map(|byte| format!("{byte:02x}")).collect();
    let module: Digest = hex.parse().expect("64 hexadecimal digits");
    if let Ok(tape) = Tape::from_bytes(bytes, &module) {
        // Reading ignores the seal, and writing leaves it empty.
        let mut unsealed = bytes.to_vec();
        seal(&mut unsealed, |_| [0; 32]);
        assert_eq!(tape.to_bytes(&module), unsealed);
    }
});
