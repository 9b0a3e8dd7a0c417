//! Checks of a key's head that need neither its circuit nor its powers of tau.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

use super::super::beacon::Replay;
use super::super::ratio::same_ratio;
use super::super::verdict::Weakness;
use super::chain::check_contributions;
use crate::format::zkey::KeyHead;

/// Checks that the points are in their groups and not infinity, that gamma is the generator, that beta and delta are
/// equal in both groups, and that delta is the result of valid contributions.
pub(in super::super) fn check_head(key: &KeyHead, replay: &mut Replay) -> Result<(), Weakness> {
    check_head_after(key, 0, replay)
}

/// Like [`check_head`], of a key whose first `trusted` contributions were checked before.
pub(super) fn check_head_after(key: &KeyHead, trusted: usize, replay: &mut Replay) -> Result<(), Weakness> {
    let vk = &key.vk;
    for (name, point) in [("alpha", vk.alpha_g1), ("beta", key.beta_g1), ("delta", key.delta_g1)] {
        if point.is_zero() {
            return Err(Weakness::BadPoint(name));
        }
    }
    for (name, point) in [("beta in G2", vk.beta_g2), ("gamma", vk.gamma_g2), ("delta in G2", vk.delta_g2)] {
        if point.is_zero() || !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(Weakness::BadPoint(name));
        }
    }
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    if vk.gamma_g2 != g2 {
        return Err(Weakness::Gamma);
    }
    for (what, in_g1, in_g2) in [
        ("beta differs between G1 and G2", key.beta_g1, vk.beta_g2),
        ("delta differs between G1 and G2", key.delta_g1, vk.delta_g2),
    ] {
        if !same_ratio(g1, in_g1, g2, in_g2) {
            return Err(Weakness::Inconsistent(what));
        }
    }
    let delta = check_contributions(key, trusted, replay).map_err(Weakness::Contribution)?;
    if delta != key.delta_g1 {
        return Err(Weakness::Inconsistent("delta does not match the last contribution"));
    }
    Ok(())
}
