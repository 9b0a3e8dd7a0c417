//! Circuits compiled by circom, with keys of a ceremony of snarkjs, imported to a server by the command line. snarkjs
//! verifies what comes out.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "node/module.rs"]
mod module;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use zkflow_client::{Client, Inputs, UploadFile};
use zkflow_core::witness::module_version;
use zkflow_server::client::LocalServer;

const PATIENCE: Duration = Duration::from_secs(300);

const MAIN: &str = "pragma circom 2.0.0;
include \"lib/power.circom\";
template Main(n) {
    signal input base; signal input secret[2]; signal output out;
    component power = Power(n);
    power.in <== base + secret[0];
    out <== power.out * secret[1];
}
component main {public [base]} = Main(20);
";
const POWER: &str = "pragma circom 2.0.0;
template Power(n) {
    signal input in; signal output out; signal step[n];
    step[0] <== in * in;
    for (var i = 1; i < n; i++) { step[i] <== step[i - 1] * in; }
    out <== step[n - 1];
}
";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The published powers of tau for 2^8 rows.
fn powers() -> String {
    project("zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau").display().to_string()
}

/// A folder with a circuit, and a server.
struct Site {
    folder: tempfile::TempDir,
    server: LocalServer,
}

impl Site {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A server with more flags.
    fn with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = std::env::temp_dir().join("zkflow-test-modules").display().to_string();
        let args = [&["--log-level", "warn", "--module-cache", &cache][..], more].concat();
        let binary = Path::new(env!("CARGO_BIN_EXE_zkflow"));
        let server =
            LocalServer::start(binary, &folder.path().join("data"), &args, Stdio::inherit()).unwrap();
        let site = Self { folder, server };
        site.write("main.circom", MAIN);
        site.write("lib/power.circom", POWER);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn node(&self, program: &str, line: &[&str]) -> Output {
        let program = project("tools/node_modules").join(program);
        Command::new("node").arg(program).args(line).current_dir(self.folder.path()).output().unwrap()
    }

    #[track_caller]
    fn snarkjs(&self, line: &[&str]) {
        let output = self.node("snarkjs/build/cli.cjs", line);
        assert!(output.status.success(), "{line:?}: {output:?}");
    }

    /// Compiles the circuit with the compiler of an npm package.
    #[track_caller]
    fn compile(&self, package: &str, level: &str) {
        let line = ["main.circom", "--r1cs", "--wasm", "--sym", level];
        let compiled = self.node(&format!("{package}/cli.js"), &line);
        assert!(compiled.status.success(), "{compiled:?}");
    }

    /// Compiles the circuit, and makes its key with two contributions.
    fn ceremony(&self) {
        self.compile("circom2", "--O1");
        self.snarkjs(&["groth16", "setup", "main.r1cs", &powers(), "0.zkey"]);
        self.snarkjs(&["zkey", "contribute", "0.zkey", "1.zkey", "--name=Ann", "-e=one text"]);
        self.snarkjs(&["zkey", "contribute", "1.zkey", "2.zkey", "--name=Ben", "-e=another text"]);
        self.snarkjs(&["zkey", "export", "verificationkey", "2.zkey", "vkey.json"]);
    }

