//! Forged phase 1.

use std::io::Cursor;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup as _, FftField as _, Field, One};

use super::super::{Beacon, StepOptions, development_name, ptau};
use super::{POWER, number, powers_with, random};
use crate::format::ptau::{Ptau, PtauContribution, PtauWriter};
use crate::rng::os_rng;

/// Cases whose contributions are honest, and whose points are not: only the full verification finds them.
pub(super) const POINTS: [&str; 2] = ["ptau points of other powers", "ptau point replaced"];

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut cases = Vec::new();
    let [a, b] = [random(), random()];
    let one = Fr::one();
    for (name, secrets) in [
        ("ptau tau is 1", [one, a, b]),
        ("ptau tau is 2", [number(2), a, b]),
        ("ptau tau is minus 1", [-one, a, b]),
        ("ptau tau is small", [number(54_321), a, b]),
        ("ptau tau is a power of 2", [number(2).pow([130]), a, b]),
        ("ptau tau is a third", [number(3).inverse().unwrap(), a, b]),
        ("ptau alpha is 1", [a, one, b]),
        ("ptau alpha is 10", [a, number(10), b]),
        ("ptau alpha is a half", [a, number(2).inverse().unwrap(), b]),
        ("ptau beta is 1", [a, b, one]),
        ("ptau beta is a power of 5", [a, b, number(5).pow([77])]),
        ("ptau beta is minus 7", [a, b, -number(7)]),
        ("ptau alpha is beta", [a, b, b]),
        ("ptau alpha is minus beta", [a, b, -b]),
        ("ptau alpha is tau", [a, a, b]),
        ("ptau beta is twice tau", [a, b, a.double()]),
        ("ptau alpha is tau squared", [a, a.square(), b]),
        ("ptau alpha is tau times beta", [a, a * b, b]),
        ("ptau alpha is beta over tau", [a, b * a.inverse().unwrap(), b]),
        ("ptau alpha and beta are powers of tau", [a, a.pow([8]), a.pow([5])]),
        ("ptau beta is 3 over tau squared", [a, b, number(3) * a.square().inverse().unwrap()]),
        ("ptau alpha is beta times tau cubed", [a, b * a.pow([3]), b]),
        ("ptau beta is twice alpha over tau to the 9", [a, b, b.double() * a.inverse().unwrap().pow([9])]),
        ("ptau tau has a small order", [Fr::get_root_of_unity(16).unwrap(), a, b]),
        ("ptau tau is 6 to the 80", [number(6).pow([80]), a, b]),
    ] {
        cases.push((name, powers_with(secrets)));
    }
    cases.push(("ptau all are 1", all_are_1()));
    let honest = powers_with([random(), a, b]);
    cases.push(("ptau without a contribution", prepared(&new())));
    cases.push(("ptau of a beacon", of_a_beacon()));
    cases.push(("ptau of two beacons", prepared(&beacon(&beacon(&new(), 1), 2))));
    cases.push(("ptau invented contribution", changed(&honest, |all| all[0].key.tau.g2_spx = all[0].tau_g2)));
    cases.push(("ptau duplicated contribution", changed(&honest, |all| all.push(all[0].clone()))));
    cases.push(("ptau truncated contributions", changed(&contributed(), |all| drop(all.pop()))));
    cases.push(("ptau reordered contributions", changed(&contributed(), |all| all.swap(0, 1))));
    cases.push((
        "ptau contributions of another ceremony",
        changed(&honest, |all| *all = contributions(&powers_with([random(), random(), random()]))),
    ));
    cases.push((
        "ptau beacon as the first contribution only",
        changed(&contributed(), |all| all[0].kind = Beacon::new(&[9], 10).unwrap().kind()),
    ));
    let mut replaced = honest.clone();
    let end = replaced.len();
    replaced.copy_within(end - 128..end - 64, end - 64);
    cases.push(("ptau point replaced", replaced));
    cases
}

/// Powers of tau whose secrets are 1.
pub(super) fn all_are_1() -> Vec<u8> {
    powers_with([Fr::one(); 3])
}

/// Powers of tau with a beacon as the only contribution.
pub(super) fn of_a_beacon() -> Vec<u8> {
    prepared(&beacon(&new(), 1))
}

/// Powers of tau in which only contributions with the development name are secret.
pub(super) fn for_development() -> Vec<u8> {
    ptau::with_secrets(POWER, [random(), random(), random()], Some(development_name()))
}

fn new() -> Vec<u8> {
    let mut out = Vec::new();
    ptau::create(POWER, &mut out).unwrap();
    out
}

fn contributed() -> Vec<u8> {
    let mut bytes = new();
    for text in ["a", "b"] {
        let mut out = Cursor::new(Vec::new());
        let mut file = Ptau::open(Cursor::new(&bytes)).unwrap();
        ptau::contribute(&mut file, &mut out, None, text, &mut os_rng(), StepOptions::default()).unwrap();
        bytes = out.into_inner();
    }
    prepared(&bytes)
}

fn beacon(before: &[u8], value: u8) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let beacon = Beacon::new(&[value], 10).unwrap();
    let mut file = Ptau::open(Cursor::new(before)).unwrap();
    ptau::beacon(&mut file, &mut out, None, &beacon, StepOptions::default()).unwrap();
    out.into_inner()
}

fn prepared(before: &[u8]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut file = Ptau::open(Cursor::new(before)).unwrap();
    ptau::prepare(&mut file, &mut out, &mut os_rng(), StepOptions::default()).unwrap();
    out.into_inner()
}

fn contributions(bytes: &[u8]) -> Vec<PtauContribution> {
    Ptau::open(Cursor::new(bytes)).unwrap().contributions().to_vec()
}

/// The file with changed contributions; the Lagrange forms are computed again.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Vec<PtauContribution>)) -> Vec<u8> {
    let mut all = contributions(bytes);
    change(&mut all);
    let mut out = Cursor::new(Vec::new());
    let mut writer = PtauWriter::new(&mut out, POWER, POWER, false).unwrap();
    let mut file = Ptau::open(Cursor::new(bytes)).unwrap();
    ptau::copy_points(&mut file, &mut writer).unwrap();
    writer.contributions(&all).unwrap();
    writer.finish().unwrap();
    prepared(&out.into_inner())
}
