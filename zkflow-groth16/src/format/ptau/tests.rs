use std::io::Cursor as Bytes;

use ark_ec::AffineRepr;

use super::*;

/// Powers with the structure of a contributed file, but arbitrary values.
fn file() -> Vec<u8> {
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let parameter = ParameterKey { g1_s: g1, g1_sx: g1, g2_spx: g2 };
    let contribution = PtauContribution {
        tau_g1: g1,
        tau_g2: g2,
        alpha_g1: g1,
        beta_g1: g1,
        beta_g2: g2,
        key: PublicKey { tau: parameter, alpha: parameter, beta: parameter },
        response_state: [3; HASH_STATE_LEN],
        next_challenge: [4; 64],
        kind: ContributionKind::Beacon { exponent: 10, hash: BeaconHash::new([9; 32]).unwrap() },
        name: ContributionName::new("Zoë"),
    };
    let mut writer = PtauWriter::new(Vec::new(), 1, 3, false).unwrap();
    writer.begin(TAU_G1).unwrap();
    writer.points(&[g1; 3]).unwrap();
    writer.begin(TAU_G2).unwrap();
    writer.points(&[g2; 2]).unwrap();
    writer.begin(ALPHA_TAU_G1).unwrap();
    writer.points(&[g1; 2]).unwrap();
    writer.begin(BETA_TAU_G1).unwrap();
    writer.points(&[g1, G1Affine::zero()]).unwrap();
    writer.begin(BETA_G2).unwrap();
    writer.points(&[g2]).unwrap();
    writer.contributions(&[contribution]).unwrap();
    writer.finish().unwrap()
}

fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = file();
    change(&mut bytes);
    Ptau::open(Bytes::new(bytes)).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read() {
    let mut ptau = Ptau::open(Bytes::new(file())).unwrap();
    assert_eq!((ptau.power(), ptau.ceremony_power(), ptau.is_prepared()), (1, 3, false));
    assert_eq!(ptau.contributions()[0].name, ContributionName::new("Zoë"));
    let beta = ptau.points(BETA_TAU_G1, 0, 2).unwrap();
    assert_eq!(beta, [G1Affine::generator(), G1Affine::zero()]);
    assert_eq!(ptau.points(BETA_TAU_G1, 1, 1).unwrap(), [G1Affine::zero()]);
}

#[test]
fn points_beyond_a_section_are_not_read() {
    let mut ptau = Ptau::open(Bytes::new(file())).unwrap();
    for (first, count) in [(0, 4), (3, 1), (u64::MAX, 1), (1, u64::MAX)] {
        assert!(ptau.points(TAU_G1, first, count).unwrap_err().to_string().contains("has 3 points"));
    }
    assert!(ptau.points(LAGRANGE_TAU_G1, 0, 1).unwrap_err().to_string().contains("section 12 is missing"));
}

#[test]
fn powers_and_lengths_must_fit_together() {
    // The header's body begins at byte 24; the power is at byte 60.
    assert!(refusal(|bytes| bytes[60] = 0).contains("power 0"));
    assert!(refusal(|bytes| bytes[60] = 29).contains("power 29"));
    assert!(refusal(|bytes| bytes[64] = 0).contains("power 1 of a ceremony of 0"));
    assert!(refusal(|bytes| bytes[60] = 2).contains("section 2: expected 448 bytes, found 192"));
    assert!(refusal(|bytes| bytes[68] = 3).contains("occurs twice"));
    assert!(refusal(|bytes| bytes[68] = 12).contains("section 2 is missing"));
    assert!(refusal(|bytes| bytes[0] = b'q').contains("does not begin with \"ptau\" (at byte 0)"));
    let found = refusal(|bytes| bytes[..4].copy_from_slice(b"wtns"));
    assert!(found.contains("does not begin with \"ptau\": it begins with \"wtns\""), "{found}");
    assert!(refusal(|bytes| bytes.push(0)).contains("1 bytes too many"));
    assert!(refusal(|bytes| bytes.truncate(700)).contains("bytes, found"));
}

#[test]
fn points_off_the_curve_are_refused_where_they_stand() {
    let mut bytes = file();
    bytes[80 + 64] ^= 1;
    let error = Ptau::open(Bytes::new(bytes)).unwrap().points(TAU_G1, 0, 3).unwrap_err();
    assert_eq!(error.to_string(), "ptau: point 1: not a point of the curve (at byte 144)");
}
