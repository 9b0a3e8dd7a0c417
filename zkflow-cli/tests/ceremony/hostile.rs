//! A server that would fill the disk of contributors, or of those who check.

use std::fs;
use std::path::Path;
use std::process::Command;

use axum::extract::Path as Segments;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zkflow_core::digest::Digest;

const ID: &str = "01990a5d-ac96-774b-bcce-b302099a8057";
/// Bytes of a download at a time.
const PIECE: u64 = 8 << 20;

/// A server that sends a piece for every request of a file. Its key has `announced` bytes, and `later` ones when the turn
/// begins.
fn server(status: &str, announced: u64, later: u64) -> (Runtime, String) {
    let piece = vec![7; PIECE as usize];
    let key = |size: u64| json!({"size": size, "sha256": Digest::of(&piece)});
    let (time, zeros) = ("2027-02-10T09:00:00.000Z", "00".repeat(64));
    let rules = json!({"minContributions": 1, "deadline": time, "turnSeconds": 600,
        "beacon": {"source": "a block", "exponent": 10, "at": time}});
    let circuit =
        json!({"r1cs": &zeros[..64], "circuitHash": zeros, "powers": zeros, "powersOrigin": "known"});
    let ceremony = json!({
        "ceremonyId": ID, "status": status, "announcedAt": time, "contributions": [], "key": key(announced),
        "rules": rules, "circuit": circuit,
    });
    let record = json!({
        "format": 1, "program": "other", "ceremony": ID, "announcedAt": time, "rules": rules, "circuit": circuit,
        "contributions": [], "beacon": {"value": "00", "givenAt": time}, "zkey": &zeros[..64],
        "provenance": {"ceremony": 1},
    });
    let turn = json!({"state": "turn", "until": time, "key": key(later)});
    let record = record.to_string().into_bytes();
    let file = move |Segments((_, name)): Segments<(String, String)>| {
        let bytes = if name == "ceremony.json" { record.clone() } else { piece.clone() };
        async move { bytes }
    };
    let answer = |value: Value| move || async move { Json(value) };
    let router = Router::new()
        .route("/v1/ceremonies/{id}", get(answer(ceremony)))
        .route("/v1/ceremonies/{id}/join", post(answer(json!({"place": 1, "token": "t".repeat(64)}))))
        .route("/v1/ceremonies/{id}/turn", post(answer(turn)))
        .route("/v1/ceremonies/{id}/files/{name}", get(file));
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/v1/ceremonies/{ID}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (runtime, url)
}

/// Runs a command that fails; returns its error, and the bytes in its folder.
#[track_caller]
fn refused(line: &[&str]) -> (String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_zkflow")).args(line).current_dir(folder.path()).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    (String::from_utf8(output.stderr).unwrap(), size(folder.path()))
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { size(&path) } else { path.metadata().unwrap().len() }).sum()
}

#[test]
fn a_server_cannot_fill_a_disk() {
    let huge = 1 << 50;
    // Before the place is taken.
    let (_runtime, url) = server("open", huge, huge);
    let (error, left) = refused(&["contribute", &url]);
    assert!(error.contains("proving_key.zkey: the server announces 1125899906842624 bytes"), "{error}");
    assert!(error.contains("--largest-file 1073741824MiB"), "{error}");
    assert_eq!(left, 0);
    let (error, left) = refused(&["contribute", &url, "--largest-file", "2097152GiB"]);
    assert!(error.contains("two keys need 2251799813685248 bytes"), "{error}");
    assert_eq!(left, 0);
    // When the turn has begun.
    let (_runtime, url) = server("open", 1000, huge);
    let (error, left) = refused(&["contribute", &url]);
    assert!(error.contains("the server announces 1125899906842624 bytes"), "{error}");
    assert!(left < 1000, "only the place: {left}");
    // A file without an announced length, which does not end.
    let (_runtime, url) = server("completed", PIECE, 0);
    let (error, left) = refused(&["ceremony", "fetch", &url, "out", "--largest-file", "16MiB"]);
    assert!(error.contains("circuit.r1cs") && error.contains("more bytes than --largest-file"), "{error}");
    assert_eq!(left, PIECE, "the key alone");
    let (error, _) = refused(&["ceremony", "fetch", &url, "out", "--largest-file", "1MiB"]);
    assert!(error.contains("the server announces 8388608 bytes"), "{error}");
}
