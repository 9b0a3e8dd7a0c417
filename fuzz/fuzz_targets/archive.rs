#![no_main]
//! An archive of a source is refused, or gives circom files within the limits whose paths stay in the folder of the source.

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use zkflow_core::service::upload::archive::{ArchiveLimits, MOST_FILE, unpack};

const LIMITS: ArchiveLimits = ArchiveLimits { source: 1 << 20, whole: 1 << 23 };

fuzz_target!(|bytes: &[u8]| {
    let Ok(files) = unpack(bytes, &LIMITS) else { return };
    assert!(!files.is_empty());
    let total: u64 = files.values().map(|content| content.len() as u64).sum();
    assert!(total <= LIMITS.source.min(MOST_FILE * files.len() as u64));
    let mut folded = BTreeSet::new();
    for path in files.keys() {
        assert!(path.as_str().ends_with(".circom") && folded.insert(path.as_str().to_ascii_lowercase()));
        for part in path.as_str().split('/') {
            assert!(!matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']));
        }
    }
});
