//! `zkflow-client`, against a real server.

use std::time::Duration;

use serde_json::{Value, json};
use zkflow_client::{Client, ClientError, Inputs, blocking};
use zkflow_testbed::{Fault, Proxy};

use crate::server::{PATIENCE, Server};

fn inputs(age: &str) -> Inputs {
    Inputs { private: json!({"age": age}), public: json!({"randomPublicSignal": "7"}), user: None }
}

fn code(error: &ClientError) -> &str {
    error.code().unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test]
async fn a_proof_is_made_verified_and_deleted() {
    let server = Server::start();
    let client = Client::new(server.base());
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();

    let proved = client.prove(&circuit, &inputs("42"), PATIENCE).await.unwrap();
    assert_eq!(proved.public_signals, ["7"]);
    assert!(client.verify(&circuit, &proved.proof, &proved.public_signals).await.unwrap().verified);
    let other = client.verify(&circuit, &proved.proof, &["8".to_owned()]).await.unwrap();
    assert!(!other.verified && other.reason.unwrap().contains("not valid"));
    assert!(client.calldata(&proved.id).await.unwrap().starts_with("[\"0x"));
    let key: Value =
        serde_json::from_slice(&client.file(&circuit, "verification_key.json").await.unwrap()).unwrap();
    assert_eq!(key["protocol"], "groth16");
    assert!(client.templates().await.unwrap().as_array().unwrap().len() > 3);

    let refused = client.cancel_proof(&proved.id).await.unwrap_err();
    assert_eq!(code(&refused), "proof_final");
    client.delete_proof(&proved.id).await.unwrap();
    assert_eq!(code(&client.delete_proof(&proved.id).await.unwrap_err()), "proof_not_found");
    assert_eq!(code(&client.delete_circuit(&"0".repeat(32), false).await.unwrap_err()), "circuit_not_found");
    let refused = client.prove(&"0".repeat(32), &inputs("42"), PATIENCE).await.unwrap_err();
    assert_eq!(code(&refused), "circuit_not_found");
    let failed = client.prove(&circuit, &inputs("17"), PATIENCE).await.unwrap_err();
    assert!(failed.to_string().contains("constraint_failed"), "{failed}");

    // A connection that breaks is tried again.
    let address = server.base().strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Proxy::start(address).await;
    proxy.set(Fault::Reset);
    let shaky = Client::new(&format!("http://{}", proxy.address()));
    let other = inputs("43");
    let (proved, ()) = tokio::join!(shaky.prove(&circuit, &other, PATIENCE), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Fault::None);
    });
    assert_eq!(proved.unwrap().public_signals, ["7"]);

    let base = server.base().to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::new(&base)?;
        let proved = client.prove(&circuit, &inputs("44"), PATIENCE)?;
        client.verify(&circuit, &proved.proof, &proved.public_signals)
    });
    assert!(made.await.unwrap().unwrap().verified);
}

#[test]
fn a_token_is_never_shown() {
    let client = Client::new("http://127.0.0.1:9").with_api_key("zkf_canary").unwrap();
    assert!(!format!("{client:?}").contains("canary"));
    assert!(Client::new("http://127.0.0.1:9").with_api_key("a\nb").is_err());
}
