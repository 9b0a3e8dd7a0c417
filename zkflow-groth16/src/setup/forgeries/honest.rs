//! Honest keys: none is refused, and each has the right label.

use std::io::Cursor;

use super::super::{
    Beacon, Powers, RecordError, RecordKey, RecordedFiles, SetupRecord, StepOptions, Weakness, phase2, ptau,
};
use super::{POWER, circuit, name};
use crate::digest::Digest;
use crate::format::ptau::Ptau;
use crate::format::zkey::{ZKey, ZKeyFile};
use crate::provenance::Provenance;
use crate::rng::os_rng;

fn beacon() -> Beacon {
    Beacon::new(b"an announced value", 11).unwrap()
}

/// Prepared powers of tau with so many secret contributions.
fn powers(contributions: usize, with_beacon: bool) -> Vec<u8> {
    let options = StepOptions::default();
    let mut bytes = Vec::new();
    ptau::create(POWER, &mut bytes).unwrap();
    for i in 0..contributions {
        let mut out = Cursor::new(Vec::new());
        let mut file = Ptau::open(Cursor::new(&bytes)).unwrap();
        ptau::contribute(&mut file, &mut out, name(&format!("p{i}")), "", &mut os_rng(), options).unwrap();
        bytes = out.into_inner();
    }
    if with_beacon {
        let mut out = Cursor::new(Vec::new());
        ptau::beacon(&mut Ptau::open(Cursor::new(&bytes)).unwrap(), &mut out, None, &beacon(), options)
            .unwrap();
        bytes = out.into_inner();
    }
    let mut out = Cursor::new(Vec::new());
    ptau::prepare(&mut Ptau::open(Cursor::new(&bytes)).unwrap(), &mut out, &mut os_rng(), options).unwrap();
    out.into_inner()
}

fn open(powers: &[u8]) -> Powers {
    Powers::verify(Box::new(Cursor::new(powers.to_vec())), &mut os_rng(), StepOptions::default()).unwrap()
}

/// A key with so many secret contributions.
fn key(powers: &mut Powers, contributions: usize, with_beacon: bool) -> Vec<u8> {
    let options = StepOptions::default();
    let mut bytes = Vec::new();
    phase2::create(&circuit(), powers.file(), &mut bytes, options).unwrap();
    for i in 0..contributions {
        let mut out = Vec::new();
        let mut file = ZKeyFile::open(Cursor::new(&bytes)).unwrap();
        let contributor = name(&format!("k{i}"));
        phase2::contribute(&mut file, &mut out, contributor, "", &mut os_rng(), options).unwrap();
        bytes = out;
    }
    if with_beacon {
        let mut out = Vec::new();
        let mut file = ZKeyFile::open(Cursor::new(&bytes)).unwrap();
        phase2::beacon(&mut file, &mut out, None, &beacon(), options).unwrap();
        bytes = out;
    }
    bytes
}

fn expected(contributions: usize) -> Provenance {
    match contributions {
        1 => Provenance::SingleOperator,
        n => Provenance::Ceremony(n as u32),
    }
}

#[test]
fn no_honest_key_is_refused() {
    let mut honest = 0;
    for (first, with_beacon) in [(1, false), (1, true), (2, false), (3, true)] {
        let mut powers = open(&powers(first, with_beacon));
        assert_eq!(powers.verdict().provenance(), Some(expected(first)));
        for second in 1..=4 {
            for with_beacon in [false, true] {
                let bytes = key(&mut powers, second, with_beacon);
                let mut file = ZKeyFile::open(Cursor::new(&bytes)).unwrap();
                let claimed = super::gate::judge(file.head()).admit(false).unwrap();
                assert_eq!((claimed.provenance(), claimed.is_claimed()), (expected(second), true));
                let options = StepOptions::default();
                let verdict = powers.verify_key(&circuit(), &mut file, &mut os_rng(), options).unwrap();
                let label = verdict.admit(false).unwrap();
                assert_eq!((label.provenance(), label.is_claimed()), (expected(first.min(second)), false));
                honest += 1;
            }
        }
    }
    assert!(honest >= 30, "{honest}");
}

