//! Doublings of many points against arkworks, one point at a time.

use ark_bn254::{G1Projective, G2Projective};
use ark_ec::AffineRepr;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::bn254::Kernel;

/// Points with repetitions, negatives and infinity among them.
fn points<G: Group>(rng: &mut impl Rng, len: usize) -> Vec<G::Affine> {
    let mut points: Vec<G> = (0..len).map(|_| G::rand(rng)).collect();
    for i in 0..len {
        match rng.gen_range(0..8) {
            0 => points[i] = G::zero(),
            1 => points[i] = points[rng.gen_range(0..len)],
            2 => points[i] = -points[rng.gen_range(0..len)],
            _ => {}
        }
    }
    G::normalize_batch(&points)
}

fn doublings<G: Group>() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for kernel in [Kernel::Ifma, Kernel::Portable].into_iter().filter(|kernel| kernel.is_available()) {
        for len in [0, 1, 7, 8, 9, 600] {
            let p = points::<G>(&mut rng, len);
            let expected: Vec<_> =
                p.iter().map(|p| p.into_group().double().double().double().into_affine()).collect();
            assert_eq!(double_all::<G>(kernel, &p, 3), expected);
        }
    }
}

#[test]
fn doublings_of_many_points_of_g1_agree_with_arkworks() {
    doublings::<G1Projective>();
}

#[test]
fn doublings_of_many_points_of_g2_agree_with_arkworks() {
    doublings::<G2Projective>();
}
