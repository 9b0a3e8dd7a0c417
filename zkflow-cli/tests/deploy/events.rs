//! Events of deployments.

use serde_json::json;
use zkflow_testbed::Receiver;

use crate::support::{ANVIL, PATIENCE, World};

#[tokio::test]
async fn a_deployment_has_an_event_when_it_is_confirmed_and_when_it_fails() {
    let callbacks = ["--callbacks", "true", "--local-callbacks", "true"];
    for (limit, status, code) in [
        (&[][..], "confirmed", None),
        // No transaction costs so little.
        (&["--max-cost-gwei", "1"], "failed", Some("spending_limit")),
    ] {
        let world = World::new(&[&callbacks[..], limit].concat());
        let circuit = world.circuit().await;
        let (receiver, url) = Receiver::start().await;
        let hooks = json!({"url": url, "every": true});
        let put = reqwest::Client::new().put(format!("{}/v1/webhooks", world.server.base())).json(&hooks);
        put.send().await.unwrap().error_for_status().unwrap();
        let request = json!({"chainId": ANVIL, "signer": "deployer"});
        let ended = world.client.deploy(&circuit, &request, PATIENCE).await.unwrap();
        assert_eq!(ended["status"], status, "{ended}");
        let [(head, event)] = &receiver.receive(1).await[..] else { panic!("too many events") };
        assert!(head.contains_key("webhook-signature"), "{head:?}");
        let mut data = json!({
            "deploymentId": ended["deploymentId"], "circuitId": circuit, "chainId": ANVIL, "status": status,
            "createdAt": ended["createdAt"],
        });
        if let Some(code) = code {
            data["code"] = json!(code);
        }
        assert_eq!((&event["type"], &event["data"]), (&json!(format!("deployment.{status}")), &data));
    }
}
