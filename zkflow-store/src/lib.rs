//! Storage backends of ZKFlow:
//! - artifacts: [`MemoryStore`], [`FsStore`], [`S3Store`];
//! - documents: [`MemoryCatalog`], [`SqliteCatalog`], [`MongoCatalog`];
//! - sealed private inputs: [`Vault`].
//!
//! [`GuardedCatalog`] and [`GuardedStore`] add retries to backends on other machines. [`CachedStore`] caches
//! large artifacts. Every backend, guarded or cached, passes the suite of its trait in
//! `zkflow_core::service::conformance`.

pub mod fs;
pub mod memory;

#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "s3")]
mod deadline;
#[cfg(feature = "mongodb")]
pub mod mongo;
#[cfg(feature = "s3")]
pub mod s3;

pub mod cached;
pub mod guarded;

pub mod vault;

pub use cached::CachedStore;
pub use fs::FsStore;
pub use guarded::{GuardedCatalog, GuardedStore};
pub use memory::{MemoryCatalog, MemoryStore};
#[cfg(feature = "mongodb")]
pub use mongo::MongoCatalog;
#[cfg(feature = "s3")]
pub use s3::{S3Settings, S3Store};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteCatalog;
pub use vault::{Vault, VaultKey};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
