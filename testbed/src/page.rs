//! Files of the project that tests write from the code.

use std::path::Path;

/// Set, it makes [`check`] write the files instead of comparing them.
pub const UPDATE: &str = "UPDATE_PAGES";

/// Compares a file with what the code says now. `path` starts at the root of the workspace.
///
/// # Panics
/// The file differs from `expected` and is not to be written, or cannot be written.
pub fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    if std::env::var_os(UPDATE).is_some() {
        // A file that is compiled in keeps its time, so that nothing is built again.
        if found == expected {
            return;
        }
        return std::fs::write(&file, expected)
            .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }
    let differs = |(found, expected): &(&str, &str)| found != expected;
    let first = found.lines().zip(expected.lines()).position(|lines| differs(&lines));
    assert!(
        found == expected,
        "{path} is out of date from line {}: run this test with {UPDATE}=1 and commit the file",
        first.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1
    );
}
