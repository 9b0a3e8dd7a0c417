//! Where ZKFlow keeps things: artifacts ([`MemoryStore`], [`FsStore`]), documents
//! ([`MemoryCatalog`], [`SqliteCatalog`]) and sealed private inputs ([`Vault`]).
//!
//! Every backend passes the suite of its trait in `zkflow_core::conformance`.

pub mod fs;
pub mod memory;

pub mod sqlite;

pub mod vault;

pub use fs::FsStore;
pub use memory::{MemoryCatalog, MemoryStore};
pub use sqlite::SqliteCatalog;
pub use vault::{Vault, VaultKey};
