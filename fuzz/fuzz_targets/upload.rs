#![no_main]
//! Declared files are refused, or stay within their limits: no path leaves the folder of the source, no two files have one
//! place, and the parts of a file are its bytes.

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use zkflow_core::service::upload::{DeclarationLimits, PART_BYTES, UploadFile, check_declaration};

const LIMITS: DeclarationLimits = DeclarationLimits { source: 1 << 20, parts: 1 << 24, whole: 1 << 32 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(files) = serde_json::from_slice::<Vec<UploadFile>>(bytes) else { return };
    if check_declaration(&files, &LIMITS).is_err() {
        return;
    }
    let total: u64 = files.iter().map(|file| file.size).sum();
    assert!(total <= LIMITS.whole && files.iter().all(|file| file.size > 0));
    let mut places = BTreeSet::new();
    for file in &files {
        let path = file.path.as_ref().map(|path| path.as_str());
        assert!(places.insert((file.role, path)));
        for part in path.into_iter().flat_map(|path| path.split('/')) {
            assert!(!matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']));
        }
        let last = file.parts() - 1;
        let sum = u64::from(last) * PART_BYTES + file.part_bytes(last).expect("a file has a last part");
        assert_eq!(sum, file.size);
        assert_eq!(file.part_bytes(file.parts()), None);
    }
});
