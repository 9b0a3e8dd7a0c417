#![no_main]
//! A value that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::wtns;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = wtns::read(bytes) {
        assert_eq!(wtns::read(&wtns::write(&value)).as_ref(), Ok(&value));
    }
});
