//! Readers are total: for thousands of damaged files they return a value or an error and never panic. Their
//! memory is at most a small multiple of the file's length.

#![cfg(feature = "prove")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zkflow_groth16::constraints::ConstraintCheck;
use zkflow_groth16::format::ptau::{Ptau, TAU_G1, TAU_G2};
use zkflow_groth16::format::r1cs::{R1cs, R1csFile};
use zkflow_groth16::format::sym::Sym;
use zkflow_groth16::format::zkey::{KeySection, ZKey, ZKeyFile};
use zkflow_groth16::format::{detect, json, wtns};
use zkflow_groth16::rng::os_rng;
use zkflow_groth16::setup::{StepOptions, ptau};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name))
    };
}

/// Number of mutations per format.
const ROUNDS: u64 = 10_000;
/// Bytes that a reader may use in addition to a multiple of its input: errors and fixed tables.
const CONSTANT: usize = 16 << 10;

#[test]
fn damaged_constraint_systems_never_panic() {
    mutate(data!("tiny.r1cs"), 16, |bytes| R1cs::read(bytes).map(|r1cs| drop(r1cs.write())).is_ok());
    mutate(data!("tiny.r1cs"), 16, |bytes| {
        let check =
            R1csFile::open(bytes).and_then(|mut file| ConstraintCheck::read(&mut file, &mut os_rng()));
        assert_eq!(check.is_ok(), R1cs::read(bytes).is_ok());
        check.is_ok_and(|check| check.memory_bytes() > 0)
    });
}

#[test]
fn damaged_witnesses_never_panic() {
    mutate(data!("tiny.wtns"), 8, |bytes| {
        wtns::read(bytes).map(|witness| drop(wtns::write(&witness))).is_ok()
    });
}

#[test]
fn damaged_keys_never_panic() {
    mutate(data!("tiny.zkey"), 8, |bytes| ZKey::read(bytes).map(|key| drop(key.write())).is_ok());
    mutate(data!("tiny.zkey"), 8, |bytes| {
        let Ok(mut key) = ZKeyFile::open(std::io::Cursor::new(bytes)) else { return false };
        let (wires, rows) = (KeySection::B2.count(key.head()), KeySection::H.count(key.head()));
        key.points(KeySection::B2, 0, wires).is_ok() && key.points(KeySection::H, 0, rows).is_ok()
    });
}

#[test]
fn damaged_powers_of_tau_never_panic() {
    let mut bytes = std::io::Cursor::new(Vec::new());
    ptau::create(2, &mut bytes).unwrap();
    let mut contributed = std::io::Cursor::new(Vec::new());
    let mut fresh = Ptau::open(bytes).unwrap();
    ptau::contribute(
        &mut fresh,
        &mut contributed,
        None,
        "",
        &mut StdRng::seed_from_u64(1),
        StepOptions::default(),
    )
    .unwrap();
    let mut prepared = std::io::Cursor::new(Vec::new());
    ptau::prepare(
        &mut Ptau::open(contributed).unwrap(),
        &mut prepared,
        &mut StdRng::seed_from_u64(2),
        StepOptions::default(),
    )
    .unwrap();
    mutate(prepared.get_ref(), 8, |bytes| {
        let Ok(mut powers) = Ptau::open(std::io::Cursor::new(bytes)) else { return false };
        let power = powers.power();
        powers.points(TAU_G1, 0, TAU_G1.count(power)).is_ok()
            && powers.points(TAU_G2, 0, TAU_G2.count(power)).is_ok()
    });
}

#[test]
fn damaged_names_never_panic() {
    mutate(data!("tiny.sym"), 64, |bytes| Sym::read(bytes).map(|sym| drop(sym.write())).is_ok());
}

#[test]
fn damaged_proofs_never_panic() {
    mutate(data!("tiny.proof.json"), 128, |bytes| json::read_proof(bytes).is_ok());
}

#[test]
fn damaged_public_signals_never_panic() {
    mutate(data!("tiny.public.json"), 128, |bytes| json::read_public(bytes).is_ok());
}

#[test]
fn damaged_verification_keys_never_panic() {
    mutate(data!("tiny.vkey.json"), 128, |bytes| json::read_vkey(bytes).is_ok());
}

/// Reads `ROUNDS` damaged copies of `base`. The seed is fixed, so failures are reproducible.
fn mutate(base: &[u8], multiple: usize, reads: impl Fn(&[u8]) -> bool) {
    assert!(reads(base), "the undamaged file must be readable");
    let mut rng = StdRng::seed_from_u64(0x5eed);
    let mut refused = 0;
    for round in 0..ROUNDS {
        let bytes = damaged(base, &mut rng);
        let peak = peak_of(|| {
            detect(&bytes);
            refused += u64::from(!reads(&bytes));
        });
        let allowed = bytes.len() * multiple + CONSTANT;
        assert!(peak <= allowed, "round {round}: {peak} bytes for a file of {} bytes", bytes.len());
    }
    assert!(refused > ROUNDS / 10, "only {refused} damaged files were refused");
}

/// A copy with one to four damages.
fn damaged(base: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..rng.gen_range(1..=4) {
        let at = rng.gen_range(0..=bytes.len().saturating_sub(1));
        let length = rng.gen_range(0..=64.min(bytes.len() - at));
        match rng.gen_range(0..6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << rng.gen_range(0..8),
            1 if !bytes.is_empty() => bytes[at] = rng.r#gen(),
            // Counts and lengths: small, huge, and at the limits of integers.
            2 if bytes.len() - at >= 4 => {
                let word = [0, 1, 0x7fff_ffff, u32::MAX, rng.r#gen()][rng.gen_range(0..5)];
                bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(word));
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            _ => {
                let copy = bytes[at..at + length].to_vec();
                let to = rng.gen_range(0..=bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
    bytes
}

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// An allocator that counts the bytes of the current thread. Readers do not use other threads for small
/// files.
struct Counting;

fn count(change: isize) {
    // While a thread ends, its counters no longer exist; they are not needed then.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + change);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call is passed unchanged to the system allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the contract of `dealloc`, and all blocks come from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Peak number of allocated bytes during `work`.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    (PEAK.get() - before).unsigned_abs()
}

#[test]
fn the_allocator_sees_what_is_held() {
    assert!(peak_of(|| drop(std::hint::black_box(vec![0u8; 1 << 20]))) >= 1 << 20);
}
