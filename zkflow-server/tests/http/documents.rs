//! The OpenAPI document, its web page, and the templates.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use zkflow_server::http;
use zkflow_testbed::page;

use crate::support::{Server, request};

/// All routes of the API.
const ROUTES: [&str; 69] = [
    "delete /v1/ceremonies/{ceremonyId}",
    "delete /v1/ceremonies/{ceremonyId}/turn",
    "get /v1/ceremonies",
    "get /v1/ceremonies/{ceremonyId}",
    "get /v1/ceremonies/{ceremonyId}/files/{name}",
    "post /v1/ceremonies",
    "post /v1/ceremonies/{ceremonyId}/finish",
    "post /v1/ceremonies/{ceremonyId}/join",
    "post /v1/ceremonies/{ceremonyId}/turn",
    "post /v1/ceremonies/{ceremonyId}/turn/submit",
    "put /v1/ceremonies/{ceremonyId}/turn/parts/{part}",
    "put /v1/ceremonies/{ceremonyId}/turn/upload",
    "delete /v1/circuits/{circuitId}",
    "delete /v1/keys/{keyId}",
    "delete /v1/proofs/{proofRequestId}",
    "delete /v1/uploads/{uploadId}",
    "get /v1/uploads/{uploadId}",
    "post /v1/circuits/import",
    "post /v1/uploads",
    "post /v1/uploads/{uploadId}/files/{file}/urls",
    "put /v1/uploads/{uploadId}/files/{file}/parts/{part}",
    "get /health",
    "get /metrics",
    "get /ready",
    "get /v1/circuits",
    "get /v1/circuits/{circuitId}",
    "get /v1/circuits/{circuitId}/artifacts/{name}",
    "get /v1/circuits/{circuitId}/events",
    "get /v1/jobs",
    "get /v1/keys",
    "get /v1/keys/{keyId}",
    "get /v1/overview",
    "get /v1/proofs",
    "get /v1/proofs/{proofRequestId}",
    "get /v1/proofs/{proofRequestId}/calldata",
    "get /v1/proofs/{proofRequestId}/events",
    "get /v1/sealing-key",
    "get /v1/templates",
    "get /v1/templates/{name}",
    "get /v1/circuits/{circuitId}/contract",
    "get /v1/circuits/{circuitId}/deployments",
    "get /v1/circuits/{circuitId}/deployments/{deploymentId}",
    "get /v1/circuits/{circuitId}/deployments/{deploymentId}/events",
    "post /v1/circuits",
    "post /v1/circuits/{circuitId}/deploy",
    "post /v1/circuits/{circuitId}/deployments",
    "post /v1/circuits/{circuitId}/verify",
    "post /v1/jobs/delete",
    "post /v1/jobs/purge",
    "post /v1/jobs/retry",
    "post /v1/keys",
    "post /v1/keys/{keyId}/rotate",
    "post /v1/proofs",
    "post /v1/proofs:batch",
    "post /v1/proofs/{proofRequestId}/cancel",
    "post /v1/queues/{queue}/pause",
    "post /v1/queues/{queue}/resume",
    "delete /v1/session",
    "get /v1/session",
    "post /v1/session",
    "get /v1/audit-log",
    "get /v1/tenants",
    "get /v1/usage",
    "get /v1/webhooks",
    "put /v1/webhooks",
    "delete /v1/webhooks",
    "post /v1/webhooks/rotate",
    "get /v1/webhooks/deliveries",
    "post /v1/webhooks/deliveries/{deliveryId}/replay",
];

#[tokio::test]
async fn the_description_names_every_route_and_each_of_them_answers() {
    let server = Server::idle().await;
    let description = server.get("/openapi.json").await.ok();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."), "{}", description["openapi"]);
    let mut described = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert(format!("{method} {path}"));
            let id = operation["operationId"].as_str().unwrap();
            assert!(operations.insert(id.to_owned()), "{id} occurs twice");
            assert!(!operation["responses"].as_object().unwrap().is_empty());
            assert!(!operation["summary"].as_str().unwrap().is_empty());

            let path = path.replace(['{', '}'], "");
            let method: Method = method.to_uppercase().parse().unwrap();
            let reply = server.send(request(method, &path, Body::empty())).await;
            let code =
                serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap_or_default()["code"].clone();
            assert!(code != "route_not_found" && code != "method_not_allowed", "{path}: {code}");
        }
    }
    assert_eq!(described, ROUTES.map(str::to_owned).into());
}

