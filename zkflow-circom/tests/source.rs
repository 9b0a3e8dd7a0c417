//! Includes are found as circom finds them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use zkflow_circom::compile::{CompileError, CompileLimit, SourceSearch, SourceTree};
use zkflow_groth16::error::Classified;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn resolve(source: &str, roots: &[&tempfile::TempDir]) -> Result<SourceTree, CompileError> {
    let roots: Vec<PathBuf> = roots.iter().map(|root| root.path().to_owned()).collect();
    SourceTree::resolve("main.circom", source, &roots)
}

fn paths(tree: &SourceTree) -> Vec<&str> {
    tree.files().map(|(path, _)| path).collect()
}

#[test]
fn includes_are_followed_beside_the_file_first_then_from_the_roots() {
    let libs = tree(&[
        ("lib/a.circom", "include \"b.circom\"; include \"../other/c.circom\"; include \"d.circom\";"),
        ("lib/b.circom", "beside"),
        ("b.circom", "not this one"),
        ("other/c.circom", "include \"../lib/a.circom\";"),
        ("d.circom", "from the root"),
        ("unused.circom", ""),
    ]);
    let tree = resolve("include \"lib/a.circom\";", &[&libs]).unwrap();
    assert_eq!(paths(&tree), ["d.circom", "lib/a.circom", "lib/b.circom", "main.circom", "other/c.circom"]);
}

#[test]
fn first_root_wins() {
    let (one, two) = (tree(&[("a.circom", "one")]), tree(&[("a.circom", "two"), ("b.circom", "two")]));
    let tree = resolve("include \"a.circom\"; include \"b.circom\";", &[&one, &two]).unwrap();
    let contents: Vec<&[u8]> = tree.files().map(|(_, content)| content).collect();
    assert_eq!(contents[..2], [b"one", b"two"]);
}

#[test]
fn digest_does_not_depend_on_the_folders_and_depends_on_every_byte() {
    let digest = |source, lib| {
        let libs = tree(&[("x/a.circom", lib)]);
        resolve(source, &[&libs]).unwrap().digest()
    };
    let source = "include \"x/a.circom\";";
    assert_eq!(digest(source, "a"), digest(source, "a"));
    assert_ne!(digest(source, "a"), digest(source, "b"));
    assert_ne!(digest(source, "a"), digest("include \"x/a.circom\"; ", "a"));
}

#[test]
fn include_that_leaves_the_roots_names_file_line_and_include() {
    let outside = tree(&[("secret", "s")]);
    let libs = tree(&[("lib/a.circom", "\n\ninclude \"../../secret\";")]);
    let link = libs.path().join("link.circom");
    std::os::unix::fs::symlink(outside.path().join("secret"), link).unwrap();

    let cases = [
        ("\ninclude \"/etc/passwd\";", "main.circom", 2, "/etc/passwd"),
        ("include \"../etc/passwd\";", "main.circom", 1, "../etc/passwd"),
        ("include \"lib/../../x\";", "main.circom", 1, "lib/../../x"),
        ("include \"link.circom\";", "main.circom", 1, "link.circom"),
        ("include \"lib/a.circom\";", "lib/a.circom", 3, "../../secret"),
    ];
    for (source, file, line, include) in cases {
        let (file, include) = (file.to_owned(), include.to_owned());
        let expected = CompileError::IncludeOutsideRoots { file, line, include };
        assert_eq!(resolve(source, &[&libs]), Err(expected), "{source}");
    }
}

#[test]
fn missing_include_names_file_line_and_include() {
    let libs = tree(&[("folder/a.circom", "")]);
    for include in ["missing.circom", "folder", "folder/a.circom/b", ""] {
        let error = resolve(&format!("\n\ninclude \"{include}\";"), &[&libs]).unwrap_err();
        let (file, include) = ("main.circom".to_owned(), include.to_owned());
        assert_eq!(error, CompileError::IncludeNotFound { file, line: 3, include });
    }
}

