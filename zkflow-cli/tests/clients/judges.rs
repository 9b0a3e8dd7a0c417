//! schemathesis: no 5xx, no status that the description does not have, no answer that breaks its schema.

use crate::server::Server;
use crate::{command, project, succeeds};

/// Examples of each operation in `make test`. `make schemathesis` sets the variable to more.
const EXAMPLES: &str = "5";
const EXAMPLES_VARIABLE: &str = "ZKFLOW_SCHEMATHESIS_EXAMPLES";

#[tokio::test]
async fn every_answer_is_one_that_the_description_has() {
    // A generated `wait` would last for a minute.
    let (server, key) = Server::start_with_keys(&["--max-wait-s", "1"]);
    let circuit = server.circuit().await["circuitId"].as_str().unwrap().to_owned();
    let proof = server.proof(&circuit).await;
    let examples = std::env::var(EXAMPLES_VARIABLE).unwrap_or_else(|_| EXAMPLES.to_owned());
    let description = format!("{}/openapi.json", server.base());
    let report = succeeds(
        command(project("tools/.venv/bin/python"))
            .args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file"])
            .arg(project("tools/schemathesis.toml"))
            .args(["run", &description])
            .args(["--header", &format!("Authorization: Bearer {key}")])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &examples])
            .args(["--seed", "1", "--generation-deterministic", "--request-timeout", "60"])
            // Event streams last until the work ends; the tests of the clients read them.
            .args(["--exclude-path-regex", "/events$", "--no-shrink", "--warnings", "off", "--no-color"])
            // It keeps notes in its working folder.
            .current_dir(server.folder())
            .env("CIRCUIT", circuit)
            .env("PROOF", proof),
    );
    assert!(report.contains("No issues found"), "{report}");
    println!("{report}");
}
