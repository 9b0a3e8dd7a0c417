//! Measures whole proofs and the loading of keys, by circuit and prover.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use support::{Fixture, TEMPLATES};
use zkflow_core::circuit::FileName;
use zkflow_core::format::zkey::ZKey;
use zkflow_core::prove::Kernel;
use zkflow_core::prove::ark::ArkProver;
use zkflow_core::prove::native::{NativeOptions, NativeProver, Parallelism};
use zkflow_core::prove::{KeyLoader as _, Prover};
use zkflow_core::rng::os_rng;

mod support;

/// Each prover with its name in `zkflow bench`.
fn provers() -> Vec<(&'static str, Arc<dyn Prover>)> {
    let native = |kernel, parallelism| -> Arc<dyn Prover> {
        let options = NativeOptions { kernel, parallelism, ..NativeOptions::default() };
        Arc::new(NativeProver::new(options).expect("the prover starts"))
    };
    let mut provers = vec![("native", native(Kernel::detect(), Parallelism::Latency))];
    for kernel in Kernel::available().skip(1) {
        provers.push((kernel.name(), native(kernel, Parallelism::Latency)));
    }
    provers.push(("native-one-thread", native(Kernel::detect(), Parallelism::Throughput)));
    provers.push(("ark", Arc::new(ArkProver)));
    provers
}

fn proof(c: &mut Criterion, fixture: &Fixture) {
    let (witness, _) = fixture.circuit.witness(&fixture.circuit_inputs()).expect("the example proves");
    let key = Arc::new(ZKey::read(fixture.file(FileName::ProvingKey)).expect("a key made here"));
    let mut group = c.benchmark_group(format!("prove {}", fixture.name));
    group.sample_size(10);
    for (name, prover) in provers() {
        let key = prover.prepare(Arc::clone(&key)).expect("a key made here");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| key.prove(black_box(&witness), &mut os_rng()));
        });
    }
    group.finish();
}

/// Measures loading a `.zkey`: without and with a prepared key on disk.
fn load(c: &mut Criterion, fixture: &Fixture) {
    let zkey = fixture.file(FileName::ProvingKey);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prover = |cache_dir| {
        NativeProver::new(NativeOptions { cache_dir, ..NativeOptions::default() }).expect("the prover starts")
    };
    let (fresh, kept) = (prover(None), prover(Some(folder.path().join("keys"))));
    kept.load(zkey).expect("a key made here");
    let mut group = c.benchmark_group(format!("load the key of {}", fixture.name));
    group.sample_size(10);
    group.bench_function("anew", |b| b.iter(|| fresh.load(black_box(zkey))));
    group.bench_function("prepared", |b| b.iter(|| kept.load(black_box(zkey))));
    group.finish();
}

fn prover(c: &mut Criterion) {
    for name in TEMPLATES {
        let fixture = Fixture::new(name);
        proof(c, &fixture);
        load(c, &fixture);
    }
}

criterion_group!(benches, prover);
criterion_main!(benches);
