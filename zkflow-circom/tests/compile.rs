//! Compiles real and hostile circuits with circom.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use zkflow_circom::compile::{
    CircomNative, CircuitCompiler, CompileError, CompileLimit, CompileLimits, CompileOptions, Simplification,
    SourceSearch, SourceTree,
};
use zkflow_groth16::error::{Classified, ErrorKind};
use zkflow_groth16::format::r1cs::R1cs;

mod support;
use support::{circom, compile, limits, tools, tree};

const HASH: &str = "pragma circom 2.1.6;
    include \"circomlib/circuits/sha256/sha256.circom\";
    include \"./circomlib/circuits/../circuits/eddsaposeidon.circom\";
    include \"circomlib/circuits/poseidon.circom\";
    template Hash() {
        signal input in[2];
        signal output out;
        component poseidon = Poseidon(2);
        poseidon.inputs <== in;
        out <== poseidon.out;
    }
    component main = Hash();";

/// Poseidon, whose linear constraints take several rounds of simplification.
const ROUNDS: &str = "pragma circom 2.1.6;
    include \"circomlib/circuits/poseidon.circom\";
    include \"circomlib/circuits/comparators.circom\";
    template Rounds() {
        signal input in[2];
        signal output out;
        signal hash <== Poseidon(2)(in);
        signal less <== LessThan(32)(in);
        out <== hash + less;
    }
    component main {public [in]} = Rounds();";

const SQUARE: &str = "pragma circom 2.1.6;
    template Square() { signal input a; signal output o; o <== a * a; }
    component main = Square();";

/// The error for a refused source. Checks that it comes within the time limit and that the compiler stays
/// usable.
fn refused(source: &str, limits: CompileLimits) -> CompileError {
    let circom = circom(limits);
    let start = Instant::now();
    let error = circom.compile(&tree(source).unwrap(), &CompileOptions::default()).unwrap_err();
    assert!(start.elapsed() < limits.wall + Duration::from_secs(30), "{:?}", start.elapsed());
    compile(SQUARE);
    error
}

fn two_seconds() -> CompileLimits {
    CompileLimits { wall: Duration::from_secs(2), ..limits() }
}

