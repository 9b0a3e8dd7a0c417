#![no_main]
//! Source and code of contracts are audited without a panic.

use libfuzzer_sys::fuzz_target;
use zkflow_core::audit::{audit_bytecode, audit_source};

fuzz_target!(|bytes: &[u8]| {
    audit_bytecode(bytes);
    audit_source(&String::from_utf8_lossy(bytes));
});
