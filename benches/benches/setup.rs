//! Measures a trusted setup: its arithmetic and the steps of both phases.

use std::hint::black_box;
use std::io::Cursor;

use ark_bn254::Fr;
use ark_ff::Field;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::Fixture;
use zkflow_bn254::points::{lagrange, scale};
use zkflow_core::circuit::FileName;
use zkflow_core::format::ptau::{Ptau, TAU_G1, TAU_G2};
use zkflow_core::format::r1cs::R1cs;
use zkflow_core::format::zkey::ZKeyFile;
use zkflow_core::rng::os_rng;
use zkflow_core::setup::{DevelopmentPowers, PowersSource, StepOptions, phase2, ptau};

mod support;

type Bytes = Cursor<Vec<u8>>;

/// Number of points for the arithmetic.
const POINTS: u64 = 1 << 12;
/// Power of the powers of tau for phase 1.
const POWER: u32 = 10;

fn arithmetic(c: &mut Criterion) {
    let mut powers = DevelopmentPowers::in_memory().powers(POINTS.ilog2()).expect("powers are made");
    let powers = powers.file();
    let g1 = powers.points(TAU_G1, 0, POINTS).expect("they were made");
    let g2 = powers.points(TAU_G2, 0, POINTS).expect("they were made");
    let scalar = -Fr::from(0x0123_4567_89ab_cdef_u64).square();
    let mut group = c.benchmark_group("points");
    group.sample_size(10);
    group.throughput(Throughput::Elements(POINTS));
    group.bench_function(BenchmarkId::new("scale", "G1"), |b| b.iter(|| scale(black_box(&g1), &scalar)));
    group.bench_function(BenchmarkId::new("scale", "G2"), |b| b.iter(|| scale(black_box(&g2), &scalar)));
    group.bench_function(BenchmarkId::new("lagrange", "G1"), |b| b.iter(|| lagrange(black_box(&g1))));
    group.bench_function(BenchmarkId::new("lagrange", "G2"), |b| b.iter(|| lagrange(black_box(&g2))));
    group.finish();
}

fn phase_1(c: &mut Criterion) {
    let open = |bytes: &Bytes| Ptau::open(bytes.clone()).expect("it was made here");
    let options = StepOptions::default();
    let mut new = Bytes::default();
    ptau::create(POWER, &mut new).expect("memory does not fail");
    let contribute = || {
        let mut out = Bytes::default();
        ptau::contribute(&mut open(&new), &mut out, None, "", &mut os_rng(), options).expect("new powers");
        out
    };
    let contributed = contribute();
    let prepare = || {
        let mut out = Bytes::default();
        ptau::prepare(&mut open(&contributed), &mut out, &mut os_rng(), options).expect("powers");
        out
    };
    let prepared = prepare();
    let mut group = c.benchmark_group(format!("powers of tau 2^{POWER}"));
    group.sample_size(10);
    group.bench_function("contribute", |b| b.iter(contribute));
    group.bench_function("prepare", |b| b.iter(prepare));
    group.bench_function("verify", |b| {
        b.iter(|| ptau::verify(&mut open(&prepared), &mut os_rng(), options).expect("they verify"));
    });
    group.finish();
}

fn phase_2(c: &mut Criterion, fixture: &Fixture) {
    let r1cs = R1cs::read(fixture.file(FileName::R1cs)).expect("compiled here");
    let source = DevelopmentPowers::in_folder(std::env::temp_dir().join("zkflow-bench-ptau"));
    let power = r1cs.domain_size().ilog2();
    let powers = || source.powers(power).expect("powers are made");
    let options = StepOptions::default();
    let open = |bytes: &[u8]| ZKeyFile::open(Cursor::new(bytes.to_vec())).expect("it was made here");
    let new = || {
        let mut out = Vec::new();
        phase2::create(&r1cs, powers().file(), &mut out, options).expect("the circuit fits");
        out
    };
    let initial = new();
    let contribute = || {
        let mut out = Vec::new();
        phase2::contribute(&mut open(&initial), &mut out, None, "", &mut os_rng(), options)
            .expect("a key made here");
        out
    };
    let contributed = contribute();
    let mut group = c.benchmark_group(format!("key of {}", fixture.name));
    group.sample_size(10);
    group.bench_function("new", |b| b.iter(new));
    group.bench_function("contribute", |b| b.iter(contribute));
    group.bench_function("verify", |b| {
        b.iter(|| {
            let mut key = open(&contributed);
            phase2::verify(&r1cs, powers().file(), &mut key, &mut os_rng(), options).expect("it verifies");
        });
    });
    group.finish();
}

fn setup(c: &mut Criterion) {
    arithmetic(c);
    phase_1(c);
    for name in ["poseidonPreimage", "sha256Preimage"] {
        phase_2(c, &Fixture::new(name));
    }
}

criterion_group!(benches, setup);
criterion_main!(benches);
