#![no_main]
//! Reading a record of a setup never panics. A record that parses can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use zkflow_core::setup::SetupRecord;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = SetupRecord::from_json(bytes) {
        assert_eq!(SetupRecord::from_json(record.to_json().as_bytes()).as_ref(), Ok(&record));
    }
});
