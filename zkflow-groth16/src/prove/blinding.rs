//! Checks of the points that exist in both groups: beta, delta and B. They hide the witness in a proof.

use ark_bn254::{G1Affine, G2Affine, G2Projective, g1, g2};
use ark_ec::{AffineRepr, CurveGroup};
use zkflow_bn254::msm::{FixedBases, Weights, combinations_of_both};
use zkflow_bn254::subgroup::are_in_subgroup;

use super::ProveError;
use crate::proof::VerifyingKey;
use crate::rng::SecureRng;
use crate::setup::ratio::same_ratio_with;

/// The points of a key on which the blinding of its proofs relies.
#[derive(Clone, Copy)]
pub(super) struct Blinding<'a> {
    pub(super) vk: &'a VerifyingKey,
    pub(super) beta_g1: G1Affine,
    pub(super) delta_g1: G1Affine,
    pub(super) b1: &'a FixedBases<g1::Config>,
    pub(super) b2: &'a FixedBases<g2::Config>,
}

impl Blinding<'_> {
    /// Checks what the blinding of proofs relies on.
    ///
    /// A proof contains `r delta_1` and `s delta_2` for random `r` and `s`. If delta is infinity in one group, a part
    /// of the proof is a function of the witness, and inputs can be found by trying. If B differs between the groups,
    /// a proof verifies only for some witnesses, so its verdict depends on private inputs.
    ///
    /// # Behaviour
    /// - beta and delta are not infinity.
    /// - beta, gamma, delta and B in G2 are in the subgroup of order r.
    /// - beta, delta and B are equal in both groups:
    ///   `e(x delta_1 + y beta_1 + sum w_i B1_i, G2) = e(G1, x delta_2 + y beta_2 + sum w_i B2_i)`
    ///   for random `x` and `y` of 96 bits and weights `w_i` of at least 65 bits.
    /// - Each of the last two checks accepts a wrong key with a probability of at most `2^-65`. The weights are drawn
    ///   here, after the key was made, so a key cannot be crafted to pass.
    /// - Both use the same weights; the check of the subgroup takes them in pieces of 11 or 13 bits.
    pub(super) fn check(&self, rng: &mut dyn SecureRng) -> Result<(), ProveError> {
        let refuse = |detail: &str| Err(ProveError::Key(detail.to_owned()));
        let Self { vk, beta_g1, delta_g1, b1, b2 } = *self;
        let kernel = b2.kernel();
        if [beta_g1, delta_g1].iter().any(G1Affine::is_zero)
            || [&vk.beta_g2, &vk.delta_g2].into_iter().any(G2Affine::is_zero)
        {
            return refuse("beta or delta is infinity, so its proofs would not hide the witness");
        }
        let present = b1.present().len().max(b2.present().len());
        let weights = Weights::random(b2.len(), present, rng);
        let (in_g1, in_g2) = combinations_of_both(b1, b2, &weights);
        let mut of_g2 = G2Projective::normalize_batch(&in_g2);
        of_g2.extend([vk.beta_g2, vk.gamma_g2, vk.delta_g2]);
        if !are_in_subgroup(kernel, &of_g2) {
            return refuse("a point of G2 is outside the group of order r");
        }
        let mut random = || u128::from(rng.next_u64()) << 32 | u128::from(rng.next_u32());
        let (x, y) = (random(), random());
        // x and y are random, so the sums are not infinity, except with a probability of 2^-96.
        let in_g1 = weights.joined(&in_g1, &[(delta_g1, x), (beta_g1, y)]);
        let in_g2 = weights.joined(&in_g2, &[(vk.delta_g2, x), (vk.beta_g2, y)]);
        let agree = |in_g1, in_g2| {
            same_ratio_with(kernel, in_g1, G1Affine::generator(), in_g2, G2Affine::generator())
        };
        if agree(in_g1.into_affine(), in_g2.into_affine()) {
            return Ok(());
        }
        if !agree(delta_g1, vk.delta_g2) {
            return refuse("delta differs between G1 and G2");
        }
        if !agree(beta_g1, vk.beta_g2) {
            return refuse("beta differs between G1 and G2");
        }
        refuse("B differs between G1 and G2")
    }
}
