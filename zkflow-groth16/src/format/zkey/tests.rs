use ark_ec::AffineRepr;

use ark_bn254::Fr;

use super::*;
use crate::proof::VerifyingKey;

/// A key with a valid structure, but arbitrary values.
fn key() -> ZKey {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let head = KeyHead {
        n_vars: 4,
        n_public: 1,
        domain_size: 2,
        vk: VerifyingKey { alpha_g1: g1, beta_g2: g2, gamma_g2: g2, delta_g2: g2, ic: vec![g1; 2] },
        beta_g1: g1,
        delta_g1: g1,
        circuit_hash: [7; 64],
        contributions: Vec::new(),
    };
    ZKey {
        head,
        coefficients: vec![
            Coefficient { matrix: Matrix::A, constraint: 0, signal: 3, value: -Fr::from(5u64) },
            Coefficient { matrix: Matrix::B, constraint: 1, signal: 0, value: Fr::from(1u64) },
        ],
        a: vec![g1, G1Affine::identity(), g1, g1],
        b1: vec![G1Affine::identity(); 4],
        b2: vec![g2, g2, G2Affine::identity(), g2],
        c: vec![g1; 2],
        h: vec![g1; 2],
    }
}

fn contributions() -> Vec<Contribution> {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let secret = Contribution {
        delta_after: g1,
        g1_s: g1,
        g1_sx: g1,
        g2_spx: g2,
        transcript: [9; 64],
        kind: ContributionKind::Secret,
        name: None,
    };
    let hash = BeaconHash::new([1; 255]).unwrap();
    let named = Contribution { name: ContributionName::new("Zoë"), ..secret.clone() };
    let beacon = Contribution { kind: ContributionKind::Beacon { exponent: 10, hash }, ..named.clone() };
    vec![secret, named, beacon]
}

fn refusal(change: impl FnOnce(&mut ZKey)) -> String {
    let mut key = key();
    change(&mut key);
    ZKey::read(&key.write()).unwrap_err().detail
}

#[test]
fn a_key_comes_back_as_it_was_written() {
    assert_eq!(ZKey::read(&key().write()), Ok(key()));
    let mut contributed = key();
    contributed.head.contributions = contributions();
    assert_eq!(ZKey::read(&contributed.write()), Ok(contributed));
}

#[test]
fn the_length_of_a_file_is_known_beforehand() {
    assert_eq!(ZKey::file_len(4, 2, 2), key().write().len() as u64);
    assert_eq!(ZKey::file_len(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
}

#[test]
fn counts_must_fit_together() {
    assert!(refusal(|key| key.head.n_public = 4).contains("4 public signals"));
    assert!(refusal(|key| key.head.n_public = 2).contains("3 points: expected 192 bytes, found 128"));
    assert!(refusal(|key| key.head.n_vars = u32::MAX).contains("points: expected"));
    assert!(refusal(|key| key.h.truncate(1)).contains("2 points: expected 128 bytes, found 64"));
    for domain_size in [0, 3, 1 << 29] {
        assert!(
            refusal(|key| key.head.domain_size = domain_size).contains("expected a power of two"),
            "{domain_size}"
        );
    }
}

#[test]
fn matrix_entries_must_lie_within_the_key() {
    assert_eq!(refusal(|key| key.coefficients[1].signal = 4), "entry 1: wire 4 does not exist");
    assert_eq!(refusal(|key| key.coefficients[0].constraint = 2), "entry 0: row 2 is outside the domain");
}

#[test]
fn points_off_the_curve_are_refused() {
    let g1 = G1Affine::generator();
    let off = G1Affine::new_unchecked(g1.x, g1.x);
    assert_eq!(refusal(|key| key.c[1] = off), "point 1: not a point of the curve");
    assert_eq!(refusal(|key| key.head.vk.alpha_g1 = off), "not a point of the curve");
}

#[test]
fn parameters_of_a_contribution_belong_to_its_type() {
    let mut key = key();
    key.head.contributions = contributions()[..2].to_vec();
    let mut bytes = key.write();
    // The last parameter block: type, length, `01 04 "Zoë"`.
    let kind = bytes.len() - 14;
    bytes[kind] = 1;
    assert!(ZKey::read(&bytes).unwrap_err().detail.contains("belong to a beacon"));
    bytes[kind] = 2;
    assert!(ZKey::read(&bytes).unwrap_err().detail.contains("unknown contribution type 2"));
    bytes[kind] = 0;
    assert!(ZKey::read(&bytes).is_ok());
    let end = bytes.len() - 1;
    bytes[end] = 0xff;
    assert!(ZKey::read(&bytes).unwrap_err().detail.contains("not UTF-8"));
}

#[test]
fn names_and_beacons_that_do_not_fit_are_not_made() {
    assert!(ContributionName::new("x".repeat(256)).is_none());
    assert!(BeaconHash::new([0; 256]).is_none());
}