#[tokio::test]
async fn the_description_defines_what_it_refers_to() {
    let description = Server::idle().await.get("/openapi.json").await.ok();
    let text = description.to_string();
    let references = text.split("\"$ref\":\"#/components/schemas/").skip(1);
    let mut count = 0;
    for name in references.map(|rest| rest.split('"').next().unwrap()) {
        assert!(description["components"]["schemas"][name].is_object(), "{name}");
        count += 1;
    }
    assert!(count > 10);
    let operations =
        description["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
    for (_, operation) in operations {
        let id = &operation["operationId"];
        assert!(operation["x-codes"].is_null(), "{id} names unknown codes: {}", operation["x-codes"]);
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(status.parse::<u16>().is_ok(), "{id}: {status} is not one status");
            for example in
                answer["content"]["application/problem+json"]["examples"].as_object().into_iter().flatten()
            {
                let body = &description["components"]["examples"][example.0]["value"];
                assert_eq!(body["status"].to_string(), *status, "{id}: {}", example.0);
            }
        }
    }
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    for field in ["type", "title", "status", "detail", "code", "errors"] {
        assert!(problem[field].is_object(), "{field}");
    }
}

#[test]
fn the_committed_description_is_up_to_date() {
    let text = serde_json::to_string_pretty(&http::description()).unwrap();
    page::check("docs/openapi.json", &format!("{text}\n"));
}

#[test]
fn every_code_is_a_value_and_has_an_example_of_its_own() {
    let description = http::description();
    let codes = description["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let examples = description["components"]["examples"].as_object().unwrap();
    assert_eq!(codes.len(), examples.len());
    for code in codes {
        let example = &examples[code.as_str().unwrap()]["value"];
        assert_eq!(&example["code"], code);
        let text = [&example["detail"], &example["message"]];
        assert!(text.iter().any(|text| text.as_str().is_some_and(|text| !text.is_empty())), "{code}");
    }
}

#[tokio::test]
async fn objects_of_requests_are_closed_and_fields_of_answers_are_never_null() {
    let description = http::description();
    let schemas = description["components"]["schemas"].as_object().unwrap();
    for name in ["NewCircuit", "NewProof", "ProofToVerify", "NewDeployment", "ChosenJobs", "ChosenLetters"] {
        assert_eq!(schemas[name]["additionalProperties"], json!(false), "{name}");
    }
    for (name, schema) in schemas.iter().filter(|(_, schema)| schema["additionalProperties"] != json!(false))
    {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let text = property.to_string();
            assert!(!text.contains("\"null\"") && !text.contains(":null"), "{name}.{field}: {property}");
        }
    }
}

#[tokio::test]
async fn there_is_a_page_to_browse_the_description() {
    let server = Server::idle().await;
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("swagger"), "{}", page.text());
    let short = server.get("/docs").await;
    assert!(short.status.is_redirection() && short.header("location").starts_with("/docs/"), "{short:?}");
}

#[tokio::test]
async fn templates_say_their_parameters_inputs_and_an_example() {
    let server = Server::idle().await;
    let list = server.get("/v1/templates").await.ok()["templates"].clone();
    let names: BTreeSet<_> =
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let known = [
        "batchRangeCheck",
        "eddsaSignature",
        "merkleMembership",
        "poseidonPreimage",
        "rangeCheck",
        "sha256Preimage",
    ];
    assert_eq!(names, known.into());
    for template in list.as_array().unwrap() {
        let name = template["name"].as_str().unwrap();
        assert_eq!(&server.get(&format!("/v1/templates/{name}")).await.ok(), template);
        for field in ["title", "description"] {
            assert!(!template[field].as_str().unwrap().is_empty(), "{name}.{field}");
        }
        assert!(!template["inputs"].as_array().unwrap().is_empty(), "{name}");
        // The example is a valid request.
        let asked = json!({"templateName": name, "params": template["example"]["params"]});
        let reply = server.post("/v1/circuits", &asked).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_template_is_told_in_full() {
    let template = Server::idle().await.get("/v1/templates/rangeCheck").await.ok();
    assert_eq!(template["example"]["params"], json!({"min": 18, "max": 120}));
    assert_eq!(template["example"]["inputs"], json!({"age": 42, "randomPublicSignal": 7}));
    let parameters = template["parameters"].as_array().unwrap();
    let bits = parameters.iter().find(|parameter| parameter["name"] == "bits").unwrap();
    assert_eq!((&bits["type"], &bits["default"]), (&json!("uint"), &json!(64)));
    let inputs = template["inputs"].as_array().unwrap();
    let public: Vec<_> =
        inputs.iter().map(|input| (&input["name"], input["public"] == json!(true))).collect();
    assert_eq!(public, [(&json!("age"), false), (&json!("randomPublicSignal"), true)]);
}

#[tokio::test]
async fn a_template_that_is_not_there_is_not_found() {
    let server = Server::idle().await;
    for name in ["unheardOf", "..%2FrangeCheck", "rangecheck", "a%20b"] {
        server.get(&format!("/v1/templates/{name}")).await.problem(404, "unknown_template");
    }
}
