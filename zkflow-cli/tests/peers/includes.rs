//! Includes and names of source files.

use std::os::unix::fs::symlink;

use crate::support::{Folder, SQUARE};

const B_SQUARE: &str = "pragma circom 2.1.6; template B() { signal input i; signal output o; o <== i * i; }";
const B_CUBE: &str = "pragma circom 2.1.6; template B() { signal input i; signal output o; signal t; t <== i * i; o <== t * i; }";

#[test]
fn a_library_uses_its_own_file_and_not_one_of_the_project_with_the_same_name() {
    let folder = Folder::new(&[
        ("main.circom", "pragma circom 2.1.6; include \"a.circom\"; component main = A();"),
        ("b.circom", B_CUBE),
        ("lib/b.circom", B_SQUARE),
        (
            "lib/a.circom",
            "pragma circom 2.1.6; include \"b.circom\"; template A() { signal input x; signal output y; y <== B()(x); }",
        ),
        ("input.json", r#"{"x": 5}"#),
    ]);
    folder.done(&["compile", "main.circom", "-l", "lib", "--out", "out"]);
    folder.done(&["witness", "out/main.wasm", "input.json", "w.wtns"]);
    assert_eq!((folder.constraints("out/main.r1cs"), folder.wire("w.wtns", 1)), (1, "25".to_owned()));
}

#[test]
fn two_libraries_have_helpers_of_the_same_name() {
    let library = |name: &str| {
        let helper = format!(
            "pragma circom 2.1.6; template H{name}() {{ signal input i; signal output o; o <== i * i; }}"
        );
        let own = format!(
            "pragma circom 2.1.6; include \"helper.circom\";
             template L{name}() {{ signal input i; signal output o; o <== H{name}()(i); }}"
        );
        (helper, own)
    };
    let ((one_helper, one), (two_helper, two)) = (library("1"), library("2"));
    let main = "pragma circom 2.1.6; include \"one.circom\"; include \"two.circom\";
        template M() { signal input i; signal output o; o <== L1()(L2()(i)); } component main = M();";
    let folder = Folder::new(&[
        ("main.circom", main),
        ("a/one.circom", &one),
        ("a/helper.circom", &one_helper),
        ("b/two.circom", &two),
        ("b/helper.circom", &two_helper),
    ]);
    folder.done(&["compile", "main.circom", "-l", "a", "-l", "b", "--out", "out"]);
    assert_eq!(folder.constraints("out/main.r1cs"), 2);
}

#[test]
fn folders_above_links_and_absolute_paths_are_included() {
    let folder = Folder::new(&[
        ("circuits/main.circom", "pragma circom 2.1.6; include \"../lib/b.circom\"; component main = B();"),
        (
            "circuits/linked.circom",
            "pragma circom 2.1.6; include \"modules/lib/b.circom\"; include \"../lib/b.circom\"; component main = B();",
        ),
        ("lib/b.circom", B_SQUARE),
        ("circuits/modules/keep", ""),
    ]);
    symlink("../../lib", folder.at("circuits/modules/lib")).unwrap();
    let absolute = format!(
        "pragma circom 2.1.6; include \"{}\"; component main = B();",
        folder.at("lib/b.circom").display()
    );
    folder.write("circuits/absolute.circom", absolute);
    for name in ["main", "linked", "absolute"] {
        folder.done(&["compile", &format!("circuits/{name}.circom"), "--out", "out"]);
        assert_eq!(folder.constraints(&format!("out/{name}.r1cs")), 1);
    }
    for (root, problem) in
        [("missing", "--include-root missing: No such file"), ("lib/b.circom", "lib/b.circom: not a folder")]
    {
        let error = folder.refused(&["compile", "circuits/main.circom", "--include-root", root]);
        assert!(error.contains(problem), "{error}");
    }
    folder.write(
        "circuits/lost.circom",
        "pragma circom 2.1.6; include \"nowhere.circom\"; component main = B();",
    );
    let error = folder.refused(&["compile", "circuits/lost.circom"]);
    assert!(error.contains("\"nowhere.circom\" was not found") && error.contains("with -l"), "{error}");
    let error =
        folder.refused(&["compile", "circuits/main.circom", "--out", "x", "--include-root", "circuits"]);
    assert!(error.contains("../lib/b.circom") && error.contains("--include-root"), "{error}");
    folder.done(&["compile", "circuits/main.circom", "--out", "x", "--include-root", "lib"]);
}

#[test]
fn files_have_any_name() {
    let names = ["my circuit.circom", "schön.circom", "x.circom.circom", "noext", "-dash.circom"];
    let folder = Folder::new(&names.map(|name| (name, SQUARE)));
    for (name, stem) in names.iter().zip(["my circuit", "schön", "x.circom", "noext", "-dash"]) {
        folder.done(&["compile", "--out", "out", "--", name]);
        assert_eq!(folder.constraints(&format!("out/{stem}.r1cs")), 1);
    }
}

#[test]
fn sources_beyond_the_limits_of_a_server_are_compiled_and_the_limit_has_a_flag() {
    let filler = format!("// {}\n", "x".repeat(1 << 20)).repeat(33);
    let folder = Folder::new(&[
        ("main.circom", "pragma circom 2.1.6; include \"filler.circom\"; component main = B();"),
        ("filler.circom", &format!("{B_SQUARE}\n{filler}")),
    ]);
    let error = folder.refused(&["compile", "main.circom", "--out", "out", "--source-size", "32"]);
    assert!(error.contains("32 MiB of source") && error.contains("--source-size"), "{error}");
    folder.done(&["compile", "main.circom", "--out", "out"]);
}

#[test]
fn a_native_circom_needs_no_other_tools() {
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'circom compiler 9.9.9'; exit; fi\n\
        echo 'error[T1]: refused' >&2; exit 1\n";
    let folder = Folder::new(&[("circom", script), ("main.circom", SQUARE)]);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.at("circom"), executable).unwrap();
    let output = folder
        .command(&["compile", "main.circom", "--out", "out"])
        .env("CIRCOM_PATH", folder.at("circom"))
        .env_remove("ZKFLOW_TOOLS")
        .env_remove("CIRCOM_WASM")
        .env("XDG_DATA_HOME", folder.at("data"))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("refused [T1]"), "{error}");
}

/// circom 2.2.3 ignores such folders.
#[test]
fn an_include_folder_that_does_not_exist_or_is_a_file_is_a_warning() {
    let folder = Folder::new(&[
        ("main.circom", "pragma circom 2.1.6; include \"b.circom\"; component main = B();"),
        ("lib/b.circom", B_SQUARE),
        ("file", ""),
    ]);
    let compile = ["compile", "main.circom", "--out", "out", "-l", "missing", "-l", "file"];
    let output = folder.run(&[&compile[..], &["-l", "lib"]].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("warning: --include missing: No such file or directory"), "{told}");
    assert!(told.contains("warning: --include file: not a folder"), "{told}");
    assert!(!told.contains("--include lib"), "{told}");
    let told = folder.refused(&compile);
    assert!(told.contains("warning: --include missing") && told.contains("main.circom:1: include"), "{told}");
}