#[test]
fn number_and_size_of_files_are_bounded() {
    let many: Vec<(String, String)> =
        (0..2000).map(|i| (format!("{i}.circom"), format!("include \"{}.circom\";", i + 1))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let error = resolve("include \"0.circom\";", &[&tree(&many)]).unwrap_err();
    assert_eq!(error, CompileError::Limit(CompileLimit::Files(1024)));

    let libs = tree(&[]);
    fs::File::create(libs.path().join("big.circom")).unwrap().set_len(1 << 40).unwrap();
    let error = resolve("include \"big.circom\";", &[&libs]).unwrap_err();
    assert_eq!(error, CompileError::Limit(CompileLimit::Source(32 << 20)));
}

#[test]
fn every_name_of_a_file_is_the_name_of_a_main_file() {
    for name in ["", ".", "..", "a/b.circom", "a\0", &"x".repeat(256)] {
        let error = SourceTree::resolve(name, "", &[]).unwrap_err();
        assert_eq!(error.code(), "invalid_file_name", "{name}");
    }
    for name in ["range_check-1.v2.circom", "my circuit.circom", "schön.circom", "-o", ".circom"] {
        assert_eq!(SourceTree::resolve(name, "", &[]).unwrap().main(), name);
    }
}

/// The tree of `main.circom` in `folder`, with the sources of each file's includes that circom would read.
fn on_disk(folder: &Path, roots: &[&str]) -> Result<SourceTree, CompileError> {
    let roots: Vec<PathBuf> = roots.iter().map(|root| folder.join(root)).collect();
    let source = fs::read_to_string(folder.join("main.circom")).unwrap();
    SourceSearch::new(&roots).beside(Some(folder)).anywhere().resolve("main.circom", &source)
}

fn contents(tree: &SourceTree) -> Vec<(&str, &str)> {
    tree.files().map(|(path, content)| (path, std::str::from_utf8(content).unwrap())).collect()
}

#[test]
fn a_library_keeps_its_own_files_beside_a_project_with_the_same_names() {
    let folder = tree(&[
        ("main.circom", "include \"a.circom\"; include \"b.circom\"; include \"c.circom\";"),
        ("b.circom", "of the project"),
        ("one/a.circom", "include \"b.circom\"; include \"help.circom\";"),
        ("one/b.circom", "of one"),
        ("one/help.circom", "help of one"),
        ("two/c.circom", "include \"help.circom\"; include \"./b.circom\";"),
        ("two/help.circom", "help of two"),
    ]);
    let tree = on_disk(folder.path(), &["one", "two"]).unwrap();
    assert_eq!(
        contents(&tree),
        [
            ("a.circom", "include \"include-5/b.circom\"; include \"include-6/help.circom\";"),
            ("b.circom", "of the project"),
            // Nothing is beside c.circom in two, so that `-l one` is next, as in circom.
            ("c.circom", "include \"help.circom\"; include \"include-5/b.circom\";"),
            ("help.circom", "help of two"),
            ("include-5/b.circom", "of one"),
            ("include-6/help.circom", "help of one"),
            ("main.circom", "include \"a.circom\"; include \"b.circom\"; include \"c.circom\";"),
        ]
    );
}

#[test]
fn folders_above_the_main_file_and_absolute_paths_are_followed() {
    let folder = tree(&[
        ("circuits/main.circom", "include \"../lib/x.circom\"; include \"none/../../lib/y.circom\";"),
        ("circuits/none/z", ""),
        ("lib/x.circom", "include \"y.circom\";"),
        ("lib/y.circom", ""),
    ]);
    let path = folder.path().join("circuits");
    let tree = on_disk(&path, &[]).unwrap();
    assert_eq!(paths(&tree), ["include-1/x.circom", "include-2/y.circom", "main.circom"]);
    let main = "include \"include-1/x.circom\"; include \"include-2/y.circom\";";
    assert_eq!(contents(&tree)[2].1, main);

    let absolute = folder.path().join("lib/x.circom");
    fs::write(path.join("main.circom"), format!("include \"{}\";", absolute.display())).unwrap();
    let tree = on_disk(&path, &[]).unwrap();
    assert_eq!(contents(&tree)[2], ("main.circom", "include \"include-1/x.circom\";"));
}

#[test]
fn a_file_with_two_paths_is_one_file_and_its_neighbours_are_those_of_its_real_path() {
    let folder = tree(&[
        (
            "main.circom",
            "include \"modules/lib/a.circom\"; include \"./x/../store/lib@1/a.circom\"; include \"alias.circom\";",
        ),
        ("x/y", ""),
        ("store/lib@1/a.circom", "include \"../dep/d.circom\";"),
        ("store/dep/d.circom", "of the store"),
        ("modules/dep/d.circom", "beside the link"),
    ]);
    let at = |path: &str| folder.path().join(path);
    std::os::unix::fs::symlink(at("store/lib@1"), at("modules/lib")).unwrap();
    std::os::unix::fs::symlink("store/lib@1/a.circom", at("alias.circom")).unwrap();
    let tree = on_disk(folder.path(), &[]).unwrap();
    let one = "modules/lib/a.circom";
    assert_eq!(
        contents(&tree),
        [
            ("main.circom", &*format!("include \"{one}\"; include \"{one}\"; include \"{one}\";")),
            ("modules/dep/d.circom", "of the store"),
            (one, "include \"../dep/d.circom\";"),
        ]
    );
}

#[test]
fn a_main_file_that_is_included_is_not_a_second_file() {
    let folder = tree(&[
        ("main.circom", "include \"a.circom\";"),
        ("a.circom", "include \"main.circom\"; include \"a.circom\";"),
    ]);
    assert_eq!(paths(&on_disk(folder.path(), &[]).unwrap()), ["a.circom", "main.circom"]);
}

#[test]
fn names_with_any_characters_are_included() {
    let folder = tree(&[
        (
            "main.circom",
            "include \"mein Ordner/größe.circom\"; include \"a\\b.circom\"; include \"*c.circom\";",
        ),
        ("mein Ordner/größe.circom", "include \"数.circom\";"),
        ("mein Ordner/数.circom", "1"),
        ("a\\b.circom", "2"),
        ("*c.circom", "3"),
    ]);
    let tree = on_disk(folder.path(), &[]).unwrap();
    let names =
        ["_c.circom", "a_b.circom", "main.circom", "mein Ordner/größe.circom", "mein Ordner/数.circom"];
    assert_eq!(paths(&tree), names);
    let main = "include \"mein Ordner/größe.circom\"; include \"a_b.circom\"; include \"_c.circom\";";
    assert_eq!(contents(&tree)[2].1, main);
}

#[test]
fn the_search_can_be_narrowed_and_a_file_outside_is_never_replaced_by_another() {
    let folder = tree(&[
        ("own/main.circom", "include \"../lib/x.circom\";"),
        ("lib/x.circom", "outside"),
        ("root/lib/y", ""),
    ]);
    let own = folder.path().join("own");
    // The include root has a file for this include too.
    fs::create_dir_all(folder.path().join("root/inner")).unwrap();
    fs::write(folder.path().join("root/lib/x.circom"), "inside").unwrap();
    let roots = [folder.path().join("root/inner")];
    let source = fs::read_to_string(own.join("main.circom")).unwrap();
    let search = SourceSearch::new(&roots).beside(Some(&own));
    let resolve = |search: &SourceSearch| search.resolve("main.circom", &source);
    assert_eq!(resolve(&search).unwrap_err().code(), "include_outside_roots");
    assert!(resolve(&search.clone().within(&[folder.path().join("lib")])).is_ok());
    assert_eq!(resolve(&search.within(&[own])).unwrap_err().code(), "include_outside_roots");
}

#[test]
fn the_paths_of_a_tree_lead_to_the_files_that_were_found() {
    // Trees of few names, so that they collide; every content is unique.
    let names = ["a", "b", "l/a", "l/b", "l/l/a", "k/a", "k/b"];
    const INCLUDES: &[&str] = &["a", "b", "l/a", "../a", "./b", "../l/b", "l/../a", "k/b", "../../k/a"];
    let strategy = proptest::collection::vec(
        (proptest::sample::subsequence(INCLUDES, 0..3), proptest::bool::ANY),
        names.len(),
    );
    proptest::proptest!(|(choices in strategy)| {
        let mut files = vec![("main.circom".to_owned(), "include \"a\"; include \"l/a\"; include \"k/b\"; // main".to_owned())];
        for (name, (includes, exists)) in names.iter().zip(&choices) {
            if *exists {
                let lines: String = includes.iter().map(|path| format!("include \"{path}\";")).collect();
                files.push(((*name).to_owned(), format!("{lines} // {name}")));
            }
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let folder = tree(&files);
        let roots = ["l", "k"].map(|root| folder.path().join(root));
        if roots.iter().all(|root| root.is_dir()) {
            let Ok(found) = on_disk(folder.path(), &["l", "k"]) else { return Ok(()) };
            compare(&found, folder.path(), &roots);
        }
    });
}

/// Walks the tree as circom does, and the folder on disk beside it, and compares each pair of files by its comment.
fn compare(tree: &SourceTree, folder: &Path, roots: &[PathBuf]) {
    let files: BTreeMap<&str, &str> = contents(tree).into_iter().collect();
    let mut pending = vec![(tree.main().to_owned(), folder.join("main.circom").canonicalize().unwrap())];
    let mut seen = HashSet::new();
    while let Some((path, real)) = pending.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (found, original) = (files[path.as_str()], fs::read_to_string(&real).unwrap());
        assert_eq!(found.rsplit("//").next(), original.rsplit("//").next());
        for (inside, outside) in includes(found).zip(includes(&original)) {
            let within = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let mut inner = [within, ""].into_iter().map(|folder| plain(folder, inside));
            let inner = inner.find(|path| files.contains_key(path.as_str())).unwrap();
            let folders = std::iter::once(real.parent().unwrap()).chain(roots.iter().map(PathBuf::as_path));
            let mut outer = folders.filter_map(|folder| folder.join(outside).canonicalize().ok());
            pending.push((inner, outer.find(|path| path.is_file()).unwrap()));
        }
    }
}

fn includes(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').skip(1).step_by(2)
}

fn plain(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}
