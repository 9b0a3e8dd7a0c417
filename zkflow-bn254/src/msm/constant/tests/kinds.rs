//! Scalars for tests of work that must not depend on them; `tests/msm/constant.rs` has this file too.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Vectors of scalars that work could tell apart.
pub(crate) fn kinds(count: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<Fr>> {
    let bit = |rng: &mut ChaCha8Rng| Fr::from(u64::from(rng.r#gen::<bool>()));
    vec![
        vec![Fr::ZERO; count],
        vec![Fr::ONE; count],
        vec![-Fr::ONE; count],
        (0..count).map(|_| bit(rng)).collect(),
        (0..count).map(|i| if i == count / 2 { Fr::ONE } else { Fr::ZERO }).collect(),
        (0..count).map(|_| Fr::from(rng.r#gen::<u16>())).collect(),
        (0..count as u32).map(|i| Fr::from(2u64).pow([u64::from(i % 254)])).collect(),
        (0..count).map(|_| Fr::rand(rng)).collect(),
    ]
}
