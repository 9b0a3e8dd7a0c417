//! Unknown templates and invalid parameters.

use serde_json::{Value, json};

use crate::support::Server;

async fn ask(server: &Server, template: &str, params: Value) -> crate::support::Reply {
    server.post("/v1/circuits", &json!({"templateName": template, "params": params})).await
}

#[tokio::test]
async fn an_unknown_template_is_not_found_and_the_known_ones_are_named() {
    let server = Server::idle().await;
    let problem = ask(&server, "nothingLikeIt", json!({})).await.problem(404, "unknown_template");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("nothingLikeIt") && detail.contains("rangeCheck"), "{detail}");
    ask(&server, "../rangeCheck", json!({})).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_expected() {
    let server = Server::idle().await;
    let most = "18446744073709551615";
    for (params, code, path, parts) in [
        (json!({"min": 1, "max": 2, "mid": 1}), "unknown_parameter", "params.mid", ["min, max, bits", ""]),
        (
            json!({"min": 1}),
            "missing_parameter",
            "params.max",
            ["missing, expected an unsigned integer", most],
        ),
        (
            json!({"min": 1, "max": "2x"}),
            "invalid_parameter",
            "params.max",
            ["an unsigned integer", "a string"],
        ),
        (
            json!({"min": 1, "max": "2; signal x"}),
            "invalid_parameter",
            "params.max",
            ["an unsigned integer", ""],
        ),
        (
            json!({"min": [1], "max": 2}),
            "invalid_parameter",
            "params.min",
            ["an unsigned integer", "an array"],
        ),
        (json!({"min": null, "max": 2}), "invalid_parameter", "params.min", ["an unsigned integer", "null"]),
        (json!({"min": -1, "max": 2}), "invalid_parameter", "params.min", ["from 0 to", "a negative number"]),
        (json!({"min": 1.5, "max": 2}), "invalid_parameter", "params.min", ["from 0 to", "a fraction"]),
        (
            json!({"min": 1, "max": "18446744073709551616"}),
            "invalid_parameter",
            "params.max",
            [most, "a greater number"],
        ),
        (
            json!({"min": 1, "max": 2, "bits": 65}),
            "invalid_parameter",
            "params.bits",
            ["from 1 to 64", "a greater number"],
        ),
        (
            json!({"min": 1, "max": 2, "bits": 0}),
            "invalid_parameter",
            "params.bits",
            ["from 1 to 64", "a smaller number"],
        ),
        (json!({"min": 2, "max": 2}), "inconsistent_parameters", "params.min", ["less than params.max", ""]),
        (
            json!({"min": 1, "max": 256, "bits": 8}),
            "inconsistent_parameters",
            "params.max",
            ["at most 8 bits", "params.bits"],
        ),
    ] {
        let reply = ask(&server, "rangeCheck", params.clone()).await;
        let problem = reply.problem(422, code);
        assert!(problem["detail"].as_str().unwrap().starts_with(path), "{params}: {problem}");
        let message = reply.fault(path);
        assert!(!message.contains(path), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{params}: {message}");
    }
    assert!(server.get("/v1/circuits").await.ok()["circuits"].as_array().unwrap().is_empty());
}
