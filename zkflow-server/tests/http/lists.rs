//! Lists: pages, filters and invalid queries.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{NO_CIRCUIT, Server, age_proof, request};

/// The ids on each page of a list.
async fn pages(server: &Server, list: &str, query: &str, id: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/v1/{list}?{query}{cursor}")).await.ok();
        let ids = page[list].as_array().unwrap().iter().map(|entry| entry[id].as_str().unwrap().to_owned());
        pages.push(ids.collect());
        match page.get("nextCursor") {
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
            None => return pages,
        }
    }
}

async fn ask_for_circuit(server: &Server, template: &str, params: Value) -> String {
    let asked = json!({"templateName": template, "params": params});
    server.post("/v1/circuits", &asked).await.json()["circuitId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn circuits_are_listed_newest_first_page_by_page() {
    let server = Server::idle().await;
    let mut ids = Vec::new();
    for max in 2..7 {
        ids.push(ask_for_circuit(&server, "rangeCheck", json!({"min": 1, "max": max})).await);
        // Circuits of the same millisecond would be ordered by id.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    ids.reverse();
    let by_two = pages(&server, "circuits", "limit=2", "circuitId").await;
    assert_eq!(by_two.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(by_two.concat(), ids);
    assert_eq!(pages(&server, "circuits", "limit=5", "circuitId").await, [ids.clone()]);
    assert_eq!(pages(&server, "circuits", "", "circuitId").await, [ids]);
}

#[tokio::test]
async fn circuits_are_filtered_by_template_and_status() {
    let (server, ready) = Server::idle_with_circuit().await;
    let range = ask_for_circuit(&server, "rangeCheck", json!({"min": 1, "max": 2})).await;
    let merkle = ask_for_circuit(&server, "merkleMembership", json!({"depth": 2})).await;
    for (query, mut expected) in [
        ("templateName=merkleMembership", vec![&merkle]),
        ("templateName=rangeCheck", vec![&ready, &range]),
        ("templateName=unheardOf", vec![]),
        ("status=ready", vec![&ready]),
        ("status=pending", vec![&range, &merkle]),
        ("status=failed", vec![]),
        ("status=pending&templateName=rangeCheck", vec![&range]),
    ] {
        let mut found = pages(&server, "circuits", query, "circuitId").await.concat();
        found.sort();
        expected.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        let by_one = pages(&server, "circuits", &format!("{query}&limit=1"), "circuitId").await.concat();
        assert_eq!(by_one.len(), found.len(), "{query}");
    }
}

#[tokio::test]
async fn circuits_are_filtered_by_their_keys_and_searched() {
    let (server, ready) = Server::idle_with_circuit().await;
    let range = ask_for_circuit(&server, "rangeCheck", json!({"min": 1, "max": 2})).await;
    let merkle = ask_for_circuit(&server, "merkleMembership", json!({"depth": 2})).await;
    let found = server.get(&format!("/v1/circuits/{ready}")).await.ok();
    let hash = found["circuitHash"].as_str().unwrap().to_owned();
    let label = found["provenance"].as_str().unwrap();
    for (query, mut expected) in [
        (format!("provenance={label}"), vec![&*ready]),
        (format!("provenance={label}&search=merkle"), vec![]),
        ("provenance=ceremony".to_owned(), vec![]),
        ("provenance=claimed".to_owned(), vec![]),
        ("provenance=forgeable".to_owned(), vec![]),
        (format!("search={}", &merkle[..9]), vec![&*merkle]),
        (format!("search={}", merkle.to_uppercase()), vec![&*merkle]),
        (format!("search={hash}"), vec![&*ready]),
        (format!("search={hash}0"), vec![]),
        ("search=RANGEc".to_owned(), vec![&*ready, &*range]),
        ("search=rangeCheck&status=pending".to_owned(), vec![&*range]),
        ("search=Check".to_owned(), vec![]),
        ("search=%25".to_owned(), vec![]),
        ("search=%20".to_owned(), vec![&*ready, &*range, &*merkle]),
    ] {
        let mut found = pages(&server, "circuits", &format!("{query}&limit=1"), "circuitId").await.concat();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
    for query in ["provenance=none", "tenant=", "tenant=A", "tenant=**"] {
        server.get(&format!("/v1/circuits?{query}")).await.problem(400, "invalid_query");
    }
    server.get(&format!("/v1/circuits?search={}", "a".repeat(257))).await.problem(400, "invalid_query");
}

#[tokio::test]
async fn proofs_are_listed_page_by_page_and_filtered() {
    let (server, circuit) = Server::idle_with_circuit().await;
    let mut ids = Vec::new();
    for user in ["alice", "bob", "alice", "alice", "bob"] {
        let mut asked = age_proof(&circuit, 42);
        asked["userId"] = json!(user);
        let taken = server.post("/v1/proofs", &asked).await.json();
        ids.push(taken["proofRequestId"].as_str().unwrap().to_owned());
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    server.post(&format!("/v1/proofs/{}/cancel", ids[1]), &json!({})).await.ok();
    ids.reverse();
    let pick = |picked: &[usize]| picked.iter().map(|i| ids[*i].clone()).collect::<Vec<_>>();
    let by_two = pages(&server, "proofs", "limit=2", "proofRequestId").await;
    assert_eq!(by_two.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(by_two.concat(), ids);
    let made = async |i: usize| {
        let proof = server.get(&format!("/v1/proofs/{}", ids[i])).await.ok();
        proof["createdAt"].as_str().unwrap().to_owned()
    };
    let (old, young) = (made(3).await, made(1).await);
    for (query, expected) in [
        (format!("circuitId={circuit}"), pick(&[0, 1, 2, 3, 4])),
        (format!("circuitId={NO_CIRCUIT}"), pick(&[])),
        ("userId=alice".to_owned(), pick(&[1, 2, 4])),
        ("userId=carol".to_owned(), pick(&[])),
        ("status=cancelled".to_owned(), pick(&[3])),
        ("status=pending&userId=bob".to_owned(), pick(&[0])),
        ("status=completed".to_owned(), pick(&[])),
        (format!("since={young}"), pick(&[0, 1])),
        (format!("until={young}"), pick(&[2, 3, 4])),
        (format!("since={old}&until={young}"), pick(&[2, 3])),
        (format!("until={young}&userId=alice"), pick(&[2, 4])),
    ] {
        let by_one = pages(&server, "proofs", &format!("{query}&limit=1"), "proofRequestId").await.concat();
        assert_eq!(by_one, expected, "{query}");
    }
}

#[tokio::test]
async fn queries_that_cannot_be_read_are_refused() {
    let server = Server::idle().await;
    for list in ["circuits", "proofs"] {
        for (query, code) in [
            ("cursor=x", "invalid_cursor"),
            ("cursor=", "invalid_cursor"),
            ("cursor=00ff", "invalid_cursor"),
            ("limit=0", "invalid_limit"),
            ("limit=201", "invalid_limit"),
            ("limit=-1", "invalid_query"),
            ("limit=x", "invalid_query"),
            ("status=lost", "invalid_query"),
        ] {
            server.get(&format!("/v1/{list}?{query}")).await.problem(400, code);
        }
    }
    server.get("/v1/proofs?circuitId=x").await.problem(400, "invalid_query");
    server.get("/v1/proofs?errorCode=constraint").await.problem(400, "invalid_query");
    server.get("/v1/proofs?errorCode=constraint_failed").await.ok();
    // A misspelt filter would list everything.
    for path in [
        "/v1/proofs?user_id=alice",
        "/v1/proofs?Status=pending",
        "/v1/proofs?limit=1&offset=2",
        "/v1/circuits?template=rangeCheck",
        "/v1/circuits/00000000000000000000000000000000?waits=1",
        "/v1/circuits/00000000000000000000000000000000/events?wait=1",
        "/v1/templates?wait=1",
        "/health?verbose",
    ] {
        let problem = server.get(path).await.problem(400, "invalid_query");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("unknown query parameter"), "{path}: {detail}");
        assert!(!detail.contains("alice"), "{detail}");
    }
    for (method, path) in [
        (Method::POST, "/v1/proofs?wait=1"),
        (Method::PUT, "/v1/webhooks?every=true"),
        (Method::DELETE, "/v1/webhooks?tenant=acme"),
    ] {
        let refused = server.send(request(method, path, Body::empty())).await;
        refused.problem(400, "invalid_query");
    }
    server.get("/v1/proofs?&").await.ok();
    server.get("/v1/proofs?userId=a%20b").await.problem(400, "invalid_query");
    server.get("/v1/circuits?templateName=a%2Fb").await.problem(400, "invalid_query");
    server.get(&format!("/v1/circuits/{NO_CIRCUIT}?wait=x")).await.problem(400, "invalid_query");
    server.get(&format!("/v1/circuits/{NO_CIRCUIT}?wait=-1")).await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_cursor_of_another_list_or_filter_is_refused() {
    let server = Server::idle().await;
    for bits in 1..4 {
        ask_for_circuit(&server, "rangeCheck", json!({"min": 0, "max": 1, "bits": bits})).await;
    }
    let page = server.get("/v1/circuits?limit=1&status=pending").await.ok();
    let cursor = page["nextCursor"].as_str().unwrap();
    server.get(&format!("/v1/circuits?limit=2&status=pending&cursor={cursor}")).await.ok();
    for other in [
        "circuits?",
        "circuits?status=failed&",
        "circuits?templateName=rangeCheck&",
        "proofs?",
        "proofs?status=pending&",
    ] {
        server.get(&format!("/v1/{other}cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_the_parameter_and_what_is_expected() {
    let server = Server::idle().await;
    let circuit = format!("/v1/circuits/{NO_CIRCUIT}");
    for (path, expected) in [
        ("/v1/proofs?limit=x", "limit: expected a whole number"),
        ("/v1/proofs?limit=", "limit: expected a whole number"),
        ("/v1/proofs?limit=1&limit=2", "the query repeats `limit`"),
        ("/v1/proofs?status=canary", "status: expected one of `pending`, `completed`, `failed`, `cancelled`"),
        ("/v1/usage?format=canary", "format: expected `json` or `csv`"),
        ("/v1/jobs?queue=deploy", "the query lacks `state`"),
        (
            "/v1/proofs?since=canary",
            "since: not an RFC 3339 timestamp: expected a text like 2026-01-31T12:00:00Z",
        ),
        (&format!("{circuit}?wait=-1"), "wait: expected a whole number"),
        (&format!("{circuit}?wait=65536"), "wait: the number is too large"),
    ] {
        let problem = server.get(path).await.problem(400, "invalid_query");
        assert_eq!(problem["detail"], expected, "{path}");
    }
    let problem = server.delete(&format!("{circuit}?force=canary")).await.problem(400, "invalid_query");
    assert_eq!(problem["detail"], "force: expected true or false");
}