#[test]
fn a_record_speaks_for_its_key_and_only_with_its_seal() {
    let mut powers = open(&powers(2, false));
    let bytes = key(&mut powers, 3, false);
    let mut file = ZKeyFile::open(Cursor::new(&bytes)).unwrap();
    let verdict = powers.verify_key(&circuit(), &mut file, &mut os_rng(), StepOptions::default()).unwrap();
    let files = RecordedFiles { r1cs: None, zkey: Digest::of(&bytes) };
    let record = SetupRecord::new(&powers, file.head(), &verdict, files).unwrap();
    let (ours, theirs) = (RecordKey::new([1; 32]), RecordKey::new([2; 32]));
    let judged = |record: &SetupRecord, key: &RecordKey, zkey: &[u8]| {
        let parsed = SetupRecord::from_json(record.to_json().as_bytes()).unwrap();
        parsed.verdict(key, file.head(), &Digest::of(zkey))
    };
    let sealed = record.clone().sealed(&ours);
    let label = judged(&sealed, &ours, &bytes).unwrap().admit(false).unwrap();
    assert_eq!((label.provenance(), label.is_claimed()), (Provenance::Ceremony(2), false));

    assert_eq!(judged(&record, &ours, &bytes), Err(RecordError::NotSealed), "no seal");
    assert_eq!(judged(&sealed, &theirs, &bytes), Err(RecordError::NotSealed), "of another installation");
    assert_eq!(judged(&sealed, &ours, b"other"), Err(RecordError::OtherKey));
    for (from, to) in
        [(r#""ceremony": 2"#, r#""ceremony": 9"#), ("all-points", "published-hash"), ("k1", "k9")]
    {
        let altered = sealed.to_json().replacen(from, to, 1);
        assert_ne!(altered, sealed.to_json(), "{from}");
        let altered = SetupRecord::from_json(altered.as_bytes()).unwrap();
        assert_eq!(judged(&altered, &ours, &bytes), Err(RecordError::NotSealed), "{from}");
    }
    for text in ["", "{}", "null", "[1]"] {
        assert!(matches!(SetupRecord::from_json(text.as_bytes()), Err(RecordError::Malformed(_))), "{text}");
    }

    // A forgeable key has no record.
    let initial = key(&mut powers, 0, false);
    let mut file = ZKeyFile::open(Cursor::new(&initial)).unwrap();
    let verdict = powers.verify_key(&circuit(), &mut file, &mut os_rng(), StepOptions::default()).unwrap();
    assert!(verdict.is_forgeable());
    let files = RecordedFiles { r1cs: None, zkey: Digest::of(&initial) };
    assert!(SetupRecord::new(&powers, file.head(), &verdict, files).is_err());
}

#[test]
fn files_that_take_long_to_check_are_given_up() {
    let mut powers = open(&powers(2, false));
    let bytes = key(&mut powers, 2, false);
    let mut endless = ZKey::read(&bytes).unwrap();
    let beacon = Beacon::new(b"2^63 hashes", 63).unwrap();
    endless.head.contributions[1].kind = beacon.kind();
    // It is no secret, and is not computed.
    let claimed = super::gate::judge(&endless.head).admit(false).unwrap();
    assert_eq!(claimed.provenance(), Provenance::SingleOperator);
    let zkey = endless.write();
    let mut file = ZKeyFile::open(Cursor::new(&zkey)).unwrap();
    let refused = powers.verify_key(&circuit(), &mut file, &mut os_rng(), StepOptions::default());
    assert!(refused.unwrap_err().to_string().contains("2^63 hashes exceeds the limit"));

    let mut many = ZKey::read(&bytes).unwrap();
    let again = many.head.contributions[1].clone();
    many.head.contributions.resize(super::gate::MOST + 1, again);
    let verdict = super::gate::judge(&many.head);
    assert_eq!(
        verdict.weakness(),
        Some(&Weakness::TooMany { count: super::gate::MOST + 1, limit: super::gate::MOST })
    );
    assert!(verdict.to_string().starts_with("not judged"), "{verdict}");
}
