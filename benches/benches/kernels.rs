//! Measures the kernels of a proof: fields, transforms, multi-scalar multiplication, sparse products, pairings.

use std::hint::black_box;

use ark_bn254::{Bn254, Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::VariableBaseMSM;
use ark_ec::pairing::Pairing;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{FftField, UniformRand, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::{FixedBases, Options, Scalars};
use zkflow_bn254::pairing::{Lines, product};
use zkflow_bn254::points::{Curve, scale_by_powers};
use zkflow_bn254::quotient::Quotient;
use zkflow_bn254::sparse::{Entry, SparseMatrix};
use zkflow_bn254::workload::{Field, Operation, repeat};

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

fn fields(c: &mut Criterion) {
    const ELEMENTS: usize = 1 << 16;
    let operations = [
        ("add", Operation::Add),
        ("subtract", Operation::Subtract),
        ("multiply", Operation::Multiply),
        ("square", Operation::Square),
        ("invert all", Operation::InvertAll),
    ];
    for (field, name) in [(Field::Fq, "Fq"), (Field::Fq2, "Fq2"), (Field::Fr, "Fr")] {
        for (what, operation) in operations {
            let mut group = c.benchmark_group(format!("{name} {what}"));
            group.throughput(Throughput::Elements(ELEMENTS as u64));
            for kernel in kernels() {
                group.bench_function(kernel.name(), |b| {
                    b.iter(|| repeat(kernel, field, operation, black_box(ELEMENTS)));
                });
            }
        }
    }
}

fn transforms(c: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    let mut group = c.benchmark_group("transform");
    group.sample_size(10);
    for log_size in [10, 12, 14, 16, 18, 20] {
        let size = 1usize << log_size;
        let values: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
        group.throughput(Throughput::Elements(size as u64));
        for kernel in kernels() {
            let empty = || SparseMatrix::new(size, [].into_iter());
            let quotient = Quotient::new(empty(), empty(), kernel);
            let mut values = values.clone();
            group.bench_function(BenchmarkId::new(kernel.name(), size), |b| {
                b.iter(|| quotient.shift(black_box(&mut values)));
            });
        }
        let even = Radix2EvaluationDomain::<Fr>::new(size).expect("a small power of two");
        let eta = Fr::get_root_of_unity(2 * size as u64).expect("a small power of two");
        let odd = even.get_coset(eta).expect("not zero");
        group.bench_function(BenchmarkId::new("ark", size), |b| {
            b.iter(|| odd.fft(&even.ifft(black_box(&values))));
        });
    }
}

/// Vectors of `count` scalars of three kinds, with their names.
fn scalars(rng: &mut StdRng, count: usize) -> [(&'static str, Vec<Fr>); 3] {
    let mut many = |scalar: &dyn Fn(&mut StdRng) -> Fr| (0..count).map(|_| scalar(rng)).collect();
    [
        ("full", many(&|rng| Fr::rand(rng))),
        ("words", many(&|rng| Fr::from(rng.r#gen::<u32>()))),
        ("bits", many(&|rng| Fr::from(rng.r#gen::<bool>()))),
    ]
}

fn msm<C: Curve>(c: &mut Criterion, name: &str, log_sizes: &[u32]) {
    let mut rng = StdRng::seed_from_u64(2);
    for &log_size in log_sizes {
        let size = 1usize << log_size;
        let base = (Affine::<C>::generator() * Fr::rand(&mut rng)).into_affine();
        let points = scale_by_powers::<C>(&vec![base; size], &Fr::rand(&mut rng), &Fr::rand(&mut rng));
        for (kind, scalars) in scalars(&mut rng, size) {
            let mut group = c.benchmark_group(format!("msm {name} {kind}"));
            group.sample_size(10).throughput(Throughput::Elements(size as u64));
            for kernel in kernels() {
                let bases = FixedBases::prepare(&points, Options { kernel, table_bytes: 0 });
                let prepared = Scalars::new(kernel, &scalars);
                group.bench_function(BenchmarkId::new(kernel.name(), size), |b| {
                    b.iter(|| bases.msm(black_box(&prepared)));
                });
            }
            group.bench_function(BenchmarkId::new("ark", size), |b| {
                b.iter(|| Projective::<C>::msm(black_box(&points), black_box(&scalars)));
            });
        }
    }
}

fn msms(c: &mut Criterion) {
    msm::<g1::Config>(c, "G1", &[3, 6, 8, 10, 12, 14, 16, 18]);
    msm::<g2::Config>(c, "G2", &[3, 6, 8, 10, 12, 14, 16]);
}

/// Multiplies a matrix as in a circuit: three entries per row, most of them 1 or -1.
fn sparse(c: &mut Criterion) {
    const ROWS: u32 = 1 << 16;
    let mut rng = StdRng::seed_from_u64(3);
    let entries: Vec<Entry> = (0..3 * ROWS)
        .map(|i| {
            let value = match i % 3 {
                0 => Fr::from(1u64),
                1 => -Fr::from(1u64),
                _ => Fr::rand(&mut rng),
            };
            Entry { row: i / 3, column: rng.gen_range(0..ROWS), value }
        })
        .collect();
    let matrix = SparseMatrix::new(ROWS as usize, entries.iter().copied());
    let vector: Vec<Fr> = (0..ROWS).map(|_| Fr::rand(&mut rng)).collect();
    let mut product = vec![Fr::zero(); ROWS as usize];
    let mut group = c.benchmark_group("sparse product");
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("65536 rows", |b| b.iter(|| matrix.product(black_box(&vector), &mut product)));
}

/// The three pairings of a verification. Two points of G2 are those of a key, prepared before.
fn pairings(c: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(4);
    let pairs: Vec<(G1Affine, G2Affine)> = (0..3)
        .map(|_| {
            let p = (G1Affine::generator() * Fr::rand(&mut rng)).into_affine();
            (p, (G2Affine::generator() * Fr::rand(&mut rng)).into_affine())
        })
        .collect();
    let [(a, b), (p, q), (r, s)] = pairs[..] else { unreachable!("three pairs") };

    let mut group = c.benchmark_group("pairings");
    for kernel in kernels() {
        let keys = [q, s].map(|point| Lines::new(kernel, &point).expect("a point of G2"));
        group.bench_function(kernel.name(), |bencher| {
            bencher.iter(|| {
                let lines = Lines::new(kernel, black_box(&b)).expect("a point of G2");
                product(kernel, &[(a, &lines), (p, &keys[0]), (r, &keys[1])])
            });
        });
    }
    let keys = [q, s].map(<Bn254 as Pairing>::G2Prepared::from);
    group.bench_function("ark", |bencher| {
        bencher.iter(|| {
            assert!(black_box(&b).is_in_correct_subgroup_assuming_on_curve());
            Bn254::multi_pairing([a, p, r], [b.into(), keys[0].clone(), keys[1].clone()])
        });
    });
}

criterion_group!(benches, fields, transforms, msms, sparse, pairings);
criterion_main!(benches);
