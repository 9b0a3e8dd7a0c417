//! Checks of the points that exist in both groups: beta, delta and B. They hide the witness in a proof.

use ark_bn254::{G1Affine, G2Affine, g1, g2};
use ark_ec::{AffineRepr, CurveGroup};
use zkflow_bn254::Kernel;
use zkflow_bn254::msm::FixedBases;
use zkflow_bn254::subgroup::all_in_subgroup;

use super::ProveError;
use crate::format::zkey::KeyHead;
use crate::rng::SecureRng;
use crate::setup::ratio::{random_factors, same_ratio};

/// Checks what the blinding of proofs relies on.
///
/// A proof contains `r delta_1` and `s delta_2` for random `r` and `s`. If delta is infinity in one group, a part
/// of the proof is a function of the witness, and inputs can be found by trying. If B differs between the groups,
/// a proof verifies only for some witnesses, so its verdict depends on private inputs.
///
/// # Behaviour
/// - beta and delta are not infinity.
/// - beta, gamma, delta and B in G2 are in the subgroup of order r.
/// - `e(delta_1, G2) = e(G1, delta_2)` and `e(beta_1, G2) = e(G1, beta_2)`.
/// - `e(delta_1 + sum w_i B1_i, G2) = e(G1, delta_2 + sum w_i B2_i)` for random weights of 128 bits: B is equal in
///   both groups. A difference passes with a probability of `2^-128`. The weights are drawn here, after the key
///   was made, so a key cannot be crafted to pass.
pub(super) fn check_blinding(
    head: &KeyHead,
    b1: &FixedBases<g1::Config>,
    b2: &FixedBases<g2::Config>,
    kernel: Kernel,
    rng: &mut dyn SecureRng,
) -> Result<(), ProveError> {
    let refuse = |detail: &str| Err(ProveError::Key(detail.to_owned()));
    let KeyHead { vk, beta_g1, delta_g1, .. } = head;
    if [beta_g1, delta_g1].into_iter().any(G1Affine::is_zero)
        || [&vk.beta_g2, &vk.delta_g2].into_iter().any(G2Affine::is_zero)
    {
        return refuse("beta or delta is infinity, so its proofs would not hide the witness");
    }
    let constants = [vk.beta_g2, vk.gamma_g2, vk.delta_g2];
    if !constants.iter().all(G2Affine::is_in_correct_subgroup_assuming_on_curve)
        || !all_in_subgroup(b2, kernel, rng)
    {
        return refuse("a point of G2 is outside the group of order r");
    }
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    if !same_ratio(*delta_g1, g1, vk.delta_g2, g2) {
        return refuse("delta differs between G1 and G2");
    }
    if !same_ratio(*beta_g1, g1, vk.beta_g2, g2) {
        return refuse("beta differs between G1 and G2");
    }
    let weights = random_factors(b1.len(), rng);
    let (in_g1, in_g2) = rayon::join(|| b1.msm(&weights), || b2.msm(&weights));
    // delta is not infinity, so the sums are not either, except with a probability of 2^-128.
    let (in_g1, in_g2) = ((in_g1 + delta_g1).into_affine(), (in_g2 + vk.delta_g2).into_affine());
    match same_ratio(in_g1, g1, in_g2, g2) {
        true => Ok(()),
        false => refuse("B differs between G1 and G2"),
    }
}
