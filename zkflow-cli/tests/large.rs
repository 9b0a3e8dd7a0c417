//! A key of more than 1 GiB, imported and proved with, and the memory of the server meanwhile.
//!
//! The circuit has 3.4 million wires and 1000 constraints, so the key is large and made in minutes. It takes 6 GB of disk. The
//! files are kept in `ZKFLOW_LARGE`, if that is set: `ZKFLOW_LARGE=/tmp/large make large`

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ark_bn254::Fr;
use serde_json::json;
use zkflow_client::{Client, Inputs, UploadFile};
use zkflow_core::digest::Digest;
use zkflow_core::format::r1cs::{Constraint, R1cs};
use zkflow_server::client::LocalServer;

/// Power of the powers of tau.
const POWER: u32 = 10;
const CONSTRAINTS: u32 = 1000;
/// A key has 320 bytes for each wire.
const WIRES: u32 = 3_400_000;
/// Wire of the input, after the constant one.
const INPUT: u32 = 1;
const MEBIBYTE: u64 = 1 << 20;
/// What the server may take above its idle memory while it receives the files.
const MOST_ABOVE_IDLE: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

/// Wires that are all equal to the input, 0 or 1: `w[i] (w[i] + w[i - 1]) = w[i + 1] + w[i]`. The last ones are free.
fn constraints() -> R1cs {
    let one = Fr::from(1u64);
    let row = |row: u32| {
        let (before, here, next) = (INPUT.max(INPUT + row.saturating_sub(1)), INPUT + row, INPUT + row + 1);
        let b = if before == here { vec![(here, one + one)] } else { vec![(before, one), (here, one)] };
        Constraint { a: vec![(here, one)], b, c: vec![(here, one), (next, one)] }
    };
    R1cs {
        n_wires: WIRES,
        n_outputs: 0,
        n_public_inputs: 1,
        n_private_inputs: 0,
        n_labels: WIRES.into(),
        constraints: (0..CONSTRAINTS).map(row).collect(),
        labels: (0..WIRES.into()).collect(),
    }
}

fn names() -> String {
    let wires = (2..WIRES).map(|wire| format!("{wire},{wire},0,main.w[{wire}]\n"));
    std::iter::once("1,1,0,main.x\n".to_owned()).chain(wires).collect()
}

/// A calculator that gives every wire the value of the input.
fn calculator() -> Vec<u8> {
    let pages = WIRES / 16_384 + 2;
    let hash: String = b"x"
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
        .to_le_bytes()
        .iter()
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let copy = |from: u32, to: u32| -> String {
        (0..4)
            .map(|at| format!("i32.const {} i32.const {} i64.load i64.store\n", to + 8 * at, from + 8 * at))
            .collect()
    };
    // The window is at 48, the prime at 80, one at 112, the input at 144.
    let text = format!(
        r#"(module
        (memory (export "memory") {pages})
        (data (i32.const 80) "\01\00\00\f0\93\f5\e1\43\91\70\b9\79\48\e8\33\28\5d\58\81\81\b6\45\50\b8\29\a0\31\e1\72\4e\64\30")
        (data (i32.const 112) "\01")
        (data (i32.const 1024) "{hash}\01\00\00\00\01\00\00\00")
        (func $getInputSignalMapPosition (param i32) (result i32) (local i32)
            local.get 0 i32.const 255 i32.and drop
            i32.const 1024 local.get 1 i32.const 16 i32.mul i32.add)
        (data (i32.const 1040) "{zeros}")
        (func (export "getSharedRWMemoryStart") (result i32) i32.const 48)
        (func (export "getFieldNumLen32") (result i32) i32.const 8)
        (func (export "getRawPrime") {prime})
        (func (export "init") (param i32))
        (func (export "getInputSize") (result i32) i32.const 1)
        (func (export "getInputSignalSize") (param i32 i32) (result i32) i32.const 1)
        (func (export "setInputSignal") (param i32 i32 i32) {input})
        (func (export "getWitnessSize") (result i32) i32.const {wires})
        (func (export "getWitness") (param i32)
            local.get 0 i32.eqz if {constant} else {wire} end))"#,
        zeros = "\\00".repeat(255 * 16),
        prime = copy(80, 48),
        input = copy(48, 144),
        constant = copy(112, 48),
        wire = copy(144, 48),
        wires = WIRES,
    );
    wat::parse_str(text).unwrap()
}

