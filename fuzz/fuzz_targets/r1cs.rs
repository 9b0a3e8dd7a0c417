#![no_main]
//! A value that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::r1cs::R1cs;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = R1cs::read(bytes) {
        assert_eq!(R1cs::read(&value.write()).as_ref(), Ok(&value));
    }
});
