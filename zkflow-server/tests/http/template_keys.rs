//! Keys of ceremonies that templates name.

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use serde_json::{Value, json};
use zkflow_core::digest::Digest;
use zkflow_core::service::queue::QueueName;
use zkflow_server::work;

use crate::ceremonies::powers;
use crate::imports::{POWERS, tiny, tiny_key};
use crate::support::Server;

const MANIFEST: &str = r#"
title = "t"
description = "d"
[[inputs]]
name = "a"
public = true
description = "d"
[[inputs]]
name = "b"
public = true
description = "d"
[[inputs]]
name = "secret"
description = "d"
[[inputs]]
name = "unused"
description = "d"
[[outputs]]
name = "product"
description = "d"
[[outputs]]
name = "sum"
shape = [2]
description = "d"
[example.inputs]
a = 3
b = 5
secret = 2
unused = 9
"#;

/// A folder of templates, all with the source of `tiny.circom`, and the files of a key.
struct Templates {
    folder: tempfile::TempDir,
    zkey: Vec<u8>,
    verification_key: String,
}

impl Templates {
    fn new() -> Self {
        let (zkey, verification_key) = tiny_key();
        Self { folder: tempfile::tempdir().unwrap(), zkey, verification_key }
    }

    fn path(&self, template: &str) -> PathBuf {
        self.folder.path().join(template)
    }

    /// Adds a template with this text behind its manifest.
    fn add(&self, name: &str, keys: &str) {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("keys")).unwrap();
        fs::write(folder.join("manifest.toml"), format!("{MANIFEST}{keys}")).unwrap();
        fs::write(folder.join("template.circom"), tiny("tiny.circom")).unwrap();
        fs::write(folder.join("keys/final.zkey"), &self.zkey).unwrap();
        fs::write(folder.join("keys/vkey.json"), &self.verification_key).unwrap();
        fs::write(folder.join("keys/p.ptau"), tiny(POWERS)).unwrap();
    }

    /// `[[keys]]` with the proving key and other lines.
    fn keys(&self, more: &str) -> String {
        let digest = Digest::of(&self.zkey);
        format!("[[keys]]\nzkey = {{ file = \"keys/final.zkey\", sha256 = \"{digest}\" }}\n{more}\n")
    }

    async fn server(&self, ptau: Option<&Path>) -> Server {
        let server = Server::idle_with(|config| {
            config.circuits.templates = vec![self.folder.path().to_owned()];
            config.circuits.ptau_path = ptau.map(Path::to_owned);
        })
        .await;
        let app = server.app.clone();
        tokio::spawn(async move { work::run(app, &[QueueName::KeyGeneration]).await });
        server
    }
}

fn line(field: &str, file: &str, bytes: impl AsRef<[u8]>) -> String {
    format!("{field} = {{ file = \"{file}\", sha256 = \"{}\" }}", Digest::of(bytes))
}

async fn built(server: &Server, template: &str) -> Value {
    let asked = server.post("/v1/circuits", &json!({"templateName": template, "params": {}})).await;
    assert!(asked.status.is_success(), "{}", asked.text());
    let id = asked.json()["circuitId"].as_str().unwrap().to_owned();
    server.get(&format!("/v1/circuits/{id}?wait=60")).await.ok()
}

