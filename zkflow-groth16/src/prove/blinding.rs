//! Checks of the points that exist in both groups: beta, delta and B. They hide the witness in a proof.

use ark_bn254::{Fr, G1Affine, G2Affine, g1, g2};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::UniformRand;
use zkflow_bn254::msm::{FixedBases, Weights};
use zkflow_bn254::subgroup::are_in_subgroup;

use super::ProveError;
use crate::proof::VerifyingKey;
use crate::rng::SecureRng;
use crate::setup::ratio::same_ratio;

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
    ///   for random `x` and `y` of full size and weights `w_i` of 65 bits.
    /// - Each of the last two checks accepts a wrong key with a probability of at most `2^-65`. The weights are drawn
    ///   here, after the key was made, so a key cannot be crafted to pass.
    /// - Both use the same weights: their pieces of 13 bits are those of [`are_in_subgroup`].
    pub(super) fn check(&self, rng: &mut dyn SecureRng) -> Result<(), ProveError> {
        let refuse = |detail: &str| Err(ProveError::Key(detail.to_owned()));
        let Self { vk, beta_g1, delta_g1, b1, b2 } = *self;
        if [beta_g1, delta_g1].iter().any(G1Affine::is_zero)
            || [&vk.beta_g2, &vk.delta_g2].into_iter().any(G2Affine::is_zero)
        {
            return refuse("beta or delta is infinity, so its proofs would not hide the witness");
        }
        let weights = Weights::random(b1.len(), rng);
        let (in_g2, in_g1) = rayon::join(|| b2.combinations(&weights), || b1.combinations(&weights));
        let constants = [vk.beta_g2, vk.gamma_g2, vk.delta_g2];
        if !constants.iter().all(G2Affine::is_in_correct_subgroup_assuming_on_curve)
            || !are_in_subgroup(&in_g2)
        {
            return refuse("a point of G2 is outside the group of order r");
        }
        let (x, y) = (Fr::rand(rng), Fr::rand(rng));
        // x and y are random, so the sums are not infinity, except with a probability of 2^-253.
        let in_g1 = delta_g1 * x + beta_g1 * y + Weights::joined(&in_g1);
        let in_g2 = vk.delta_g2 * x + vk.beta_g2 * y + Weights::joined(&in_g2);
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        if same_ratio(in_g1.into_affine(), g1, in_g2.into_affine(), g2) {
            return Ok(());
        }
        if !same_ratio(delta_g1, g1, vk.delta_g2, g2) {
            return refuse("delta differs between G1 and G2");
        }
        if !same_ratio(beta_g1, g1, vk.beta_g2, g2) {
            return refuse("beta differs between G1 and G2");
        }
        refuse("B differs between G1 and G2")
    }
}
