//! The data of the Node service, as its workers write them: circuits compiled by circom, keys made by snarkjs from a setup
//! and a public beacon, documents of Mongoose, objects by circuit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// The template of the service. ZKFlow has a built-in one with this name.
pub(crate) const RANGE_CHECK: &str = "pragma circom 2.0.0;
include \"circomlib/circuits/comparators.circom\";
template RangeCheck(min, max) {
    signal input age;
    signal input randomPublicSignal;
    signal output bound;
    component low = GreaterEqThan(8);
    low.in[0] <== age;
    low.in[1] <== min;
    low.out === 1;
    component high = LessEqThan(8);
    high.in[0] <== age;
    high.in[1] <== max;
    high.out === 1;
    bound <== randomPublicSignal * randomPublicSignal;
}
component main {public [randomPublicSignal]} = RangeCheck({{min}}, {{max}});
";

/// Another template.
pub(crate) const PRODUCT: &str = "pragma circom 2.0.0;
template Product(n) {
    signal input a; signal input b; signal output c;
    signal step[n];
    step[0] <== a * b;
    for (var i = 1; i < n; i++) { step[i] <== step[i - 1] * a; }
    c <== step[n - 1];
}
component main = Product({{n}});
";

/// Beacon of the service's recipe: public, so the key is forgeable.
const BEACON: &str = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// How the key of a circuit is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// Setup and a public beacon: the recipe of the service.
    Beacon,
    /// Setup alone.
    Setup,
    /// Setup, a secret contribution and a beacon.
    Contribution,
}

/// The Node service, after it stopped.
pub(crate) struct OldService {
    folder: tempfile::TempDir,
    circuits: Vec<Value>,
    proofs: Vec<Value>,
}