async fn artifact(server: &Server, circuit: &Value, name: &str) -> Vec<u8> {
    let path = format!("/v1/circuits/{}/artifacts/{name}", circuit["circuitId"].as_str().unwrap());
    let reply = server.get(&path).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.body.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_of_a_template_has_the_key_that_the_template_names() {
    let templates = Templates::new();
    let vkey = line("verification_key", "keys/vkey.json", &templates.verification_key);
    let ptau = line("ptau", "keys/p.ptau", tiny(POWERS));
    templates.add("verified", &templates.keys(&format!("{vkey}\n{ptau}")));
    templates.add("claimed", &templates.keys(""));
    templates.add("published", &templates.keys("published_ptau = \"powersOfTau28_hez_final_14.ptau\""));
    templates.add("own", "");
    let server = templates.server(None).await;

    let verified = built(&server, "verified").await;
    assert_eq!(verified["status"], "ready", "{verified}");
    assert_eq!((&verified["provenance"], &verified["claimed"]), (&json!("single-operator"), &Value::Null));
    assert_eq!(artifact(&server, &verified, "proving_key.zkey").await, templates.zkey);
    let setup: Value = serde_json::from_slice(&artifact(&server, &verified, "setup.json").await).unwrap();
    assert!(setup["phase1"]["origin"].as_str().unwrap().contains("Hermez"), "{setup}");

    let claimed = built(&server, "claimed").await;
    assert_eq!((&claimed["claimed"], &claimed["provenance"]), (&json!("single-operator"), &Value::Null));
    assert_eq!(built(&server, "own").await["provenance"], "development");

    // Published powers of tau are those of the settings.
    let refused = built(&server, "published").await;
    assert_eq!(refused["error"]["code"], "powers_not_published", "{refused}");
    let other = templates.server(Some(&powers())).await;
    assert_eq!(built(&other, "published").await["provenance"], "single-operator");

    let shown = server.get("/v1/templates/verified").await.ok();
    assert_eq!(shown["keys"][0]["zkey"], json!(Digest::of(&templates.zkey)), "{shown}");
    // The key is a part of the identity.
    let ids: Vec<_> = [&verified, &claimed].iter().map(|circuit| circuit["circuitId"].clone()).collect();
    templates.add("verified", &templates.keys(""));
    let changed = built(&templates.server(None).await, "verified").await;
    assert!(!ids.contains(&changed["circuitId"]), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_stops_its_own_template_only_and_names_the_file() {
    let templates = Templates::new();
    templates.add("changed", &templates.keys(""));
    fs::write(templates.path("changed").join("keys/final.zkey"), b"another file").unwrap();
    // A key of the same wires, of another circuit: the first output is another product.
    templates.add("other", &templates.keys(""));
    let source = String::from_utf8(tiny("tiny.circom")).unwrap().replace("m * b", "m * a");
    fs::write(templates.path("other").join("template.circom"), source).unwrap();
    let initial = line("zkey", "keys/initial.zkey", tiny("tiny.initial.zkey"));
    templates.add("initial", &format!("[[keys]]\n{initial}\n"));
    fs::write(templates.path("initial").join("keys/initial.zkey"), tiny("tiny.initial.zkey")).unwrap();
    let vkey = line("verification_key", "keys/vkey.json", "{}");
    templates.add("vkey", &templates.keys(&vkey));
    fs::write(templates.path("vkey").join("keys/vkey.json"), "{}").unwrap();
    templates.add("gone", &templates.keys(""));
    templates.add("sound", &templates.keys(""));
    let server = templates.server(None).await;
    // It disappears after the start.
    fs::remove_file(templates.path("gone").join("keys/final.zkey")).unwrap();
    for (template, file, code) in [
        ("changed", "keys/final.zkey", "template_key_digest"),
        ("other", "keys/final.zkey", "key_of_other_circuit"),
        ("initial", "keys/initial.zkey", "key_refused"),
        ("vkey", "keys/vkey.json", "malformed_json"),
        ("gone", "keys/final.zkey", "template_key_unreadable"),
    ] {
        let circuit = built(&server, template).await;
        assert_eq!(
            (&circuit["status"], &circuit["error"]["code"]),
            (&json!("failed"), &json!(code)),
            "{circuit}"
        );
        let message = circuit["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("template {template}: {file}: ")), "{message}");
        assert_eq!(circuit["artifacts"], json!({}));
    }
    assert_eq!(built(&server, "sound").await["status"], "ready");
}

#[tokio::test]
async fn a_template_whose_key_is_missing_or_a_link_is_left_out() {
    let templates = Templates::new();
    for name in ["missing", "linked", "below"] {
        templates.add(name, &templates.keys(""));
        fs::remove_file(templates.path(name).join("keys/final.zkey")).unwrap();
    }
    templates.add("sound", "");
    let target = templates.path("sound").join("keys");
    std::os::unix::fs::symlink(target.join("final.zkey"), templates.path("linked").join("keys/final.zkey"))
        .unwrap();
    fs::remove_dir_all(templates.path("below").join("keys")).unwrap();
    std::os::unix::fs::symlink(target, templates.path("below").join("keys")).unwrap();
    let server = templates.server(None).await;
    for name in ["missing", "linked", "below"] {
        server.get(&format!("/v1/templates/{name}")).await.problem(404, "unknown_template");
    }
    assert_eq!(server.get("/v1/templates/sound").await.status, StatusCode::OK);
}
