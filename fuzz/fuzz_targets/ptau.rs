#![no_main]
//! Opening a file and reading its points never panics, for any bytes.

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::ptau::{Ptau, TAU_G1, TAU_G2};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut powers) = Ptau::open(Cursor::new(bytes)) {
        let power = powers.power();
        let _ = powers.points(TAU_G1, 0, TAU_G1.count(power));
        let _ = powers.points(TAU_G2, 0, TAU_G2.count(power));
    }
});
