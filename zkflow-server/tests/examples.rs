//! Runs the examples and checks their results.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::error::Error as _;

use tokio_util::sync::CancellationToken;
use zkflow_core::prove::Provers;
use zkflow_server::backends;
use zkflow_server::config::Config;

#[path = "../examples/own_prover.rs"]
mod own_prover;

#[test]
fn a_prover_of_ones_own_makes_the_proofs_of_a_server() {
    assert_eq!(own_prover::prove().unwrap(), "timed");
}

#[tokio::test]
async fn a_server_does_not_start_with_an_unknown_prover_and_lists_the_known_ones() {
    let mut config = Config::default();
    config.proving.prover = "mine".to_owned();
    let provers = Provers::default();
    let names = provers.names().collect::<Vec<_>>().join(", ");
    let refused = backends::in_memory(config, provers, CancellationToken::new()).await.unwrap_err();
    let reason = refused.source().unwrap().to_string();
    assert_eq!(reason, format!("unknown prover \"mine\"; expected one of {names}"));
}
