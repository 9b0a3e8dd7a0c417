//! [`Receiver`]: a receiver of events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;

/// A receiver of events on a free port of the loopback address.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Receiver {
    /// Starts a receiver and returns it with its URL.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let take = async |State(receiver): State<Self>, headers: HeaderMap, body: Bytes| {
            lock(&receiver.got).push((headers, String::from_utf8_lossy(&body).into_owned()));
            lock(&receiver.answers).pop().unwrap_or(StatusCode::NO_CONTENT)
        };
        let router = Router::new().fallback(post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, format!("http://{address}/hooks"))
    }

    /// Sets the statuses of the next answers, of which the last one comes first. Later answers are 204.
    pub fn answer(&self, statuses: Vec<StatusCode>) {
        *lock(&self.answers) = statuses;
    }

    /// The headers and bodies of the requests until now.
    pub fn got(&self) -> Vec<(HeaderMap, String)> {
        lock(&self.got).clone()
    }

    /// Waits for `number` requests, and returns all until then with their bodies.
    ///
    /// # Panics
    /// They do not come within half a minute, or a body is not JSON.
    pub async fn receive(&self, number: usize) -> Vec<(HeaderMap, Value)> {
        for _ in 0..1500 {
            if self.got().len() >= number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let got = self.got();
        assert!(got.len() >= number, "{} of {number} events came", got.len());
        got.into_iter().map(|(head, body)| (head, serde_json::from_str(&body).expect("JSON"))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
