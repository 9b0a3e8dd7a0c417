//! Measures each stage of a proof separately: parse, witness, prove, verify. Prints how much faster proofs are verified at
//! once than one by one.

use std::hint::black_box;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::{Fixture, TEMPLATES};
use zkflow_core::circuit::FileName;
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::wtns;
use zkflow_core::format::zkey::ZKey;
use zkflow_core::proof::{Proof, PublicSignals};
use zkflow_core::rng::os_rng;

mod support;

fn parse(c: &mut Criterion, fixture: &Fixture) {
    let (r1cs, zkey) = (fixture.file(FileName::R1cs), fixture.file(FileName::ProvingKey));
    let (witness, _) = fixture.circuit.witness(&fixture.circuit_inputs()).expect("the example proves");
    let wtns = wtns::write(&witness);
    let mut group = c.benchmark_group("parse");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(r1cs.len() as u64));
    group.bench_function(BenchmarkId::new("r1cs", fixture.name), |b| b.iter(|| R1cs::read(black_box(r1cs))));
    group.throughput(Throughput::Bytes(zkey.len() as u64));
    group.bench_function(BenchmarkId::new("zkey", fixture.name), |b| b.iter(|| ZKey::read(black_box(zkey))));
    group.throughput(Throughput::Bytes(wtns.len() as u64));
    group.bench_function(BenchmarkId::new("wtns", fixture.name), |b| b.iter(|| wtns::read(black_box(&wtns))));
    group.finish();
}

fn proof(c: &mut Criterion, fixture: &Fixture) {
    let inputs = fixture.circuit_inputs();
    let (witness, _) = fixture.circuit.witness(&inputs).expect("the example proves");
    let (proof, public) = fixture.circuit.prove(&witness, &mut os_rng()).expect("the example proves");
    let mut group = c.benchmark_group("proof");
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("witness", fixture.name), |b| {
        b.iter(|| fixture.circuit.witness(&inputs))
    });
    group.bench_function(BenchmarkId::new("prove and verify", fixture.name), |b| {
        b.iter(|| fixture.circuit.prove(&witness, &mut os_rng()));
    });
    group.bench_function(BenchmarkId::new("verify", fixture.name), |b| {
        b.iter(|| fixture.circuit.verifier().verify(&public, &proof));
    });
    for number in [10, 100, 1000] {
        let proofs = vec![(public.clone(), proof); number];
        group.throughput(Throughput::Elements(number as u64));
        group.bench_function(BenchmarkId::new(format!("verify {number} at once"), fixture.name), |b| {
            b.iter(|| fixture.circuit.verifier().verify_batch(&proofs));
        });
    }
    group.finish();
    verify_at_once(fixture, &vec![(public, proof); 100]);
}

/// Prints the time of a proof that is verified alone, divided by its part of the time of all `proofs` at once. Both
/// alternate, so that other load affects both. At once, all threads work: `RAYON_NUM_THREADS=1` compares one with one.
fn verify_at_once(fixture: &Fixture, proofs: &[(PublicSignals, Proof)]) {
    let verifier = fixture.circuit.verifier();
    let ratios = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        for (public, proof) in proofs {
            assert!(verifier.verify(public, proof).is_ok_and(|valid| valid), "the proof is valid");
        }
        let alone = began.elapsed();
        let began = Instant::now();
        let verdicts = verifier.verify_batch(proofs);
        assert!(verdicts.iter().all(|valid| matches!(valid, Ok(true))), "the proofs are valid");
        alone.as_secs_f64() / began.elapsed().as_secs_f64()
    });
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let (name, number, ratio) = (fixture.name, proofs.len(), ratios[ROUNDS / 2]);
    println!("proof/verify {number} at once/{name}: {ratio:.1} times as fast a proof as one by one");
}

/// Repetitions of a ratio; the result is the median.
const ROUNDS: usize = 7;

fn stages(c: &mut Criterion) {
    for name in TEMPLATES {
        let fixture = Fixture::new(name);
        parse(c, &fixture);
        proof(c, &fixture);
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
