#![no_main]
//! Importing parameters of another program into a key never panics. A key that it gives can be written, and reads back
//! equal.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::zkey::{ContributionName, ZKey};
use zkflow_core::setup::phase2;

static KEY: LazyLock<ZKey> = LazyLock::new(|| {
    let bytes = include_bytes!("../../zkflow-cli/tests/forgeries/no-contributions.97667a9b.zkey");
    ZKey::read(bytes).expect("the key is well-formed")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = phase2::import_params(&KEY, bytes, ContributionName::new("other")) {
        assert_eq!(ZKey::read(&key.write()).as_ref(), Ok(&key));
    }
});
