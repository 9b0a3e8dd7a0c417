//! The history of proofs and the processes that run jobs, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use zkflow_core::service::catalog::{
    CatalogError, FORGOTTEN, History, MOST_WORKERS, SeenWorker, Slot, Tally, WorkerProcess, Workers,
    kept_beside,
};
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};
use zkflow_core::service::id::WorkerId;

use super::lock;

/// A process with its first and its last announcement.
type Announced = (WorkerProcess, Timestamp, Timestamp);

#[derive(Debug, Default)]
pub(super) struct Watch {
    slots: Mutex<BTreeMap<Slot, Tally>>,
    workers: Mutex<BTreeMap<WorkerId, Announced>>,
}

#[async_trait]
impl History for Watch {
    async fn add(&self, more: &[(Slot, Tally)]) -> Result<(), CatalogError> {
        let mut slots = lock(&self.slots);
        for (slot, tally) in more {
            slots.entry(*slot).or_default().add(tally);
        }
        for oldest in kept_beside(more) {
            slots.retain(|slot, _| slot.length != oldest.length || *slot >= oldest);
        }
        Ok(())
    }

    async fn since(&self, first: Slot) -> Result<Vec<(Slot, Tally)>, CatalogError> {
        let slots = lock(&self.slots);
        let later = slots.range(first..).filter(|(slot, _)| slot.length == first.length);
        Ok(later.take(first.length.kept() as usize).map(|(slot, tally)| (*slot, tally.clone())).collect())
    }
}

#[async_trait]
impl Workers for Watch {
    async fn announce(&self, process: &WorkerProcess) -> Result<(), CatalogError> {
        let (mut workers, now) = (lock(&self.workers), SystemClock.now());
        let known = workers.entry(process.id.clone()).or_insert_with(|| (process.clone(), now, now));
        (known.0, known.2) = (process.clone(), now);
        workers.retain(|_, (_, _, last)| now.since(*last) <= FORGOTTEN);
        let mut places: Vec<_> = workers.iter().map(|(id, (_, _, last))| (*last, id.clone())).collect();
        places.sort_unstable_by(|a, b| Reverse(a).cmp(&Reverse(b)));
        for (_, id) in places.into_iter().skip(MOST_WORKERS) {
            workers.remove(&id);
        }
        Ok(())
    }

    async fn withdraw(&self, id: &WorkerId) -> Result<(), CatalogError> {
        lock(&self.workers).remove(id);
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<SeenWorker>, CatalogError> {
        let now = SystemClock.now();
        let seen = |(process, first, last): &Announced| SeenWorker {
            process: process.clone(),
            first: *first,
            last: *last,
            silent: now.since(*last),
        };
        Ok(lock(&self.workers).values().map(seen).collect())
    }
}