/// Makes the files that do not exist.
fn files(folder: &Path) {
    let write = |name: &str, bytes: &dyn Fn() -> Vec<u8>| {
        if !folder.join(name).exists() {
            fs::write(folder.join(name), bytes()).unwrap();
        }
    };
    write("main.r1cs", &|| constraints().write());
    write("main.sym", &|| names().into_bytes());
    write("main.wasm", &calculator);
    let power = POWER.to_string();
    for (made, line) in [
        ("dev.ptau", &["ptau", "development", &power, "dev.ptau"][..]),
        ("0.zkey", &["zkey", "new", "main.r1cs", "dev.ptau", "0.zkey", "--allow-development"]),
        ("main.zkey", &["zkey", "contribute", "0.zkey", "main.zkey", "--name", "one"]),
    ] {
        if !folder.join(made).exists() {
            let began = Instant::now();
            let made =
                Command::new(env!("CARGO_BIN_EXE_zkflow")).args(line).current_dir(folder).status().unwrap();
            assert!(made.success(), "{line:?}");
            println!("{line:?}: {} s", began.elapsed().as_secs());
        }
    }
}

/// Memory of a process, in MiB.
struct Memory(i32);

impl Memory {
    fn read(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// The peak since the last call.
    fn peak(&self) -> u64 {
        let peak = self.read("VmHWM");
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
        peak
    }
}

async fn send(client: &Client, folder: &Path) -> String {
    let open = |role| UploadFile::open(role, &folder.join(format!("main.{role}"))).unwrap();
    let files = ["r1cs", "wasm", "sym", "zkey"].map(open);
    let upload = client.create_upload(&files).await.unwrap();
    client.send_upload(&upload, &files, None).await.unwrap();
    upload["uploadId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "many minutes, 6 GB of disk: make large"]
async fn a_key_of_a_gibibyte_is_imported_and_proved_with() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("ZKFLOW_LARGE").map_or(temporary.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&folder).unwrap();
    files(&folder);
    let size = fs::metadata(folder.join("main.zkey")).unwrap().len();
    assert!(size >= 1024 * MEBIBYTE, "{size}");

    let data = tempfile::tempdir_in(&folder).unwrap();
    let args = ["--log-level", "warn", "--upload-parts-mib", "1024", "--witness-time-s", "600"];
    let binary = Path::new(env!("CARGO_BIN_EXE_zkflow"));
    let server = LocalServer::start(binary, data.path(), &args, Stdio::inherit()).unwrap();
    let client = Client::new(server.base());
    let memory = Memory(server.pid().as_raw_nonzero().get());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = memory.read("VmRSS");
    memory.peak();

    let began = Instant::now();
    let upload = send(&client, &folder).await;
    let (uploaded, sent) = (memory.peak(), began.elapsed());
    let began = Instant::now();
    let circuit = client.request_import(&upload, &json!({})).await.unwrap();
    let circuit = client.wait_for_circuit(circuit["circuitId"].as_str().unwrap(), PATIENCE).await.unwrap();
    let (imported, checked) = (memory.peak(), began.elapsed());
    assert_eq!(circuit["claimed"], "single-operator", "{circuit}");
    let id = circuit["circuitId"].as_str().unwrap();
    let began = Instant::now();
    let inputs = Inputs { private: json!({}), public: json!({"x": "1"}), user: None };
    let proved = client.prove(id, &inputs, PATIENCE).await.unwrap();
    let (at_proof, took) = (memory.peak(), began.elapsed());
    let verdict = client.verify(id, &proved.proof, &proved.public_signals).await.unwrap();
    assert!(verdict.verified, "{:?}", verdict.reason);

    println!(
        "key {} MiB, SHA-256 {}",
        size / MEBIBYTE,
        Digest::of(fs::read(folder.join("main.zkey")).unwrap())
    );
    println!("idle {idle} MiB");
    println!("while it uploads {uploaded} MiB, {} s", sent.as_secs());
    println!("while it imports {imported} MiB, {} s", checked.as_secs());
    println!("while it proves {at_proof} MiB, {} s", took.as_secs());
    assert!(uploaded < idle + MOST_ABOVE_IDLE, "{uploaded} MiB, idle {idle} MiB");
}
