//! Storage backends of ZKFlow:
//! - artifacts: [`MemoryStore`], [`FsStore`], [`S3Store`];
//! - documents: [`MemoryCatalog`], [`SqliteCatalog`], [`MongoCatalog`];
//! - sealed private inputs: [`Vault`].
//!
//! [`GuardedCatalog`] and [`GuardedStore`] add retries to backends on other machines. [`CachedStore`] caches
//! large artifacts. Every backend, guarded or cached, passes the suite of its trait in
//! `zkflow_core::conformance`.

pub mod fs;
pub mod memory;

pub mod sqlite;

pub mod mongo;
pub mod s3;

pub mod cached;
mod deadline;
pub mod guarded;

pub mod vault;

pub use cached::CachedStore;
pub use fs::FsStore;
pub use guarded::{GuardedCatalog, GuardedStore};
pub use memory::{MemoryCatalog, MemoryStore};
pub use mongo::MongoCatalog;
pub use s3::{S3Settings, S3Store};
pub use sqlite::SqliteCatalog;
pub use vault::{Vault, VaultKey};
