//! The measurements.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::format::{json, wtns};
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::prove::{Phases, PreparedKey};
use zkflow_core::rng::os_rng;
use zkflow_core::verify::Verifier;
use zkflow_core::witness::Witness;

use super::circuits::{Files, Workload};
use super::files::{map, read};
use super::library::{LoadedKey, ProofText};
use super::process;
use super::provers::{Contestant, Contestants};
use super::{BenchArgs, Error, Progress, step};

/// All measurements in chronological order.
#[derive(Debug, Default)]
pub(super) struct Results(pub(super) Vec<Measurement>);

/// Measurements of one prover on one circuit. Lists have one entry per round.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measurement {
    pub(super) circuit: String,
    pub(super) family: String,
    pub(super) prover: String,
    /// Threads of a prover in this process; `None` for external programs, which use all.
    pub(super) threads: Option<usize>,
    pub(super) wires: usize,
    /// Rows of the evaluation domain.
    pub(super) domain: u32,
    pub(super) zkey_bytes: u64,
    /// Memory of the prepared key in bytes; `None` for external programs.
    pub(super) key_bytes: Option<u64>,
    /// Time from the bytes of the `.zkey` to the prepared key; `None` for external programs.
    pub(super) load_ms: Option<f64>,
    /// Time from witness to proof with a prepared key; empty for external programs without a library.
    pub(super) warm_ms: Vec<f64>,
    /// Whole processes without a prepared key on disk.
    pub(super) cold: Vec<Process>,
    /// Whole processes with a prepared key on disk.
    pub(super) prepared: Vec<Process>,
    /// Phases of proofs with the key in a file, nothing prepared, in this process; empty for external programs.
    pub(super) phases: Vec<PhaseTimes>,
    /// Throughput with one proof per thread; `None` if not measured.
    pub(super) proofs_per_second: Option<f64>,
    /// `median over rounds of (time / time of the reference)`, warm; cold for external programs.
    pub(super) ratio: Option<f64>,
}

/// Resources that a whole process used.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Process {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
    pub(super) peak_bytes: u64,
}

/// Milliseconds of the phases of a proof with the key in a file.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct PhaseTimes {
    pub(super) key_ms: f64,
    pub(super) prove_ms: f64,
    pub(super) verify_ms: f64,
}

/// Measures all provers on one circuit.
pub(super) fn measure(
    files: &Files,
    workload: &Workload,
    contestants: &Contestants,
    args: &BenchArgs,
    progress: &dyn Progress,
    results: &mut Results,
) -> Result<(), Error> {
    let zkey = map(&files.zkey)?;
    let witness = wtns::read(&read(&files.wtns)?)?;
    let mut measured: Vec<Measured<'_>> = Vec::new();
    for contestant in &contestants.0 {
        let began = Instant::now();
        let key = contestant.inside.as_ref().map(|inside| inside.latency.load(&zkey)).transpose()?;
        let load_ms = key.as_ref().map(|_| millis(began.elapsed()));
        let library = contestant.library.as_ref();
        measured.push(Measured {
            contestant,
            key,
            in_library: library.map(|library| library.prover(&files.zkey, &witness)).transpose()?,
            load_ms,
            warm_ms: Vec::new(),
            cold: Vec::new(),
            prepared: Vec::new(),
            phases: Vec::new(),
        });
    }
    let key = ZKeyFile::open(std::io::Cursor::new(&*zkey))?;
    let verifier = Verifier::new(key.head().vk.clone())?;
    let domain = key.head().domain_size;

    let name = workload.name();
    step(progress, &format!("{name}: warm"), || warm(&mut measured, &verifier, &witness, args.rounds))?;
    step(progress, &format!("{name}: cold"), || {
        cold(&mut measured, files, &verifier, args.cold_rounds)?;
        phases(&mut measured, files, &witness, args.cold_rounds)
    })?;
    let reference = contestants.reference();
    let reference = (measured[reference].warm_ms.clone(), walls(&measured[reference].cold));
    for measured in measured {
        let warm_median = median(&measured.warm_ms);
        let throughput = match (&measured.contestant.inside, &measured.key, warm_median) {
            (Some(inside), Some(key), Some(warm)) if !args.no_throughput => {
                let other = inside.throughput.as_ref().map(|prover| prover.load(&zkey)).transpose()?;
                let threads = measured.contestant.threads.map_or(1, NonZeroUsize::get);
                Some(throughput(other.as_ref().unwrap_or(key), &witness, threads, warm)?)
            }
            _ => None,
        };
        let ratio = match measured.warm_ms.as_slice() {
            [] => median_ratio(&walls(&measured.cold), &reference.1),
            warm => median_ratio(warm, &reference.0),
        };
        results.0.push(Measurement {
            circuit: name.clone(),
            family: workload.family(),
            prover: measured.contestant.name.clone(),
            threads: measured.contestant.threads.map(NonZeroUsize::get),
            wires: witness.values().len(),
            domain,
            zkey_bytes: zkey.len() as u64,
            key_bytes: measured.key.as_ref().map(|key| key.memory_bytes()),
            load_ms: measured.load_ms,
            warm_ms: measured.warm_ms,
            cold: measured.cold,
            prepared: measured.prepared,
            phases: measured.phases,
            proofs_per_second: throughput,
            ratio,
        });
    }
    Ok(())
}

