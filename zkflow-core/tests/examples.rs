//! Runs the examples and checks their results.

#[path = "../examples/own_store.rs"]
mod own_store;
#[path = "../examples/range_check.rs"]
mod range_check;

#[test]
fn a_template_becomes_a_verified_proof_in_one_process() {
    range_check::main().unwrap();
}

#[test]
fn a_store_of_ones_own_passes_the_conformance_suite() {
    own_store::main();
}
