//! Paths within a source tree.
//!
//! They are plain: no `.`, no `..`, no `/` at either end, and no character that has a meaning for circom's
//! scanner or the working folder of a compiler.

use std::collections::BTreeMap;

/// Maximum bytes of a path.
const MAX_PATH: usize = 1024;

/// Resolves `path` against `folder` and removes `.` and `..`; `None` if it leaves the root.
pub(in crate::compile) fn normalise(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Like [`normalise`], but keeps the `..` that lead out of the root.
pub(super) fn climb(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Folder of a path; empty for the root.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The path from `folder` to the file `to`.
pub(super) fn relative(folder: &str, to: &str) -> String {
    let from: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').collect();
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    up.chain(to[shared..].iter().copied()).collect::<Vec<_>>().join("/")
}

/// Whether circom finds the same file for `path` whichever folders exist: `.` and `..` occur at the beginning only.
pub(super) fn is_direct(path: &str) -> bool {
    let mut parts = path.split('/').skip_while(|part| matches!(*part, "." | ".."));
    parts.all(|part| !matches!(part, "" | "." | ".."))
}

/// A free path for a new file: `wanted` if it is given and no other file or folder has it, else one in a folder of
/// its own.
///
/// Circom's comments begin in strings too, so that neither `*` nor `//` may occur in a path.
pub(super) fn free<T>(files: &BTreeMap<String, T>, wanted: Option<&str>, file_name: &str) -> String {
    let plain = |text: &str| -> String {
        let is_special = |c: char| c.is_control() || matches!(c, '\\' | '"' | '*');
        text.chars().map(|c| if is_special(c) { '_' } else { c }).collect()
    };
    let wanted = wanted.map(plain).filter(|path| !path.is_empty() && path.len() <= MAX_PATH);
    let name = plain(file_name);
    let others = (files.len()..).map(|number| format!("include-{number}/{name}"));
    let mut paths = wanted.into_iter().chain(others);
    // Expect safety: the numbers do not end, and the files do.
    paths.find(|path| is_free(files, path)).expect("a free number")
}

/// Whether `path` is no file or folder, and is in no file.
fn is_free<T>(files: &BTreeMap<String, T>, path: &str) -> bool {
    let inside = format!("{path}/");
    let is_folder = files.range(inside.clone()..).next().is_some_and(|(next, _)| next.starts_with(&inside));
    let is_in_file = path.match_indices('/').any(|(at, _)| files.contains_key(&path[..at]));
    !is_folder && !is_in_file && !files.contains_key(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_leads_from_the_folder_to_the_file() {
        for (folder, to, path) in [
            ("", "a", "a"),
            ("", "a/b", "a/b"),
            ("a", "a/b", "b"),
            ("a", "b", "../b"),
            ("a/b", "a/c/d", "../c/d"),
            ("a/b", "ab/c", "../../ab/c"),
        ] {
            assert_eq!(relative(folder, to), path);
            assert_eq!(normalise(folder, path).as_deref(), Some(to));
        }
    }

    #[test]
    fn a_path_out_of_the_root_keeps_its_beginning() {
        assert_eq!(climb("a/b", "../../../c/./d"), "../c/d");
        assert_eq!(climb("../c", "../e"), "../e");
        assert_eq!(normalise("a", "../../c"), None);
    }

    #[test]
    fn a_path_that_needs_folders_is_not_direct() {
        for path in ["a", "./a", "../../a/b", "a b/ü.circom"] {
            assert!(is_direct(path), "{path}");
        }
        for path in ["a/../b", "a/./b", "a//b", "/a", "a/", "../a/.."] {
            assert!(!is_direct(path), "{path}");
        }
    }

    #[test]
    fn every_file_has_a_path_of_its_own() {
        let mut files = BTreeMap::new();
        let mut add = |wanted, name| {
            let path = free(&files, wanted, name);
            assert!(files.insert(path.clone(), ()).is_none());
            path
        };
        assert_eq!(add(Some("a/b"), "b"), "a/b");
        assert_eq!(add(Some("a/b"), "b"), "include-1/b");
        assert_eq!(add(Some("a"), "a"), "include-2/a", "a folder");
        assert_eq!(add(Some("a/b/c"), "c"), "include-3/c", "in a file");
        assert_eq!(add(None, "d\"\n*\\"), "include-4/d____");
        assert_eq!(add(Some("\\output/x"), "x"), "_output/x");
    }
}
