#![no_main]
//! Importing a response of another program to a challenge of phase 1 never panics. Powers of tau that it gives can be
//! opened, and have one contribution more.

use std::io::Cursor;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::ptau::{ContributionName, Ptau};
use zkflow_core::setup::{StepOptions, ptau};

/// The start of a ceremony for 2^1 rows, and the hash of its challenge.
static START: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let mut start = Cursor::<Vec<u8>>::default();
    ptau::create(1, &mut start).expect("writing to memory does not fail");
    let start = start.into_inner();
    let challenge = ptau::export_challenge(&mut open(&start), std::io::sink()).expect("the start is valid");
    (start, challenge.to_vec())
});

fn open(bytes: &[u8]) -> Ptau<Cursor<Vec<u8>>> {
    Ptau::open(Cursor::new(bytes.to_vec())).expect("the file is valid")
}

fuzz_target!(|bytes: &[u8]| {
    let (start, challenge) = &*START;
    // The input is what follows the challenge's hash, which no mutation would hit.
    let response = [challenge, bytes].concat();
    let (mut powers, mut out) = (open(start), Cursor::<Vec<u8>>::default());
    let name = ContributionName::new("other");
    if ptau::import_response(&mut powers, &response[..], &mut out, name, StepOptions::default()).is_ok() {
        assert_eq!(open(&out.into_inner()).contributions().len(), 1);
    }
});