/// Code, file, line and text of the first diagnostic.
fn rejection(source: &str) -> (Option<String>, Option<String>, Option<u32>, String) {
    match refused(source, limits()) {
        CompileError::Rejected(mut diagnostics) => {
            let first = diagnostics.remove(0);
            (first.code, first.file, first.line, first.message)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn version_is_circoms() {
    let version = circom(limits()).version().to_owned();
    assert!(version.starts_with("circom 2."), "{version}");
}

#[test]
fn circuit_with_includes_compiles_to_the_bytes_that_the_npm_command_gives() {
    let compiled = compile(HASH);
    assert_eq!(&compiled.r1cs[..4], b"r1cs");
    assert_eq!(&compiled.wasm[..4], b"\0asm");
    assert!(compiled.sym.starts_with(b"1,1,"));

    let folder = npm_command(HASH, &["--r1cs", "--wasm", "--sym"]);
    let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
    assert!(read("circuit.r1cs") == compiled.r1cs);
    assert!(read("circuit_js/circuit.wasm") == compiled.wasm);
    assert!(read("circuit.sym") == compiled.sym);
}

/// The folder in which circom of npm compiled the source, with these options.
fn npm_command(source: &str, options: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("circuit.circom"), source).unwrap();
    let modules = tools().circom_wasm.ancestors().nth(2).unwrap().to_owned();
    let copied = Command::new("cp").arg("-r").arg(modules.join("circomlib")).arg(folder.path()).status();
    assert!(copied.unwrap().success());
    let output = Command::new("node")
        .arg(modules.join("circom2/cli.js"))
        .args(["circuit.circom", "-l", "."])
        .args(options)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

#[test]
fn every_file_equals_that_of_the_npm_command_for_each_option() {
    let circom = circom(limits());
    let plain = CompileOptions::default();
    for (flags, options) in [
        (&["--O0"][..], options(Simplification::None)),
        (&["--O1", "--inspect"], CompileOptions { inspect: true, ..plain }),
        (&["--O2"], options(Simplification::Full)),
        (&["--O2round", "1"], options(Simplification::Rounds(1))),
        (
            &["--O2round", "2", "--inspect"],
            CompileOptions { inspect: true, ..options(Simplification::Rounds(2)) },
        ),
    ] {
        let options = CompileOptions { json: true, wat: true, ..options };
        let compiled = circom.compile(&tree(ROUNDS).unwrap(), &options).unwrap();
        let all = ["--r1cs", "--wasm", "--sym", "--json", "--wat"];
        let folder = npm_command(ROUNDS, &[&all, flags].concat());
        for (file, bytes) in [
            ("circuit.r1cs", &compiled.r1cs),
            ("circuit.sym", &compiled.sym),
            ("circuit_constraints.json", compiled.json.as_ref().unwrap()),
            ("circuit_js/circuit.wasm", &compiled.wasm),
            ("circuit_js/circuit.wat", compiled.wat.as_ref().unwrap()),
        ] {
            assert!(fs::read(folder.path().join(file)).unwrap() == *bytes, "{file} with {flags:?}");
        }
    }
}

#[test]
fn native_circom_gives_the_same_bytes() {
    let Some(path) = std::env::var_os("CIRCOM_PATH") else {
        println!("left out: CIRCOM_PATH names no native circom");
        return;
    };
    let native = CircomNative::new(Path::new(&path), limits()).unwrap();
    let circom = circom(limits());
    assert_eq!(native.version(), circom.version());
    for source in [HASH, SQUARE] {
        let compile = |compiler: &dyn CircuitCompiler| {
            compiler.compile(&tree(source).unwrap(), &CompileOptions::default()).unwrap()
        };
        let (one, other) = (compile(&native), compile(&circom));
        assert!(one.r1cs == other.r1cs && one.wasm == other.wasm && one.sym == other.sym);
    }
}

fn options(simplification: Simplification) -> CompileOptions {
    CompileOptions { simplification, ..CompileOptions::default() }
}

#[test]
fn same_source_gives_the_same_bytes_and_options_change_them() {
    let circom = circom(limits());
    let compile = |simplification| circom.compile(&tree(HASH).unwrap(), &options(simplification)).unwrap();
    let (none, again) = (compile(Simplification::None), compile(Simplification::None));
    assert!(none.r1cs == again.r1cs && none.wasm == again.wasm && none.sym == again.sym);
    let full = compile(Simplification::Full);
    let constraints = |r1cs: &[u8]| R1cs::read(r1cs).unwrap().constraints.len();
    assert!(constraints(&full.r1cs) < constraints(&none.r1cs));
}

#[test]
fn messages_carry_code_file_line_and_text() {
    let undeclared =
        "pragma circom 2.1.6;\ntemplate A() {\n signal input a;\n b <== a;\n}\ncomponent main = A();";
    let expected = (
        Some("T2021".into()),
        Some("circuit.circom".into()),
        Some(4),
        "Undeclared symbol: Using unknown symbol".into(),
    );
    assert_eq!(rejection(undeclared), expected);

    let (code, _, line, _) = rejection("pragma circom 2.1.6;\ntemplate A( { }");
    assert_eq!((code.as_deref(), line), (Some("P1012"), Some(2)));

    let cubic = "pragma circom 2.1.6;\ntemplate A() { signal input a; signal output o; o <== a*a*a; }\ncomponent main = A();";
    let (code, _, line, message) = rejection(cubic);
    assert_eq!((code.as_deref(), line), (Some("T3001"), Some(2)));
    assert!(message.starts_with("Non quadratic constraints are not allowed!"), "{message}");
}

#[test]
fn error_in_an_include_names_the_file_in_the_tree() {
    let libs = tempfile::tempdir().unwrap();
    fs::create_dir(libs.path().join("lib")).unwrap();
    fs::write(libs.path().join("lib/bad.circom"), "pragma circom 2.1.6;\n\ntemplate B( { }").unwrap();
    let source = "pragma circom 2.1.6; include \"lib/bad.circom\"; component main = B();";
    let tree =
        zkflow_circom::compile::SourceTree::resolve("m.circom", source, &[libs.path().to_owned()]).unwrap();
    let error = circom(limits()).compile(&tree, &CompileOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("circom: lib/bad.circom:3: "), "{error}");
}

#[test]
fn error_in_a_file_above_the_main_file_names_its_path_from_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::write(folder.path().join("bad.circom"), "pragma circom 2.1.6;\n\ntemplate B( { }").unwrap();
    let source = "pragma circom 2.1.6; include \"../bad.circom\"; component main = B();";
    let own = folder.path().join("own");
    let tree = SourceSearch::new(&[]).beside(Some(&own)).anywhere().resolve("m.circom", source).unwrap();
    let error = circom(limits()).compile(&tree, &CompileOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("circom: ../bad.circom:3: "), "{error}");
}

#[test]
fn every_name_of_a_main_file_is_compiled() {
    let circom = circom(limits());
    for name in
        ["my circuit.circom", "schön.circom", "x.circom.circom", "-o.circom", "noext", ".circom", "a\"*\\b"]
    {
        let tree = SourceTree::resolve(name, SQUARE, &[]).unwrap();
        let compiled = circom.compile(&tree, &CompileOptions::default()).unwrap();
        assert!(compiled.r1cs == compile(SQUARE).r1cs, "{name}");
    }
}

#[test]
fn a_file_that_is_included_by_several_paths_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    for path in ["store/lib", "modules", "x"] {
        fs::create_dir_all(at(path)).unwrap();
    }
    let square = "pragma circom 2.1.6; template B() { signal input i; signal output o; o <== i * i; }";
    fs::write(at("store/lib/b.circom"), square).unwrap();
    std::os::unix::fs::symlink("../store/lib", at("modules/lib")).unwrap();
    let source = format!(
        "pragma circom 2.1.6; include \"modules/lib/b.circom\"; include \"./x/../store/lib/b.circom\";
         include \"{}\"; component main = B();",
        at("store/lib/b.circom").display()
    );
    let tree = SourceSearch::new(&[]).beside(Some(folder.path())).anywhere().resolve("m", &source).unwrap();
    circom(limits()).compile(&tree, &CompileOptions::default()).unwrap();
}

#[test]
fn rounds_inspection_and_text_forms_are_those_of_circom() {
    let circom = circom(limits());
    let compile = |options| circom.compile(&tree(HASH).unwrap(), &options).unwrap();
    let rounds = |rounds| options(Simplification::Rounds(rounds));
    let constraints = |r1cs: &[u8]| R1cs::read(r1cs).unwrap().constraints.len();
    let (full, one) = (compile(options(Simplification::Full)), compile(rounds(1)));
    assert!(constraints(&one.r1cs) >= constraints(&full.r1cs));
    assert!(compile(rounds(1000)).r1cs == full.r1cs);
    assert!(full.json.is_none() && full.wat.is_none());

    let texts = compile(CompileOptions { json: true, wat: true, inspect: true, ..CompileOptions::default() });
    let json: serde_json::Value = serde_json::from_slice(&texts.json.unwrap()).unwrap();
    assert_eq!(json["constraints"].as_array().unwrap().len(), constraints(&texts.r1cs));
    assert!(texts.wat.unwrap().starts_with(b"(module"));
    let unused = "pragma circom 2.1.6; template A() { signal input a; signal output o; signal t; t <-- a; o <== a * a; } component main = A();";
    let inspected = CompileOptions { inspect: true, ..CompileOptions::default() };
    let warnings = |options| circom.compile(&tree(unused).unwrap(), &options).unwrap().warnings.len();
    assert!(warnings(inspected) > warnings(CompileOptions::default()));
}

#[test]
fn warnings_of_a_good_circuit_are_kept() {
    let compiled = compile(&SQUARE.replace("pragma circom 2.1.6;", ""));
    assert_eq!(compiled.warnings[0].code.as_deref(), Some("P1004"));
}

#[test]
fn endless_loop_at_compile_time_is_stopped() {
    let looping = "pragma circom 2.1.6;
        function f() { var i = 0; while (1 == 1) { i += 1; } return i; }
        template A() { signal input a; signal output o; o <== a * f(); }
        component main = A();";
    let error = refused(looping, two_seconds());
    assert_eq!(error, CompileError::Limit(CompileLimit::Time(Duration::from_secs(2))));
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn deep_recursion_is_a_clear_error() {
    let recursive = "pragma circom 2.1.6;
        function f(n) { if (n == 0) { return 1; } return f(n + 1); }
        template A() { signal input a; signal output o; o <== a * f(1); }
        component main = A();";
    let error = refused(recursive, CompileLimits { wall: Duration::from_secs(20), ..limits() });
    assert_eq!(error, CompileError::Limit(CompileLimit::Recursion));
}

#[test]
fn a_circuit_with_custom_gates_is_refused_as_a_fault_of_its_source() {
    let (code, file, _, message) = rejection(
        "pragma circom 2.1.6;
        pragma custom_templates;
        template custom Square() { signal input a; signal output o; o <-- a * a; }
        template Main() { signal input a; signal output o; component s = Square(); s.a <== a; o <== s.o * a; }
        component main = Main();",
    );
    assert_eq!((code, file), (None, None));
    assert!(message.contains("custom gates"), "{message}");
}

#[test]
fn memory_and_output_are_bounded() {
    let chain = |length: u32| {
        format!(
            "pragma circom 2.1.6;
            template A() {{ signal input a; signal output o; signal s[{length}]; s[0] <== a * a;
                for (var i = 1; i < {length}; i++) {{ s[i] <== s[i-1] * s[i-1]; }} o <== s[{length} - 1]; }}
            component main = A();"
        )
    };
    // Ample time, so that another limit is reached first.
    let wall = Duration::from_secs(300);
    let memory = CompileLimits { memory_bytes: 32 << 20, wall, ..limits() };
    assert_eq!(refused(&chain(100_000), memory), CompileError::Limit(CompileLimit::SandboxMemory(32 << 20)));

    // A compilation that ends at its limit was noted at half of it.
    let noted = Arc::new(AtomicUsize::new(0));
    let note = Arc::clone(&noted);
    let circom = circom(memory).when_half_used(move |bytes| _ = note.fetch_add(bytes, Relaxed));
    circom.compile(&tree(&chain(100_000)).unwrap(), &CompileOptions::default()).unwrap_err();
    assert_eq!(noted.load(Relaxed), 32 << 20);

    let output = CompileLimits { output_bytes: 20_000, wall, ..limits() };
    assert_eq!(refused(&chain(2_000), output), CompileError::Limit(CompileLimit::Output(20_000)));
}
