use std::fs;

use super::*;
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
    assert_eq!(error, CompileError::Limit("1024 source files".into()));

    let libs = tree(&[]);
    File::create(libs.path().join("big.circom")).unwrap().set_len(1 << 40).unwrap();
    let error = resolve("include \"big.circom\";", &[&libs]).unwrap_err();
    assert_eq!(error, CompileError::Limit("32 MiB of source".into()));
}

#[test]
fn file_name_is_plain() {
    for name in ["a", "a.txt", ".circom", "-o.circom", "../a.circom", "a/b.circom", "a b.circom", "ä.circom"]
    {
        let error = SourceTree::resolve(name, "", &[]).unwrap_err();
        assert_eq!(error.code(), "invalid_file_name", "{name}");
    }
    assert!(SourceTree::resolve("range_check-1.v2.circom", "", &[]).is_ok());
}
