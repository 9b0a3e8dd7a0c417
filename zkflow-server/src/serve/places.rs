//! Places of open connections. If none is free, a new connection gets the place of the one that has been idle for longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::state::network;

/// Places for at most `most` connections, of which one address holds at most `most_per_address`. A network of IPv6 (/64)
/// counts as one address.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_per_address: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the next event; orders them.
    next: u64,
    seats: HashMap<u64, Seat>,
    counts: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Seat {
    network: IpAddr,
    /// Event since which no request is in flight; `None` while one is.
    idle: Option<u64>,
    leave: CancellationToken,
}

/// Why there is no place for a connection.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// The address has its share, and a request is in flight on each of its connections.
    Share,
    /// A request is in flight on every connection.
    All,
}

impl Places {
    pub(super) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_address, state: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection of `address`. Waits while there is none; `None` if the address has its share.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            let freed = self.freed.notified();
            match self.try_take(network(address)) {
                Ok(place) => return Some(place),
                Err(Taken::Share) => return None,
                Err(Taken::All) => freed.await,
            }
        }
    }

    fn try_take(self: &Arc<Self>, network: IpAddr) -> Result<Place, Taken> {
        let mut state = self.lock();
        if state.counts.get(&network).is_some_and(|count| *count >= self.most_per_address) {
            state.dismiss(|seat| seat.network == network).ok_or(Taken::Share)?;
        }
        if state.seats.len() >= self.most {
            state.dismiss(|_| true).ok_or(Taken::All)?;
        }
        let (number, leave) = (state.event(), CancellationToken::new());
        *state.counts.entry(network).or_default() += 1;
        state.seats.insert(number, Seat { network, idle: Some(number), leave: leave.clone() });
        Ok(Place { places: Arc::clone(self), number, leave, used: AtomicBool::new(false) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn event(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes the place of the connection that has been idle for longest among those that `may_leave`; `None` if there is
    /// none.
    fn dismiss(&mut self, may_leave: impl Fn(&Seat) -> bool) -> Option<()> {
        let idle = self.seats.iter().filter(|(_, seat)| may_leave(seat));
        let (_, number) = idle.filter_map(|(number, seat)| Some((seat.idle?, *number))).min()?;
        self.remove(number).map(|seat| seat.leave.cancel())
    }

    fn remove(&mut self, number: u64) -> Option<Seat> {
        let seat = self.seats.remove(&number)?;
        if let Some(count) = self.counts.get_mut(&seat.network) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&seat.network);
            }
        }
        Some(seat)
    }
}

/// The place of one connection, until it is dropped or given to another one.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    leave: CancellationToken,
    used: AtomicBool,
}

impl Place {
    /// A request is in flight until the result is dropped: the place stays.
    pub(super) fn in_flight(self: &Arc<Self>) -> InFlight {
        self.used.store(true, Ordering::Relaxed);
        if let Some(seat) = self.places.lock().seats.get_mut(&self.number) {
            seat.idle = None;
        }
        InFlight(Arc::clone(self))
    }

    /// Returns when another connection has got the place.
    pub(super) async fn given_away(&self) {
        self.leave.cancelled().await;
    }

    /// Whether a request has come over the connection.
    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
        self.places.freed.notify_one();
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Place>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.places.lock();
        let now = state.event();
        if let Some(seat) = state.seats.get_mut(&self.0.number) {
            seat.idle = Some(now);
        }
        drop(state);
        self.0.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_connection_that_was_idle_for_longest_leaves_for_a_new_one() {
        let places = Places::new(3, 2);
        let take = |last| places.try_take(ip(last)).map(Arc::new);
        let (first, second, third) = (take(1).unwrap(), take(1).unwrap(), take(2).unwrap());
        let request = first.in_flight();
        // The address has its share: the idle one of its two leaves.
        let fourth = take(1).unwrap();
        assert!(second.leave.is_cancelled() && !first.leave.is_cancelled() && !third.leave.is_cancelled());
        // All places are taken: the one that has been idle for longest leaves.
        let fifth = take(3).unwrap();
        assert!(third.leave.is_cancelled() && !fourth.leave.is_cancelled());
        // No connection with a request leaves.
        let busy = [fourth.in_flight(), fifth.in_flight()];
        assert_eq!(take(1).unwrap_err(), Taken::Share);
        assert_eq!(take(3).unwrap_err(), Taken::All);
        drop(request);
        assert!(take(1).is_ok() && first.leave.is_cancelled());
        drop((second, third, busy, fourth, fifth, first));
        let state = places.lock();
        assert!(state.seats.is_empty() && state.counts.is_empty());
    }

    #[tokio::test]
    async fn a_connection_waits_while_every_other_one_has_a_request() {
        let places = Places::new(1, 1);
        let first = Arc::new(places.take(ip(1)).await.unwrap());
        let request = first.in_flight();
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(ip(2)).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(request);
        assert!(waiting.await.unwrap());
        assert!(first.leave.is_cancelled());
    }
}
