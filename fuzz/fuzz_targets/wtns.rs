#![no_main]
//! What is read can be written, and comes back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::wtns;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = wtns::read(bytes) {
        assert_eq!(wtns::read(&wtns::write(&value)).as_ref(), Ok(&value));
    }
});
