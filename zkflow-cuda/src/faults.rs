//! Counts the faults of a device, and sets it aside when there are too many.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::error;
use zkflow_groth16::prove::Health;

/// Wrong proofs after which a device is set aside, and failures one after another.
const MOST: u64 = 3;

/// The faults of a device.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Proofs that did not verify, though the processor's did.
    wrong: AtomicU64,
    /// Failures since the last proof.
    failures: AtomicU64,
    set_aside: AtomicBool,
}

impl Faults {
    /// True if the device is not used any more.
    pub(crate) fn set_aside(&self) -> bool {
        self.set_aside.load(Ordering::Relaxed)
    }

    /// A proof of the device verified.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// The device made no proof.
    pub(crate) fn failed(&self) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MOST {
            self.give_up("the GPU failed several times one after another");
        }
    }

    /// The device made a wrong proof.
    pub(crate) fn wrong(&self) {
        let faults = self.wrong.fetch_add(1, Ordering::Relaxed) + 1;
        error!(faults, "the GPU made a wrong proof; the processor proved again");
        if faults >= MOST {
            self.give_up("the GPU made several wrong proofs");
        }
    }

    fn give_up(&self, reason: &str) {
        if !self.set_aside.swap(true, Ordering::Relaxed) {
            error!(reason, "the GPU is set aside; the processor makes all proofs until the next start");
        }
    }

    pub(crate) fn health(&self) -> Health {
        Health::new(self.wrong.load(Ordering::Relaxed), self.set_aside())
    }
}
