//! Events of deployments, and the line of the log for their end.

use std::fs::{self, File};

use serde_json::{Value, json};
use zkflow_server::client::LocalChain;
use zkflow_testbed::Receiver;

use crate::support::{ANVIL, PATIENCE, circuit, serve_with_log};

#[tokio::test]
async fn a_deployment_has_an_event_and_a_line_when_it_is_confirmed_and_when_it_fails() {
    let usual =
        ["--callbacks", "true", "--local-callbacks", "true", "--log-format", "json", "--log-level", "info"];
    for (limit, status, code) in [
        (&[][..], "confirmed", None),
        // No transaction costs so little.
        (&["--max-cost-gwei", "1"], "failed", Some("spending_limit")),
    ] {
        let (folder, chain) = (tempfile::tempdir().unwrap(), LocalChain::start(&[]).unwrap());
        let (log, node) = (folder.path().join("log"), format!("{ANVIL}={}", chain.url()));
        let (data, args) = (folder.path().join("data"), [&usual[..], limit].concat());
        let server =
            serve_with_log(&data, &node, &chain.keys()[0], &args, File::create(&log).unwrap().into());
        let client = server.client();
        let circuit = circuit(&client).await;
        let (receiver, url) = Receiver::start().await;
        let hooks = json!({"url": url, "every": true});
        let put = reqwest::Client::new().put(format!("{}/v1/webhooks", server.base())).json(&hooks);
        put.send().await.unwrap().error_for_status().unwrap();
        let request = json!({"chainId": ANVIL, "signer": "deployer"});
        let ended = client.deploy(&circuit, &request, PATIENCE).await.unwrap();
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

        assert_eq!(server.terminate().unwrap(), Some(0));
        let log = fs::read_to_string(log).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let is_meant = |line: &Value| {
            line["fields"]["message"] == "ended" && line["fields"]["id"] == ended["deploymentId"]
        };
        let [line] = &lines.filter(is_meant).collect::<Vec<_>>()[..] else { panic!("{log}") };
        let fields = &line["fields"];
        assert_eq!((&fields["kind"], &fields["status"]), (&json!("deployment"), &json!(status)), "{line}");
        assert_eq!(line["level"], if code.is_some() { "WARN" } else { "INFO" }, "{line}");
        assert_eq!(fields.get("code"), data.get("code"), "{line}");
        if let Some(told) = ended["error"]["message"].as_str() {
            assert!(fields["reason"].as_str().unwrap().starts_with(told), "{line}");
        }
        assert!(fields["request"].is_string() && fields["ms"].is_u64(), "{line}");
    }
}