impl OldService {
    pub(crate) fn new() -> Self {
        let service = Self { folder: tempfile::tempdir().unwrap(), circuits: Vec::new(), proofs: Vec::new() };
        for (name, text) in [("rangeCheck", RANGE_CHECK), ("product", PRODUCT)] {
            service.write(&format!("templates/{name}.template.circom"), text);
        }
        fs::create_dir_all(service.path("bucket/circuits")).unwrap();
        service
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Path of an object of a circuit.
    pub(crate) fn object(&self, circuit: &str, name: &str) -> PathBuf {
        self.path(&format!("bucket/circuits/{circuit}/{name}"))
    }

    #[track_caller]
    fn node(&self, program: &str, line: &[&str]) {
        let program = project("tools/node_modules").join(program);
        let output = Command::new("node").arg(program).args(line).current_dir(self.folder.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{line:?}: {output:?}");
    }

    #[track_caller]
    pub(crate) fn snarkjs(&self, line: &[&str]) {
        self.node("snarkjs/build/cli.cjs", line);
    }

    /// What the worker of the queue `key-generation` did.
    pub(crate) fn make(&mut self, id: &str, template: &str, params: Value, recipe: Recipe) {
        let mut source = match template {
            "product" => PRODUCT,
            _ => RANGE_CHECK,
        }
        .to_owned();
        for (name, value) in params.as_object().unwrap() {
            source = source.replace(&format!("{{{{{name}}}}}"), &value.to_string());
        }
        let work = format!("processing/{id}");
        self.write(&format!("{work}/circuit.circom"), source);
        let in_work = |name: &str| format!("{work}/{name}");
        let modules = project("tools/node_modules").display().to_string();
        // circom as WebAssembly sees only the folder it runs in.
        let libraries = self.path(&in_work("circomlib/circuits"));
        fs::create_dir_all(&libraries).unwrap();
        for entry in fs::read_dir(Path::new(&modules).join("circomlib/circuits")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), libraries.join(entry.file_name())).unwrap();
            }
        }
        self.compile("circom2", &work, &["--r1cs", "--wasm", "--sym"]);
        let (first, last) = (in_work("circuit_0000.zkey"), in_work("circuit_final.zkey"));
        self.snarkjs(&["groth16", "setup", &in_work("circuit.r1cs"), &powers(), &first]);
        match recipe {
            Recipe::Setup => drop(fs::copy(self.path(&first), self.path(&last)).unwrap()),
            Recipe::Beacon => self.snarkjs(&["zkey", "beacon", &first, &last, BEACON, "10"]),
            Recipe::Contribution => {
                let second = in_work("circuit_0001.zkey");
                self.snarkjs(&["zkey", "contribute", &first, &second, "--name=operator", "-e=some text"]);
                self.snarkjs(&["zkey", "beacon", &second, &last, BEACON, "10"]);
            }
        }
        self.snarkjs(&["zkey", "export", "verificationkey", &last, &in_work("verification_key.json")]);
        self.snarkjs(&["zkey", "export", "solidityverifier", &last, &in_work("verifier.sol")]);
        let objects = [
            ("circuit_js/circuit.wasm", "circuit.wasm"),
            ("circuit_final.zkey", "circuit_final.zkey"),
            ("verification_key.json", "verification_key.json"),
            ("verifier.sol", "verifier.sol"),
        ];
        for (made, object) in objects {
            let bytes = fs::read(self.path(&in_work(made))).unwrap();
            self.write(&format!("bucket/circuits/{id}/{object}"), bytes);
        }
        let key = |name: &str| format!("circuits/{id}/{name}");
        self.document(json!({
            "_id": {"$oid": id}, "circuit_hash": "0".repeat(64), "template": template, "params": params,
            "status": "ready",
            "artifacts": {
                "wasm": key("circuit.wasm"), "zkey": key("circuit_final.zkey"),
                "vkey": key("verification_key.json"), "verifier": key("verifier.sol"),
            },
            "createdAt": {"$date": "2024-03-13T12:00:00Z"}, "__v": 0,
        }));
    }

    /// Runs the compiler of an npm package in a folder.
    #[track_caller]
    fn compile(&self, package: &str, work: &str, line: &[&str]) {
        let program = project("tools/node_modules").join(package).join("cli.js");
        let mut compile = Command::new("node");
        compile.arg(program).args(["circuit.circom", "-l", "."]).args(line).current_dir(self.path(work));
        let compiled = compile.output().unwrap();
        assert!(compiled.status.success(), "{compiled:?}");
    }

    /// Gives a circuit the module that the compiler of an npm package makes from the source of another one.
    pub(crate) fn recompile(&self, id: &str, of: &str, package: &str) {
        let work = format!("processing/{of}");
        fs::create_dir(self.path(&format!("{work}/again"))).unwrap();
        self.compile(package, &work, &["--wasm", "--O1", "-o", "again"]);
        let made = self.path(&format!("{work}/again/circuit_js/circuit.wasm"));
        fs::copy(made, self.object(id, "circuit.wasm")).unwrap();
    }

    /// Adds a document of a circuit.
    pub(crate) fn document(&mut self, circuit: Value) {
        self.circuits.push(circuit);
    }

    /// What the worker of the queue `deploy` did.
    pub(crate) fn deploy(&mut self, id: &str, deployment: Value) {
        let is_it = |circuit: &&mut Value| circuit["_id"]["$oid"] == id;
        let circuit = self.circuits.iter_mut().find(is_it).unwrap();
        circuit["artifacts"]["deployment"] = deployment;
    }

    /// Adds a circuit with the objects of another one.
    pub(crate) fn copied(&mut self, id: &str, of: &str, template: &str, params: Value) {
        fs::create_dir_all(self.object(id, "")).unwrap();
        for entry in fs::read_dir(self.object(of, "")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), self.object(id, "").join(entry.file_name())).unwrap();
        }
        self.document(
            json!({"_id": {"$oid": id}, "template": template, "params": params, "status": "ready"}),
        );
    }

    /// What the worker of the queue `proof-generation` did. Returns the proof and its public signals.
    pub(crate) fn prove(&mut self, id: &str, circuit: &str, inputs: &Value) -> (Value, Value) {
        let work = format!("processing/{id}");
        let in_work = |name: &str| format!("{work}/{name}");
        self.write(&in_work("input.json"), inputs.to_string());
        let object = |name: &str| format!("bucket/circuits/{circuit}/{name}");
        let (wasm, zkey) = (object("circuit.wasm"), object("circuit_final.zkey"));
        let (witness, proof, public) =
            (in_work("witness.wtns"), in_work("proof.json"), in_work("public.json"));
        self.snarkjs(&["wtns", "calculate", &wasm, &in_work("input.json"), &witness]);
        self.snarkjs(&["groth16", "prove", &zkey, &witness, &proof, &public]);
        let [proof, public] = [proof, public].map(|name| self.json(&name));
        let artifacts = json!({"proof": proof, "public": public});
        self.request(id, circuit, json!({"status": "completed", "user_id": "ann", "artifacts": artifacts}));
        (proof, public)
    }

    /// Adds a document of a proof request.
    pub(crate) fn request(&mut self, id: &str, circuit: &str, more: Value) {
        let mut document = json!({
            "_id": {"$oid": id}, "circuit_id": {"$oid": circuit},
            "expires_at": {"$date": "2999-01-01T00:00:00Z"}, "__v": 0,
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.proofs.push(document);
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Checks a proof with the verification key that the service exported.
    #[track_caller]
    pub(crate) fn verifies(&self, circuit: &str, proof: &Value, public: &Value) {
        self.write("answered_proof.json", proof.to_string());
        self.write("answered_public.json", public.to_string());
        let key = format!("bucket/circuits/{circuit}/verification_key.json");
        self.snarkjs(&["groth16", "verify", &key, "answered_public.json", "answered_proof.json"]);
    }

    /// Documents of both collections.
    pub(crate) fn collections(&self) -> [(&'static str, &[Value]); 2] {
        [("circuits", &self.circuits), ("proofrequests", &self.proofs)]
    }

    /// Writes the collections beside the objects, as `mongoexport` does; `damaged` is one more line.
    pub(crate) fn export(&self, damaged: &str) {
        for (name, documents) in self.collections() {
            let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
            self.write(&format!("bucket/{name}.json"), lines + damaged);
        }
    }
}

pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The published powers of tau for 2^8 rows.
pub(crate) fn powers() -> String {
    project("zkflow-groth16/tests/data/powersOfTau28_hez_final_08.ptau").display().to_string()
}
