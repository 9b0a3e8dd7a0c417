#![no_main]
//! A value that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::sym::Sym;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Sym::read(bytes) {
        assert_eq!(Sym::read(&value.write()).as_ref(), Ok(&value));
    }
});
