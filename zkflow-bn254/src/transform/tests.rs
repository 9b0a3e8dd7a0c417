//! Compares transforms with ark-poly.

use ark_ff::UniformRand;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::Kernel;

struct Shifted(Vec<Fr>);

impl Task for Shifted {
    type Output = Option<Vec<Fr>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<Fr>> {
        Transform::<B>::fits(self.0.len()).then(|| {
            let transform = Transform::<B>::new(self.0.len());
            let mut lanes = to_lanes::<B>(&self.0);
            transform.shift(&mut lanes);
            let mut values = self.0;
            from_lanes::<B>(&lanes, &mut values);
            values
        })
    }
}

/// The values at the odd roots, computed with ark-poly.
fn expected(values: &[Fr]) -> Vec<Fr> {
    let domain = Radix2EvaluationDomain::<Fr>::new(values.len()).expect("a small power of two");
    let eta = Fr::get_root_of_unity(2 * values.len() as u64).expect("a small power of two");
    let odd = domain.get_coset(eta).expect("not zero");
    odd.fft(&domain.ifft(values))
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

fn agrees(values: &[Fr]) {
    let expected = expected(values);
    for kernel in kernels() {
        if let Some(found) = kernel.run(Shifted(values.to_vec())) {
            assert!(found == expected, "{} values, {}", values.len(), kernel.name());
        }
    }
}

#[test]
fn every_size_gives_what_ark_poly_gives() {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    for k in 0..=18 {
        agrees(&(0..1 << k).map(|_| Fr::rand(&mut rng)).collect::<Vec<_>>());
    }
}

#[test]
fn domains_too_small_for_the_lanes_are_left_to_a_single_one() {
    for kernel in kernels().filter(|kernel| *kernel != Kernel::Portable) {
        assert_eq!(kernel.run(Shifted(vec![Fr::ONE; 32])), None);
        assert!(kernel.run(Shifted(vec![Fr::ONE; 64])).is_some());
    }
}

proptest! {
    /// Zeros, ones and values at the limits of the range would reveal errors of lazy reduction.
    #[test]
    fn values_at_the_ends_of_the_range_are_shifted_right(
        seeds in proptest::collection::vec(0u8..4, 64..=64),
        log_size in 6u32..=9,
    ) {
        let values: Vec<Fr> = (0..1usize << log_size)
            .map(|i| match seeds[i % 64] {
                0 => Fr::ONE - Fr::ONE,
                1 => Fr::ONE,
                2 => -Fr::ONE,
                _ => -Fr::from(i as u64),
            })
            .collect();
        agrees(&values);
    }
}
