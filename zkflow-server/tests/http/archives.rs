//! Imports of a source in an archive.

#[path = "../../../zkflow-core/tests/archives/make.rs"]
#[allow(dead_code, reason = "the tests of the library make more")]
mod make;

use serde_json::json;
use tar::EntryType;
use zkflow_core::service::queue::QueueName;
use zkflow_server::work;

use crate::imports::{MAIN, SQUARE, Sent, declaration, file, main_circom};
use crate::support::Server;

/// A server whose only work is the circuits of the test.
async fn server() -> Server {
    let server = Server::idle().await;
    tokio::spawn(work::run(server.app.clone(), &[QueueName::KeyGeneration, QueueName::ProofGeneration]));
    server
}

fn packed(bytes: Vec<u8>) -> [Sent; 1] {
    [file("source_archive", bytes)]
}

#[tokio::test]
async fn an_archive_gives_the_circuit_that_its_files_give() {
    let server = server().await;
    let files: &[(&str, &[u8])] = &[
        ("main.circom", MAIN.as_bytes()),
        ("lib/", b""),
        ("lib/square.circom", SQUARE.as_bytes()),
        ("README.md", b"A circuit."),
    ];
    let sent =
        [("source", Some("main.circom"), MAIN.into()), ("source", Some("lib/square.circom"), SQUARE.into())];
    let (circuit, _) = server.imported(&sent, main_circom()).await;
    let constraints = server.artifact(&circuit, "circuit.r1cs").await;
    for archive in [make::zip(files), make::tar(files), make::gzip(&make::tar(files))] {
        let (found, upload) = server.imported(&packed(archive.clone()), main_circom()).await;
        assert_eq!(found["status"], "ready", "{found}");
        assert_eq!(server.artifact(&found, "circuit.r1cs").await, constraints);
        assert_eq!(server.artifact(&found, "circuit.circom").await, MAIN.as_bytes());
        assert_ne!(found["circuitId"], circuit["circuitId"], "the identity is that of what was given");
        server.nothing_is_left(&upload).await;
        let signals = server.proves(&found, json!({"x": "3", "key": 5}), json!({"pair": [2, "7"]})).await;
        assert_eq!(signals, json!(["23", "2", "7"]));
        let (again, _) = server.imported(&packed(archive), main_circom()).await;
        assert_eq!(again["circuitId"], found["circuitId"]);
    }
}

#[tokio::test]
async fn hostile_archives_are_refused_and_leave_nothing() {
    let server = server().await;
    let main: (&str, &[u8]) = ("main.circom", MAIN.as_bytes());
    let zeros = vec![0; 64 << 20];
    let link = make::zip_entry("lib/square.circom", b"/etc/passwd").mode(0o120_777);
    let in_tar = |kind| [make::tar_entry(kind, "lib/square.circom", b""), make::tar(&[main])].concat();
    let short = make::gzip(&make::tar(&[main]));
    let traversal: &[(&str, &[u8])] = &[main, ("../../../../tmp/zkflow-traversal.circom", b"x")];
    for (name, archive, part) in [
        ("bomb", make::zip(&[main, ("lib/square.circom", &zeros)]), "for each of its own"),
        ("bomb", make::gzip(&make::tar(&[main, ("zeros.txt", &zeros)])), "for each of its own"),
        ("bomb of bombs", make::gzip(&make::gzip(&make::tar(&[main, ("zeros.txt", &zeros)]))), "damaged"),
        ("traversal", make::zip(traversal), "contains `..`"),
        ("traversal", make::tar(traversal), "contains `..`"),
        ("absolute", make::gzip(&make::tar(&[main, ("/tmp/zkflow-traversal.circom", b"x")])), "absolute"),
        ("symlink", in_tar(EntryType::Symlink), "neither a file nor a folder"),
        ("hard link", in_tar(EntryType::Link), "neither a file nor a folder"),
        ("device", in_tar(EntryType::Char), "neither a file nor a folder"),
        ("symlink", make::zip_of(&[make::zip_entry(main.0, main.1), link]), "neither a file nor a folder"),
        ("encrypted", make::zip_of(&[make::zip_entry(main.0, main.1).flags(1)]), "encrypted"),
        ("truncated", short[..short.len() / 2].to_vec(), "ends early"),
        ("overlapping", make::overlapping(), "overlap"),
        ("twice", make::tar(&[main, main]), "occurs twice"),
        ("case", make::zip(&[main, ("MAIN.circom", b"x")]), "by case only"),
        ("rubbish", b"rubbish".to_vec(), "unknown format"),
        ("empty", make::zip(&[]), "no file whose name ends with .circom"),
    ] {
        let message = server.refused(&packed(archive), main_circom(), "invalid_archive").await;
        assert!(message.contains(part), "{name}: {message}");
    }
    assert!(!std::path::Path::new("/tmp/zkflow-traversal.circom").exists());
}

#[tokio::test]
async fn the_main_file_of_an_archive_is_named_and_is_in_it() {
    let server = server().await;
    let archive = make::zip(&[("main.circom", MAIN.as_bytes())]);
    let upload = server.upload(&packed(archive.clone())).await;
    let reply = server.import(&json!({"uploadId": upload})).await;
    reply.problem(422, "import_incomplete");
    assert!(reply.fault("main").contains("an archive"), "{}", reply.text());
    let other = json!({"main": "other.circom"});
    let message = server.refused(&packed(archive.clone()), other, "import_incomplete").await;
    assert!(message.contains("no file other.circom"), "{message}");
    // An included file that is not in the archive.
    server.refused(&packed(archive.clone()), main_circom(), "include_not_found").await;
    let both = [file("source_archive", archive), ("source", Some("main.circom"), MAIN.into())];
    let reply = server.declare(both.iter().map(declaration).collect()).await;
    reply.problem(422, "invalid_upload");
    assert!(reply.fault("files[0].role").contains("only one"), "{}", reply.text());
}
