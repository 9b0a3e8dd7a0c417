//! Randomness for secrets.

use rand::{CryptoRng, RngCore};

/// A random generator suitable for secrets.
pub trait SecureRng: RngCore + CryptoRng {}

impl<R: RngCore + CryptoRng> SecureRng for R {}

/// The random generator of the operating system.
///
/// Panics if the system provides no randomness, instead of returning something guessable.
pub fn os_rng() -> impl SecureRng {
    rand::rngs::OsRng
}