/// A contestant with its measurements so far.
struct Measured<'a> {
    contestant: &'a Contestant,
    key: Option<Arc<dyn PreparedKey>>,
    /// The key in the library of an external prover.
    in_library: Option<LoadedKey>,
    load_ms: Option<f64>,
    warm_ms: Vec<f64>,
    cold: Vec<Process>,
    prepared: Vec<Process>,
    phases: Vec<PhaseTimes>,
}

/// Makes one proof per prover and round. The first round is a warm-up and is not recorded.
fn warm(
    measured: &mut [Measured<'_>],
    verifier: &Verifier,
    witness: &Witness,
    rounds: u32,
) -> Result<(), Error> {
    let public = PublicSignals::of_witness(verifier.key(), witness)?;
    for round in 0..=rounds {
        for measured in &mut *measured {
            let began = Instant::now();
            let made = match (&measured.key, &mut measured.in_library) {
                (Some(key), _) => Made::Here(Box::new(key.prove(witness, &mut os_rng())?)),
                (None, Some(library)) => Made::InLibrary(library.prove(public.values().len())?),
                (None, None) => continue,
            };
            let spent = began.elapsed();
            let (proof, public) = match made {
                Made::Here(proof) => (*proof, public.clone()),
                Made::InLibrary(text) => text.read(verifier.key())?,
            };
            if !verifier.verify(&public, &proof)? {
                return Err(format!("a proof by {} is invalid", measured.contestant.name).into());
            }
            if round > 0 {
                measured.warm_ms.push(millis(spent));
            }
        }
    }
    Ok(())
}

/// A proof as its prover returns it.
enum Made {
    Here(Box<Proof>),
    InLibrary(ProofText),
}

/// Runs one process per prover and round.
fn cold(measured: &mut [Measured<'_>], files: &Files, verifier: &Verifier, rounds: u32) -> Result<(), Error> {
    let run = |contestant: &Contestant, prepared: bool| -> Result<Option<Process>, Error> {
        let Some(mut command) = contestant.command(files, prepared) else { return Ok(None) };
        let spent = process::run(&mut command)?;
        let [proof, public] = contestant.outputs(files);
        let public = PublicSignals::for_key(verifier.key(), json::read_public(&read(&public)?)?)?;
        if !verifier.verify(&public, &json::read_proof(&read(&proof)?)?)? {
            return Err(format!("a proof by {} is invalid", contestant.name).into());
        }
        let (wall_ms, cpu_ms) = (millis(spent.wall), millis(spent.cpu));
        Ok(Some(Process { wall_ms, cpu_ms, peak_bytes: spent.peak_bytes }))
    };
    for round in 0..rounds {
        for measured in &mut *measured {
            measured.cold.extend(run(measured.contestant, false)?);
            if measured.contestant.prepares {
                if round == 0 {
                    // Stores the prepared key.
                    run(measured.contestant, true)?;
                }
                measured.prepared.extend(run(measured.contestant, true)?);
            }
        }
    }
    Ok(())
}

/// Makes one proof with the key in the file per prover of this process and round.
fn phases(measured: &mut [Measured<'_>], files: &Files, witness: &Witness, rounds: u32) -> Result<(), Error> {
    for _ in 0..rounds {
        for measured in &mut *measured {
            let Some(inside) = &measured.contestant.inside else { continue };
            let Phases { key, prove, verify, .. } =
                inside.latency.prove_file(&files.zkey, witness, &mut os_rng())?.phases;
            let [key_ms, prove_ms, verify_ms] = [key, prove, verify].map(millis);
            measured.phases.push(PhaseTimes { key_ms, prove_ms, verify_ms });
        }
    }
    Ok(())
}

/// Proofs per second with one proof per thread, measured over about two seconds.
fn throughput(
    key: &Arc<dyn PreparedKey>,
    witness: &Witness,
    threads: usize,
    warm_ms: f64,
) -> Result<f64, Error> {
    let each = ((2000.0 / warm_ms / threads as f64) as usize).clamp(1, 1000);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| (0..each).try_for_each(|_| key.prove(witness, &mut os_rng()).map(drop))))
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("provers do not panic"))
    })?;
    Ok((each * threads) as f64 / began.elapsed().as_secs_f64())
}

/// Wall times of processes in milliseconds.
pub(super) fn walls(processes: &[Process]) -> Vec<f64> {
    processes.iter().map(|process| process.wall_ms).collect()
}

/// The median; `None` if there are no values.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// `median(values[i] / reference[i])`, where `i` is the round.
fn median_ratio(values: &[f64], reference: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = values.iter().zip(reference).map(|(value, base)| value / base).collect();
    median(&ratios)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_of_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median_ratio(&[1.0, 10.0, 3.0], &[2.0, 10.0, 12.0]), Some(0.5));
        assert_eq!(median_ratio(&[1.0], &[]), None);
    }
}
