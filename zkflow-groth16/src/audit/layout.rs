//! The roles of points in a contract.

use ark_bn254::G1Affine;

use super::constants::Found;
use crate::proof::VerifyingKey;

/// The verification key in the points of a contract, in the order of its code; `None` if they do not have the form of one.
///
/// | contract | order |
/// |---|---|
/// | snarkjs, this crate | alpha, beta, gamma, delta; IC before or behind |
/// | gnark | -delta, alpha, -beta, -gamma; IC before or behind; the same again |
///
/// `left` is the number of further numbers. Without any, a missing gamma or delta is a copy of the other one: compilers
/// write equal numbers once.
pub(super) fn key(found: &[Found], left: usize, is_gnark: bool) -> Option<VerifyingKey> {
    let place = place_of_alpha(found, is_gnark)?;
    let at = |place: usize| match found.get(place) {
        Some(Found::G2(point)) => Some(*point),
        _ => None,
    };
    let (Found::G1(alpha), beta) = (found[place], at(place + 1)?) else { return None };
    let gamma = at(place + 2);
    let delta = match is_gnark {
        true => place.checked_sub(1).and_then(at),
        false => gamma.and_then(|_| at(place + 3)),
    };
    let (gamma, delta) = match (gamma, delta) {
        (Some(gamma), Some(delta)) => (gamma, delta),
        (Some(one), None) | (None, Some(one)) if left == 0 => (one, one),
        _ => return None,
    };
    let others = found.iter().enumerate().filter(|(index, _)| *index != place);
    let mut ic: Vec<G1Affine> = others
        .filter_map(|(_, point)| match point {
            Found::G1(point) => Some(*point),
            Found::G2(_) => None,
        })
        .collect();
    if is_gnark {
        // Each number occurs in both functions of the contract.
        let mut seen = vec![alpha];
        ic.retain(|point| {
            !seen.contains(point) && {
                seen.push(*point);
                true
            }
        });
    }
    let key = VerifyingKey { alpha_g1: alpha, beta_g2: beta, gamma_g2: gamma, delta_g2: delta, ic };
    (!key.ic.is_empty()).then(|| if is_gnark { opposite(key) } else { key })
}

/// The key of a contract that contains the opposites of beta, gamma and delta.
pub(super) fn opposite(key: VerifyingKey) -> VerifyingKey {
    VerifyingKey { beta_g2: -key.beta_g2, gamma_g2: -key.gamma_g2, delta_g2: -key.delta_g2, ..key }
}

/// Index of the point of G1 before beta.
fn place_of_alpha(found: &[Found], is_gnark: bool) -> Option<usize> {
    let is_g2 = |place: usize| matches!(found.get(place), Some(Found::G2(_)));
    let mut places =
        (0..found.len()).filter(|place| matches!(found[*place], Found::G1(_)) && is_g2(*place + 1));
    match is_gnark {
        true => places.find(|place| place.checked_sub(1).is_some_and(is_g2)),
        false => places.next(),
    }
}
