//! Randomness for secrets.

use rand::{CryptoRng, RngCore};

/// A random generator fit for secrets.
pub trait SecureRng: RngCore + CryptoRng {}

impl<R: RngCore + CryptoRng> SecureRng for R {}

/// The random generator of the operating system.
///
/// It panics when the system has no randomness to give, rather than to return something guessable.
pub fn os_rng() -> impl SecureRng {
    rand::rngs::OsRng
}
