//! Keys in the memory of a device, within a budget: the least recently used ones make room for new ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::device::DeviceError;
use crate::key::{DeviceKey, UploadError};

/// The keys on one device.
#[derive(Debug)]
pub(crate) struct Residence {
    /// Bytes for all keys and their proofs.
    room: usize,
    keys: Mutex<Vec<Weak<Resident>>>,
    clock: Arc<AtomicU64>,
}

/// A key on the device, until another one takes its room.
#[derive(Debug)]
pub(crate) struct Resident {
    key: Mutex<Option<Arc<DeviceKey>>>,
    /// Time of the last use.
    used: AtomicU64,
    /// Time on this device: the number of uses.
    clock: Arc<AtomicU64>,
}

impl Residence {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, keys: Mutex::default(), clock: Arc::default() }
    }

    /// Puts a key on the device. `upload` gets the bytes that the key may take; it is called again after another key
    /// was removed if the memory is full.
    pub(crate) fn settle(
        &self,
        upload: impl Fn(usize) -> Result<DeviceKey, UploadError>,
    ) -> Result<Arc<Resident>, UploadError> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|key| key.strong_count() > 0);
        let uploaded = loop {
            // Two keys fit side by side, each with the memory for its proofs.
            match upload(self.room / 2) {
                Err(UploadError::Device(DeviceError::Memory { .. })) if remove_oldest(&keys) => (),
                uploaded => break uploaded?,
            }
        };
        while uploaded.bytes() + bytes(&keys) > self.room && remove_oldest(&keys) {}
        let resident = Arc::new(Resident {
            key: Mutex::new(Some(Arc::new(uploaded))),
            used: AtomicU64::default(),
            clock: Arc::clone(&self.clock),
        });
        resident.touch();
        keys.push(Arc::downgrade(&resident));
        Ok(resident)
    }
}

impl Resident {
    /// The key, if it is still on the device. It stays there at least while the result is in use.
    pub(crate) fn get(&self) -> Option<Arc<DeviceKey>> {
        self.touch();
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn touch(&self) {
        self.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |key| key.bytes())
    }
}

fn bytes(keys: &[Weak<Resident>]) -> usize {
    keys.iter().filter_map(Weak::upgrade).map(|key| key.bytes()).sum()
}

/// Removes the least recently used key. False if there is none.
fn remove_oldest(keys: &[Weak<Resident>]) -> bool {
    let present = keys.iter().filter_map(Weak::upgrade).filter(|key| key.bytes() > 0);
    let Some(oldest) = present.min_by_key(|key| key.used.load(Ordering::Relaxed)) else { return false };
    oldest.key.lock().unwrap_or_else(PoisonError::into_inner).take();
    true
}
