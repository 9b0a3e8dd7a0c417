//! Records spliced from two ceremonies for the same circuit.

use axum::http::StatusCode;
use serde_json::json;
use zkflow_core::service::ceremony::CeremonyRecord;

use super::{Hosted, powers};
use crate::imports::file;
use crate::support::ready_circuit;

impl Hosted {
    /// Two contributions and the end; returns the id of the circuit, and the record.
    async fn completes(&self, names: [&str; 2], value: &str) -> (String, CeremonyRecord) {
        for name in names {
            self.contribute(name).await;
        }
        self.passes_the_deadline().await;
        assert_eq!(self.finish(value).await.status, StatusCode::ACCEPTED);
        let ended = self.until(&self.id, "completed").await;
        let circuit = ended.result.unwrap().circuit_id.unwrap().to_string();
        let made = self.server.get(&format!("/v1/circuits/{circuit}?wait=60")).await.ok();
        assert_eq!(made["status"], "ready", "{made}");
        let text = self.server.get(&self.path("/files/ceremony.json")).await.body;
        (circuit, CeremonyRecord::from_json(&text).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_spliced_from_two_ceremonies_is_refused() {
    let mut hosted = Hosted::new().await;
    let (circuit, own) = hosted.completes(["ann", "ben"], "6f9b").await;
    hosted.id = hosted.announce(ready_circuit().await).await;
    let (_, other) = hosted.completes(["cleo", "dan"], "7a00").await;
    assert_ne!(own.zkey, other.zkey);

    let server = &hosted.server;
    let made = json!({"circuitId": circuit});
    let mut files = vec![file("ptau", std::fs::read(powers()).unwrap())];
    for (role, name) in [
        ("r1cs", "circuit.r1cs"),
        ("wasm", "circuit.wasm"),
        ("sym", "circuit.sym"),
        ("zkey", "proving_key.zkey"),
    ] {
        files.push(file(role, server.artifact(&made, name).await));
    }
    let with = |record: &CeremonyRecord| {
        let transcript = file("transcript", record.to_json().into_bytes());
        files.iter().cloned().chain([transcript]).collect::<Vec<_>>()
    };
    let (imported, _) = server.imported(&with(&own), json!({})).await;
    assert_eq!(imported["provenance"], json!({"ceremony": 2}), "{imported}");
    let splices: [fn(&mut CeremonyRecord, CeremonyRecord); 6] = [
        |own, other| own.contributions[0] = other.contributions[0].clone(),
        |own, other| own.contributions[1] = other.contributions[1].clone(),
        |own, other| own.contributions.extend(other.contributions),
        |own, other| own.beacon = other.beacon,
        |own, other| own.zkey = other.zkey,
        |own, other| *own = other,
    ];
    for (number, splice) in splices.into_iter().enumerate() {
        let mut spliced = own.clone();
        splice(&mut spliced, other.clone());
        assert_ne!(spliced, own, "{number}");
        server.refused(&with(&spliced), json!({}), "transcript_of_other_key").await;
    }
}
