#![no_main]
//! A value that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::json;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::read_public(bytes) {
        assert_eq!(json::read_public(json::public_text(&value).as_bytes()).as_ref(), Ok(&value));
    }
});
