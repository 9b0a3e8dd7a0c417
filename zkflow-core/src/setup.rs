//! Keys and where they come from.

use serde::{Deserialize, Serialize};

/// Who could know the secret behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// Seeded, or made by a single process for trying things out; never for a real chain.
    Development,
}
