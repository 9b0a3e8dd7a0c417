//! Runs the examples and checks their results.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../examples/own_prover.rs"]
mod own_prover;

#[test]
fn a_prover_of_ones_own_makes_the_proofs_of_a_server() {
    assert_eq!(own_prover::prove().unwrap(), "timed");
}
