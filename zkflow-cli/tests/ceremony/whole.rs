//! A ceremony from its announcement to its check: five contributors, two of them with snarkjs, one who vanishes, one who
//! sends rubbish, and one who sends an old file.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::site::{PATIENCE, Site, TURN, powers};

#[test]
fn five_people_contribute_and_others_do_no_harm() {
    let site = Site::new();
    let params = json!({"min": 18, "max": 120, "bits": 8});
    let circuit = site.client.circuit("rangeCheck", params, PATIENCE).unwrap();
    let path = site.announces(circuit["circuitId"].as_str().unwrap(), 5);
    let (url, id) = (format!("{}{path}", site.base), path.rsplit('/').next().unwrap());

    let long = "x".repeat(256);
    site.fails(&["contribute", &url, "--name", &long, "--folder", "long"], "longer than 255 bytes");
    assert!(!site.path("long").exists(), "no place is taken");
    let ann = site.contributes(&url, "ann");
    site.contributes_with_snarkjs(&path, "ben");
    // Vanishes with the turn: the next one gets it when its time is over.
    let vanished = site.takes_turn(&path);
    site.pass(TURN + 1);
    let cleo = site.contributes(&url, "cleo");
    let turn = site.curl_json("POST", &format!("{path}/turn"), Some(&vanished), &[]);
    assert_eq!(turn["state"], "expired", "{turn}");
    // Sends rubbish.
    fs::write(site.path("rubbish"), vec![7; 5000]).unwrap();
    let token = site.takes_turn(&path);
    assert_eq!(site.sends(&path, &token, "rubbish")["state"], "refused");
    site.contributes_with_snarkjs(&path, "dan");
    // Sends an old file.
    let token = site.takes_turn(&path);
    let refused = site.sends(&path, &token, "ben.zkey");
    assert_eq!(refused["error"]["code"], "contribution_not_next", "{refused}");

    // A run is interrupted during the turn, and continued.
    let place = site.client.join_ceremony(id).unwrap();
    fs::create_dir(site.path("eve")).unwrap();
    let kept = json!({"url": url, "token": place["token"], "contributedTo": null}).to_string();
    fs::write(site.path("eve/place.json"), kept).unwrap();
    site.fails(&["contribute", &format!("{url}0"), "--folder", "eve"], "ceremony_not_found");
    let eve = site.contributes(&url, "eve");
    assert_eq!(site.settled(&path)["contributionCount"], 5);
    site.fails(&["contribute", &url, "--folder", "eve"], "has a contribution already");

    // The beacon is not taken before its time.
    let value = "00000000000000000002a7c4c1e48d76c5a37902165a270156b7a8d72728a054";
    let body = json!({"value": value}).to_string();
    let json = ["-H", "Content-Type: application/json", "-d", &body];
    site.pass(24 * 3600);
    site.fails(&["contribute", &url, "--folder", "late"], "ceremony_closed");
    site.fails(&["ceremony", "fetch", &url, "out"], "not completed");
    site.pass(3600);
    site.curl_json("POST", &format!("{path}/finish"), None, &json);
    let ended = site.settled(&path);
    assert_eq!(
        (&ended["status"], &ended["result"]["provenance"]),
        (&json!("completed"), &json!({"ceremony": 5}))
    );

    // The check needs no server.
    site.printed(&["ceremony", "fetch", &url, "out"]);
    let ptau = powers().display().to_string();
    let check = ["ceremony", "verify", "out", "--ptau", &ptau];
    let attested = ["--attestation", &ann, "--attestation", &cleo, "--attestation", &eve];
    let printed = site.printed(&[&check[..], &attested].concat());
    assert!(printed.contains("OK: the ceremony has 5 contributions"), "{printed}");
    assert!(printed.contains("keys                 ceremony(5)") && printed.contains(value), "{printed}");
    for name in ["ann", "ben", "cleo", "dan", "eve"] {
        assert!(printed.contains(&format!("{name:?}")), "{printed}");
    }
    site.snarkjs(&["zkey", "verify", "out/circuit.r1cs", &ptau, "out/proving_key.zkey"]);

    // Another announcement than the contributors saw, and another order.
    let record = fs::read_to_string(site.path("out/ceremony.json")).unwrap();
    let changed = record.replace("block 1000000", "block 1000001");
    fs::write(site.path("out/ceremony.json"), changed).unwrap();
    site.fails(&[&check[..], &attested[..2]].concat(), "the announcement: the attestation differs");
    fs::write(site.path("out/ceremony.json"), record.replace("\"ben\"", "\"zoe\"")).unwrap();
    site.fails(&check, "contribution 2 differs");
    fs::write(site.path("out/ceremony.json"), record).unwrap();
    // The key before the beacon is not the key of the record.
    fs::rename(site.path("out/proving_key.zkey"), site.path("final.zkey")).unwrap();
    fs::copy(site.path("dan.zkey"), site.path("out/proving_key.zkey")).unwrap();
    site.fails(&check, "the key: not that of the record");
    fs::copy(site.path("final.zkey"), site.path("out/proving_key.zkey")).unwrap();

    // The key is that of a circuit that proves.
    let id = ended["result"]["circuitId"].as_str().unwrap();
    let made = loop {
        let made = site.curl_json("GET", &format!("/v1/circuits/{id}"), None, &[]);
        if made["status"] != "pending" {
            break made;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((&made["status"], &made["provenance"]), (&json!("ready"), &json!({"ceremony": 5})), "{made}");
    let inputs = zkflow_client::Inputs {
        private: json!({"age": 42}),
        public: json!({"randomPublicSignal": 7}),
        user: None,
    };
    let proved = site.client.prove(id, &inputs, PATIENCE).unwrap();
    fs::write(site.path("proof.json"), proved.proof.to_string()).unwrap();
    fs::write(site.path("public.json"), Value::from(proved.public_signals).to_string()).unwrap();
    site.printed(&["zkey", "export-vkey", "out/proving_key.zkey", "vkey.json", "--snarkjs"]);
    site.snarkjs(&["groth16", "verify", "vkey.json", "public.json", "proof.json"]);
}
