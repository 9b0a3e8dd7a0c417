//! A single proof from files, as `zkflow prove --no-key-cache` makes it: the process of the figures in BENCHMARKS.md.
//!
//! ```sh
//! cargo run --release -p zkflow-groth16 --example prove_file -- key.zkey witness.wtns proof.json public.json [KERNEL]
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use zeroize::Zeroizing;
use zkflow_groth16::format::{json, wtns};
use zkflow_groth16::prove::native::{NativeOptions, NativeProver, Parallelism};
use zkflow_groth16::prove::{Kernel, Prover};
use zkflow_groth16::rng::os_rng;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (files, options) =
        arguments.split_at_checked(4).ok_or("expected: ZKEY WITNESS PROOF PUBLIC [KERNEL]")?;
    let kernel = match options {
        [] => Kernel::detect(),
        [name] => Kernel::available()
            .find(|kernel| kernel.name() == name)
            .ok_or("expected a kernel of this processor after the files: ifma, avx2 or portable")?,
        _ => return Err("expected at most one kernel after the files".into()),
    };
    let options = NativeOptions { kernel, parallelism: Parallelism::Latency, ..NativeOptions::default() };
    let prover: &dyn Prover = &NativeProver::new(options)?;
    let witness = wtns::read(&Zeroizing::new(fs::read(&files[1])?))?;
    let made = prover.prove_file(Path::new(&files[0]), &witness, &mut os_rng())?;
    fs::write(&files[2], json::proof_text(&made.proof))?;
    fs::write(&files[3], json::public_text(made.public.values()))?;
    Ok(())
}
