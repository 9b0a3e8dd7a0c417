use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::*;
use crate::vault::KeyError;

const TEXT: &str = r#"{"privateInputs":{"age":"31415926535897932384"},"publicInputs":{}}"#;

fn bound(header: &Header) -> Vec<u8> {
    [header.as_slice(), b"a document"].concat()
}

#[test]
fn the_documented_vectors_open() {
    let text = include_str!("../../../../docs/sealed-inputs.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let vectors = document["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 3);
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    for vector in vectors {
        let private: [u8; 32] = bytes(&vector["privateKey"]).try_into().unwrap();
        let sealing = Sealing::with_ring(SealingRing::of_seed(&private));
        assert_eq!(sealing.current().to_string(), vector["key"]["publicKey"]);
        assert_eq!(hex::encode(sealing.current().id()), vector["key"]["keyId"]);
        assert_eq!(
            (vector["key"]["suite"].as_str(), &vector["key"]["format"]),
            (Some(SUITE), &BY_CLIENT.into())
        );
        let blob = BASE64_STANDARD.decode(vector["sealedInputs"].as_str().unwrap()).unwrap();
        assert_eq!(client_header(&blob), Some(sealing.current().id()));
        let associated = bytes(&vector["associatedData"]);
        let opened = sealing.open(&blob, |header| {
            assert_eq!(header, associated.first_chunk().unwrap());
            associated.clone()
        });
        assert_eq!(opened.unwrap(), vector["plaintext"]);
    }
}

#[test]
fn a_text_opens_with_its_private_key_and_data_only() {
    let sealing = Sealing::with_ring(SealingRing::generate());
    let blob = sealing.seal(TEXT, bound);
    assert_ne!(blob, sealing.seal(TEXT, bound), "two seals are equal");
    assert_eq!(sealing.open(&blob, bound).unwrap(), TEXT);
    assert_eq!(sealing.open(&blob, |header| header.to_vec()), Err(OpenError::Altered));
    for other in [
        Sealing::with_ring(SealingRing::generate()),
        Sealing::public_only(vec![sealing.current().clone()]).unwrap(),
    ] {
        assert_eq!(other.open(&blob, bound), Err(OpenError::OtherKey));
    }
    for position in 0..blob.len() {
        let mut bad = blob.to_vec();
        bad[position] ^= 0x40;
        assert!(sealing.open(&bad, bound).is_err(), "byte {position}");
    }
    for length in 0..blob.len() {
        assert!(sealing.open(&blob[..length], bound).is_err(), "{length} bytes");
    }
    assert!(client_header(&blob).is_none(), "a server's text passes for a client's");
}

#[test]
fn a_process_with_public_keys_seals_for_the_ring_of_another() {
    let mut ring = SealingRing::generate();
    let before = ring.public_keys().next().unwrap();
    let old = Sealing::public_only(vec![before.clone()]).unwrap().seal(TEXT, bound);
    ring.rotate();
    let public: Vec<_> = ring.public_keys().collect();
    assert_eq!((public.len(), &public[1]), (2, &before));
    let api = Sealing::public_only(public).unwrap();
    assert!(api.accepts(&before.id()) && api.current() != &before && !api.opens(&api.current().id()));
    let new = api.seal(TEXT, bound);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    ring.create(&path).unwrap();
    assert!(matches!(ring.create(&path), Err(KeyError::File { .. })), "a ring is overwritten");
    let worker = Sealing::with_ring(SealingRing::load(&path).unwrap());
    for blob in [&old, &new] {
        assert_eq!(worker.open(blob, bound).unwrap(), TEXT);
    }
    SealingRing::change(&path, SealingRing::prune).unwrap();
    let worker = Sealing::with_ring(SealingRing::load(&path).unwrap());
    assert_eq!(worker.open(&new, bound).unwrap(), TEXT);
    assert_eq!(worker.open(&old, bound), Err(OpenError::OtherKey));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn rotations_of_a_file_at_the_same_time_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    SealingRing::generate().create(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(SealingRing::change(&path, SealingRing::rotate).unwrap()));
        }
    });
    assert_eq!(SealingRing::load(&path).unwrap().public_keys().count(), 9);
}

#[test]
fn a_file_of_keys_is_private_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    for text in ["", "\n\n", "x", &key[1..], &format!("{key}\n{key}0"), &"0".repeat(64)] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = SealingRing::load(&path).unwrap_err();
        assert!(matches!(error, KeyError::Malformed | KeyError::Weak), "{text:?}: {error}");
    }
    fs::write(&path, format!("{key}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SealingRing::load(&path), Err(KeyError::Permissions { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = format!("{:?}", SealingRing::load(&path).unwrap());
    assert!(!shown.contains(&key[2..20]), "{shown}");
}

#[test]
fn points_of_small_order_are_no_public_keys() {
    let zero = "0".repeat(64);
    let one = format!("01{}", "0".repeat(62));
    let eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    for text in [&zero, &one, eight, "", "00", &format!("{zero}00"), &"z".repeat(64)] {
        assert!(text.parse::<PublicSealingKey>().is_err(), "{text}");
    }
    let key = SealingRing::generate().public_keys().next().unwrap();
    assert_eq!(key.to_string().parse(), Ok(key));
}
