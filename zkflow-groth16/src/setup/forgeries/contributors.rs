//! Files that would make a contributor publish a part of the secret are refused before a secret is drawn.

use std::io::Cursor;

use ark_bn254::G2Affine;
use ark_ec::CurveGroup;

use super::super::{StepOptions, phase2, ptau};
use super::{contributed, initial, keys, powers, powers_with, random};
use crate::format::encoding::FilePoint;
use crate::format::ptau::{Ptau, TAU_G2};
use crate::format::zkey::{ZKey, ZKeyFile};

/// A generator that must not be used.
struct Unused;

impl rand::CryptoRng for Unused {}

impl rand::RngCore for Unused {
    fn next_u32(&mut self) -> u32 {
        panic!("a secret is drawn")
    }

    fn next_u64(&mut self) -> u64 {
        panic!("a secret is drawn")
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        panic!("a secret is drawn")
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), rand::Error> {
        panic!("a secret is drawn")
    }
}

/// The point, moved out of the group of order r.
fn moved(point: G2Affine) -> G2Affine {
    (point + keys::outside()).into_affine()
}

fn contribute(zkey: &[u8]) -> Result<(), String> {
    let mut file = ZKeyFile::open(Cursor::new(zkey)).unwrap();
    let done = phase2::contribute(&mut file, Vec::new(), None, "", &mut Unused, StepOptions::default());
    done.map(drop).map_err(|error| error.to_string())
}

fn contribute_powers(bytes: &[u8]) -> Result<(), String> {
    let mut file = Ptau::open(Cursor::new(bytes)).unwrap();
    let out = Cursor::new(Vec::new());
    let done = ptau::contribute(&mut file, out, None, "", &mut Unused, StepOptions::default());
    done.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_key_with_a_point_outside_the_group_gets_no_contribution() {
    let ptau = powers_with([random(), random(), random()]);
    let honest = initial(&ptau);
    let mut second = ZKey::read(&honest.write()).unwrap();
    contributed(&mut second, &[random()]);
    for key in [honest, second] {
        let changed = |change: &dyn Fn(&mut ZKey)| {
            let mut key = ZKey::read(&key.write()).unwrap();
            change(&mut key);
            key.write()
        };
        for (what, zkey) in [
            ("delta", changed(&|key| key.head.vk.delta_g2 = moved(key.head.vk.delta_g2))),
            ("beta", changed(&|key| key.head.vk.beta_g2 = moved(key.head.vk.beta_g2))),
            ("gamma", changed(&|key| key.head.vk.gamma_g2 = moved(key.head.vk.gamma_g2))),
        ] {
            let error = contribute(&zkey).expect_err(what);
            assert!(error.contains(what), "{error}");
        }
    }
}

#[test]
fn invalid_contributions_get_no_further_one() {
    for forgery in keys::all() {
        let contributions = ZKeyFile::open(Cursor::new(&forgery.zkey)).unwrap().head().contributions.len();
        let reordered = ["contributions reordered", "transcript is zero", "delta in G1 of another key"];
        if reordered.contains(&forgery.name) {
            assert!(contributions > 0 && contribute(&forgery.zkey).is_err(), "{}", forgery.name);
        }
    }
}

#[test]
fn powers_of_tau_with_a_point_outside_the_group_get_no_contribution() {
    let honest = powers_with([random(), random(), random()]);
    let points = Ptau::open(Cursor::new(&honest)).unwrap().points(TAU_G2, 0, 6).unwrap();
    // The last contribution names the first powers only.
    for place in [0, 1, 3, 5] {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        points[place].put(&mut from);
        moved(points[place]).put(&mut to);
        let mut bytes = honest.clone();
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(&to);
        contribute_powers(&bytes).expect_err("a point outside the group");
    }
    for (name, bytes) in powers::all() {
        if ["ptau reordered contributions", "ptau invented contribution"].contains(&name) {
            contribute_powers(&bytes).expect_err(name);
        }
    }
}
