//! Multi-scalar multiplications and quotients of the kernels against arkworks.

use std::sync::Arc;

use ark_bn254::{Fr, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{Field, One, UniformRand, Zero};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zkflow_groth16::format::FilePoint;

use crate::device::cuda::Gpu;
use crate::device::emulated::Emulated;
use crate::device::{Address, Buffer, Device};
use crate::msm::{Group, Lane, LaneSize, Scalars, Shape, SumBuffer, Table};
use crate::quotient::encoded;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Scalars of every kind that a witness has, and those that fill few buckets.
fn witnesses(count: usize) -> Vec<(&'static str, Vec<Fr>)> {
    let rng = &mut rng(count as u64);
    let mut of =
        |kind: &mut dyn FnMut(&mut ChaCha20Rng, usize) -> Fr| (0..count).map(|i| kind(rng, i)).collect();
    vec![
        ("random", of(&mut |rng, _| Fr::rand(rng))),
        ("zeros", of(&mut |_, _| Fr::zero())),
        ("ones", of(&mut |_, _| Fr::one())),
        ("minus ones", of(&mut |_, _| -Fr::one())),
        ("bits", of(&mut |rng, _| Fr::from(u64::from(rng.r#gen::<bool>())))),
        ("bytes", of(&mut |rng, _| Fr::from(u64::from(rng.r#gen::<u8>())))),
        ("equal", of(&mut |_, _| Fr::from(0x1234_5678_9abc_def0u64).inverse().unwrap())),
        ("one of many", of(&mut |rng, i| if i % 7 == 3 { Fr::rand(rng) } else { Fr::zero() })),
        (
            "extremes",
            of(&mut |_, i| {
                let power = Fr::from(2u64).pow([(i % 254) as u64]);
                [power, -power, power - Fr::one(), Fr::one() - power][i % 4]
            }),
        ),
        (
            "halves",
            of(&mut |_, i| {
                let half = Fr::from(2u64).inverse().unwrap();
                [half, -half, half - Fr::one(), Fr::one() - half][i % 4]
            }),
        ),
    ]
}

/// Points, some of them equal, opposite or in arithmetic progression.
fn points<C: SWCurveConfig<ScalarField = Fr>>(count: usize) -> Vec<Affine<C>> {
    let rng = &mut rng(count as u64 + 1);
    let step = Projective::<C>::rand(rng);
    let mut point = step;
    let points: Vec<Projective<C>> = (0..count)
        .map(|i| {
            point += step;
            match i % 11 {
                3 => -point,
                5 => step,
                7 => -step,
                _ => point,
            }
        })
        .collect();
    Projective::normalize_batch(&points)
}

fn check<C: Group + SWCurveConfig<ScalarField = Fr>>(count: usize, shape: Shape)
where
    Affine<C>: FilePoint,
    Projective<C>: VariableBaseMSM<MulBase = Affine<C>, ScalarField = Fr>,
{
    let emulated = Arc::new(Emulated::default());
    check_on::<C>(&(Arc::clone(&emulated) as _), count, shape);
    assert!(!emulated.holds_data(), "secrets stay in memory");
}

/// Compares all sums with those of arkworks, and wipes everything but the table, which is freed.
fn check_on<C: Group + SWCurveConfig<ScalarField = Fr>>(device: &Arc<dyn Device>, count: usize, shape: Shape)
where
    Affine<C>: FilePoint,
    Projective<C>: VariableBaseMSM<MulBase = Affine<C>, ScalarField = Fr>,
{
    let points = points::<C>(count);
    let mut bytes = Vec::new();
    points.iter().for_each(|point| point.put(&mut bytes));
    let size = LaneSize::default().with::<C>(&**device, shape, count);
    let lane = Lane::new(device, size).unwrap();
    let table = Table::<C>::new(device, lane.stream(), shape, count, std::iter::once(bytes)).unwrap();
    let result = SumBuffer::<C>::new(device, shape).unwrap();
    let at = Buffer::new(device, count * 32).unwrap();
    for (kind, scalars) in witnesses(count) {
        let expected = Projective::<C>::msm(&points, &scalars).unwrap();
        let bytes: Vec<u8> = scalars.iter().flat_map(encoded).collect();
        at.write(lane.stream(), 0, &bytes).unwrap();
        lane.sort(Scalars { scalars: at.address(), wires: Address::NULL, count }, shape).unwrap();
        // The second sum uses the same sorted digits.
        for _ in 0..2 {
            lane.sum(&table, &result).unwrap();
            assert_eq!(result.read(lane.stream()).unwrap(), expected, "{kind}, {count} points, {shape:?}");
        }
    }
    lane.wipe().unwrap();
    result.wipe(lane.stream()).unwrap();
    at.clear(lane.stream(), at.bytes()).unwrap();
    device.finish(lane.stream()).unwrap();
}

/// Shapes with one group and with several, with a digit of one bucket more or less than a power of two.
fn shapes() -> impl Iterator<Item = Shape> {
    let shape = |(window, levels): (u32, u32)| Shape { window, digits: 254u32.div_ceil(window), levels };
    [(4, 64), (5, 1), (8, 32), (9, 3), (11, 24), (13, 1)].into_iter().map(shape)
}

#[test]
fn sums_in_g1_are_those_of_arkworks() {
    for shape in shapes() {
        for count in [1, 2, 31, 33, 500] {
            check::<g1::Config>(count, shape);
        }
    }
}

#[test]
fn sums_in_g2_are_those_of_arkworks() {
    for shape in shapes() {
        for count in [1, 33, 200] {
            check::<g2::Config>(count, shape);
        }
    }
}

#[test]
fn chosen_shapes_have_a_level_for_each_digit_if_there_is_room() {
    for bits in 0..24 {
        for levels in [1, 2, 3, 5, 9, 17, 64] {
            let shape = Shape::choose(1 << bits, levels);
            assert!(
                shape.levels <= levels && shape.levels * shape.groups() >= shape.digits,
                "{bits} {shape:?}"
            );
            assert!(shape.window * shape.digits >= 254, "{bits} {shape:?}");
        }
        assert_eq!(Shape::choose(1 << bits, 64).groups(), 1);
    }
    check::<g1::Config>(300, Shape::choose(300, 64));
    check::<g1::Config>(300, Shape::choose(300, 2));
}

#[test]
#[ignore = "needs a GPU"]
fn on_a_gpu() {
    let device: Arc<dyn Device> = Arc::new(Gpu::open(0).unwrap());
    for shape in shapes() {
        for count in [1, 2, 31, 33, 127, 129, 5000] {
            check_on::<g1::Config>(&device, count, shape);
            check_on::<g2::Config>(&device, count.min(1000), shape);
        }
    }
    for bits in [10, 12, 14, 16] {
        for levels in [1, 3, 64] {
            for count in [(1 << bits) - 1, (1 << bits) + 1] {
                check_on::<g1::Config>(&device, count, Shape::choose(count, levels));
                check_on::<g2::Config>(&device, count, Shape::choose(count, levels));
            }
        }
    }
}
