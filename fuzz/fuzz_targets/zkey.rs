#![no_main]
//! What is read can be written, and comes back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::zkey::ZKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = ZKey::read(bytes) {
        assert_eq!(ZKey::read(&value.write()).as_ref(), Ok(&value));
    }
});
