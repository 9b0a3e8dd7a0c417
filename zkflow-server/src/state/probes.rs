//! [`Probes`]: what the checks of the backends found so far.

use std::collections::BTreeSet;
use std::time::Instant;

/// Result of the last checks of the backends.
#[derive(Debug, Default)]
pub struct Probes {
    /// When the backends were last written to; `None` after a failure.
    pub(crate) written: Option<Instant>,
    /// Backends whose last check failed, so that an outage is logged once.
    pub(crate) failing: BTreeSet<&'static str>,
}