    fn import(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_zkflow"))
            .args(["circuit", "import", "--server", self.server.base()])
            .args(line)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Imports a circuit; returns its id and what was printed.
    #[track_caller]
    fn imported(&self, line: &[&str]) -> (String, String) {
        let output = self.import(line);
        assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let id = printed.lines().find_map(|line| line.strip_prefix("circuit ")).unwrap();
        (id.to_owned(), printed.clone())
    }

    #[track_caller]
    fn refused(&self, line: &[&str], part: &str) {
        let output = self.import(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{line:?}: {error}");
    }

    /// Makes a proof, and lets snarkjs verify it with the verification key of the server.
    async fn proves(&self, client: &Client, circuit: &str) {
        let inputs =
            Inputs { private: json!({"secret": ["2", 3]}), public: json!({"base": "5"}), user: None };
        let proved = client.prove(circuit, &inputs, PATIENCE).await.unwrap();
        assert_eq!(proved.public_signals, [(7u128.pow(21) * 3).to_string(), "5".to_owned()]);
        self.write("proof.json", proved.proof.to_string());
        self.write("public.json", Value::from(proved.public_signals).to_string());
        self.write("served.json", client.file(circuit, "verification_key.json").await.unwrap());
        self.snarkjs(&["groth16", "verify", "served.json", "public.json", "proof.json"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_of_snarkjs_moves_to_a_server() {
    let site = Site::new();
    site.ceremony();
    let client = site.server.client();
    let parts = ["--r1cs", "main.r1cs", "--wasm", "main_js/main.wasm", "--sym", "main.sym"];
    let key = ["--zkey", "2.zkey", "--verification-key", "vkey.json"];

    // Everything is given: everything is compared.
    let ptau = powers();
    let powers = ["--ptau", ptau.as_str()];
    let (circuit, printed) = site.imported(&[&["main.circom"][..], &parts, &key, &powers].concat());
    assert!(printed.contains("keys                 ceremony(2)"), "{printed}");
    assert!(printed.contains("public base: a value") && printed.contains("private secret: [2]"), "{printed}");
    site.proves(&client, &circuit).await;
    site.write("served.zkey", client.file(&circuit, "proving_key.zkey").await.unwrap());
    site.snarkjs(&["zkey", "verify", "main.r1cs", &ptau, "served.zkey"]);
    let again = site.imported(&[&["main.circom"][..], &parts, &key, &powers].concat());
    assert_eq!(again.0, circuit, "the same files are the same circuit");

    // Without a source, and without powers of tau.
    let (claimed, printed) = site.imported(&[&parts[..], &key].concat());
    assert!(printed.contains("claimed ceremony(2), not verified"), "{printed}");
    assert_ne!(claimed, circuit);
    site.proves(&client, &claimed).await;

    // Only the source: the server makes the rest.
    let (own, printed) = site.imported(&["main.circom"]);
    assert!(printed.contains("keys                 development"), "{printed}");
    site.proves(&client, &own).await;

    // What does not fit is named.
    site.snarkjs(&["zkey", "export", "verificationkey", "1.zkey", "other.json"]);
    let other = ["--zkey", "2.zkey", "--verification-key", "other.json"];
    site.refused(&[&["main.circom"][..], &other].concat(), "verification_key_of_other_key");
    site.refused(&["main.circom", "--zkey", "0.zkey"], "key_refused");
    site.refused(&["main.circom", "--zkey", "2.zkey", "--ptau", "configured"], "ceremony_invalid");
    site.refused(&["main.circom", "--simplification", "O0", "--r1cs", "main.r1cs"], "not_of_source");
    site.refused(&["--r1cs", "main.r1cs", "--sym", "main.sym"], "give the source, or also --wasm");
    site.refused(&["2.zkey"], "2.zkey: not a source: give it with --zkey");
}

/// The key of UniRep's public ceremony, as the npm package contains it, with thousands of contributions.
#[tokio::test(flavor = "multi_thread")]
async fn the_published_key_of_a_real_ceremony_is_imported_and_its_proof_is_verified_by_the_published_key() {
    let site = Site::new();
    let client = site.server.client();
    let packages = project("compat/node_modules").canonicalize().unwrap();
    let published =
        |name: &str| packages.join("@unirep/circuits/zksnarkBuild").join(name).display().to_string();
    let main = "pragma circom 2.0.0;\ninclude \"@unirep/circuits/circuits/epochKeyLite.circom\";\n\
                component main {public [sig_data]} = EpochKeyLite(3);\n";
    site.write("published.circom", main);
    let (zkey, vkey) = (published("epochKeyLite.zkey"), published("epochKeyLite.vkey.json"));
    let roots = ["-l", packages.to_str().unwrap()];
    let key = ["--zkey", &zkey, "--verification-key", &vkey];
    let source = ["published.circom", "--simplification", "O2"];
    let module = published("epochKeyLite.wasm");
    // Another version of circom made the module: the server replaces it.
    let (made, printed) = site.imported(&[&source[..], &roots, &key, &["--wasm", &module]].concat());
    assert!(printed.contains("claimed ceremony("), "{printed}");
    assert!(printed.contains("the given wasm says circom 2.1.5, and there is only circom 2."), "{printed}");
    // Without a source: the published module and key, and the constraints that the key is for.
    for name in ["circuit.r1cs", "circuit.sym"] {
        site.write(name, client.file(&made, name).await.unwrap());
    }
    let parts = ["--r1cs", "circuit.r1cs", "--wasm", &module, "--sym", "circuit.sym"];
    let (circuit, printed) = site.imported(&[&parts[..], &key].concat());
    assert!(printed.contains("claimed ceremony(") && circuit != made, "{printed}");
    // A key of the same ceremony for another circuit.
    let other = published("signup.zkey");
    site.refused(&[&parts[..], &["--zkey", &other]].concat(), "key_of_other_circuit");

    let inputs = Command::new("node")
        .arg(project("compat/circuits/inputs.cjs"))
        .arg("[\"epochKeyLite\"]")
        .output()
        .unwrap();
    let mut private: Value = serde_json::from_slice(&inputs.stdout).unwrap();
    let public = json!({"sig_data": private["sig_data"].take()});
    private.as_object_mut().unwrap().remove("sig_data");
    let inputs = Inputs { private, public, user: None };
    for circuit in [made, circuit] {
        let proved = client.prove(&circuit, &inputs, PATIENCE).await.unwrap();
        site.write("proof.json", proved.proof.to_string());
        site.write("public.json", Value::from(proved.public_signals).to_string());
        site.snarkjs(&["groth16", "verify", &vkey, "public.json", "proof.json"]);
    }
}

/// The compiler of another version, beside the one of the server.
const OLD_CIRCOM: &str = "2.1.9";

/// Files of a version of circom that the server has are compared with what that version makes from the source.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_compiled_by_the_version_that_made_the_module() {
    let old = project("tools/node_modules/circom2-old/circom.wasm").display().to_string();
    let site = Site::with(&["--circom-versions", &old]);
    let client = site.server.client();
    site.compile("circom2-old", "--O1");
    let module = fs::read(site.path("main_js/main.wasm")).unwrap();
    assert_eq!(module_version(&module).as_deref(), Some(OLD_CIRCOM));
    let parts = ["--r1cs", "main.r1cs", "--wasm", "main_js/main.wasm", "--sym", "main.sym"];
    let (circuit, printed) = site.imported(&[&["main.circom"][..], &parts].concat());
    assert!(!printed.contains("claimed"), "{printed}");
    let document = client.circuit_by_id(&circuit).await.unwrap();
    assert_eq!(document["import"]["compiler"], format!("circom {OLD_CIRCOM} --O1"), "{document}");
    assert_eq!(client.file(&circuit, "circuit.wasm").await.unwrap(), module);
    site.proves(&client, &circuit).await;

    // Now they are contradictions.
    site.write("other.wasm", module::of_version(OLD_CIRCOM));
    site.compile("circom2-old", "--O0");
    for file in [["--wasm", "other.wasm"], ["--wasm", "main_js/main.wasm"]] {
        let line = [&["main.circom"][..], &file].concat();
        site.refused(&line, &format!("the wasm is not what circom {OLD_CIRCOM} --O1 makes"));
    }
    // Without a module, the own version compiles.
    site.refused(&["main.circom", "--r1cs", "main.r1cs"], "the r1cs is not what circom 2.2");
}

/// Files of a version that the server does not have are no contradiction: the document says what was not compared.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_version_that_the_server_lacks_are_claimed() {
    let site = Site::new();
    let client = site.server.client();
    let says = format!("the given wasm says circom {OLD_CIRCOM}, and there is only circom 2.2");
    let setting = format!("set circom_versions (ZKFLOW_CIRCOM_VERSIONS) to a list with circom {OLD_CIRCOM}");
    let parts = ["--r1cs", "main.r1cs", "--wasm", "main_js/main.wasm", "--sym", "main.sym"];
    let whole = [&["main.circom"][..], &parts].concat();

    // The constraints are those of the source: only the module was not compared, and it is not used.
    site.compile("circom2-old", "--O1");
    let given = fs::read(site.path("main_js/main.wasm")).unwrap();
    let (circuit, printed) = site.imported(&whole);
    assert!(printed.contains(&says) && printed.contains(&setting), "{printed}");
    let document = client.circuit_by_id(&circuit).await.unwrap();
    let claimed = &document["import"]["claimed"];
    assert_eq!((&claimed["part"], &claimed["circom"]), (&json!("wasm"), &json!(OLD_CIRCOM)), "{document}");
    let own = client.file(&circuit, "circuit.wasm").await.unwrap();
    assert!(own != given && module_version(&own).as_deref() != Some(OLD_CIRCOM));
    assert_eq!(document["import"]["compiler"], format!("{} --O1", claimed["compilers"][0].as_str().unwrap()));
    site.proves(&client, &circuit).await;

    // Other constraints than those of the source: the given files are used, and the source is not kept.
    site.compile("circom2-old", "--O0");
    let (circuit, printed) = site.imported(&whole);
    assert!(printed.contains(&says) && printed.contains(&setting), "{printed}");
    let document = client.circuit_by_id(&circuit).await.unwrap();
    assert_eq!(document["import"]["claimed"]["part"], "source", "{document}");
    assert_eq!(document["import"]["compiler"], Value::Null, "{document}");
    assert_eq!(document["artifacts"]["circuit.circom"], Value::Null, "{document}");
    assert_eq!(
        client.file(&circuit, "circuit.r1cs").await.unwrap(),
        fs::read(site.path("main.r1cs")).unwrap()
    );
    site.proves(&client, &circuit).await;
    for part in ["circom_version_missing", &says, &setting, "the r1cs cannot be compared"] {
        site.refused(&["main.circom", "--r1cs", "main.r1cs", "--wasm", "main_js/main.wasm"], part);
    }

    // A module that only says a version gets nothing: it is not used, or is compared with its constraints.
    site.write("empty.wasm", module::of_version("2.1.5"));
    let (circuit, printed) = site.imported(&["main.circom", "--wasm", "empty.wasm"]);
    assert!(printed.contains("the given wasm says circom 2.1.5"), "{printed}");
    site.proves(&client, &circuit).await;
    let lies = ["--r1cs", "main.r1cs", "--wasm", "empty.wasm", "--sym", "main.sym"];
    site.refused(&[&["main.circom"][..], &lies].concat(), "parts_differ");
    site.refused(&lies, "the module exports no memory");
    // A module that says no version is compared.
    site.write("none.wasm", wat::parse_str("(module)").unwrap());
    site.refused(&["main.circom", "--wasm", "none.wasm"], "the wasm is not what circom 2.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_an_archive_is_imported() {
    let site = Site::new();
    let client = site.server.client();
    let pack = |name: &str, files: &[(&str, &str)]| {
        let packed = GzEncoder::new(fs::File::create(site.path(name)).unwrap(), Compression::default());
        let mut archive = tar::Builder::new(packed);
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
    };
    pack(
        "project.tgz",
        &[("a/main.circom", MAIN), ("a/lib/power.circom", POWER), ("a/README.md", "read me")],
    );
    let (circuit, printed) = site.imported(&["project.tgz", "--main", "a/main.circom"]);
    assert!(printed.contains("keys                 development"), "{printed}");
    site.proves(&client, &circuit).await;

    site.refused(&["project.tgz"], "--main is missing");
    site.refused(&["project.tgz", "--main", "a/main.circom", "-l", "lib"], "-l has no effect");
    site.refused(&["main.circom", "--main", "main.circom"], "omit it");
    site.refused(&["project.tgz", "--main", "main.circom"], "import_incomplete");
    pack("twice.tar.gz", &[("main.circom", MAIN), ("main.circom", POWER)]);
    site.refused(&["twice.tar.gz", "--main", "main.circom"], "occurs twice");
    // Nothing is left on the disk of the server.
    let left: Vec<_> = fs::read_dir(site.path("data/scratch")).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_is_continued() {
    let site = Site::new();
    site.ceremony();
    let client = site.server.client();
    let wasm = fs::read(site.path("main_js/main.wasm")).unwrap();
    let files = [("r1cs", "main.r1cs"), ("wasm", "main_js/main.wasm"), ("sym", "main.sym")];
    let files = files.map(|(role, name)| UploadFile::open(role, &site.path(name)).unwrap());
    let upload = client.create_upload(&files).await.unwrap();
    let id = upload["uploadId"].as_str().unwrap();
    client.put_part(id, 1, 0, wasm).await.unwrap();
    let missing = client.upload(id).await.unwrap();
    let missing: Vec<_> =
        missing["files"].as_array().unwrap().iter().map(|file| file["missing"].clone()).collect();
    assert_eq!(missing, [json!([0]), json!([]), json!([0])]);
    let parts = ["--r1cs", "main.r1cs", "--wasm", "main_js/main.wasm", "--sym", "main.sym"];
    site.refused(&["--resume", id, "--r1cs", "main.r1cs"], "other files");
    let (circuit, _) = site.imported(&[&parts[..], &["--resume", id]].concat());
    site.proves(&client, &circuit).await;
}

#[test]
fn what_is_missing_is_named_in_the_order_of_the_arguments() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.zkey"), "rubbish").unwrap();
    for (line, part) in [
        (&["prove", "bad.zkey", "none.wtns", "proof.json", "public.json"][..], "bad.zkey"),
        (&["prove", "none.zkey", "none.wtns", "proof.json", "public.json"], "none.zkey"),
        (&["import", "node", "--folder", "none", "--data-dir", "data"], "none: there is no such folder"),
        (&["import", "node", "--folder", ".", "--data-dir", "data"], "no circuits.json"),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_zkflow")).args(line).current_dir(folder.path()).output();
        let output = run.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(part), "{line:?}: {error}");
    }
}
