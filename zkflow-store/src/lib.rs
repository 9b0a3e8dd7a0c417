//! Storage backends of ZKFlow:
//! - artifacts: [`MemoryStore`], [`FsStore`], [`S3Store`];
//! - documents: [`MemoryCatalog`], [`SqliteCatalog`], [`MongoCatalog`];
//! - sealed private inputs: [`Vault`], with [`Sealing`](vault::sealing::Sealing).
//!
//! [`GuardedCatalog`] and [`GuardedStore`] add retries to backends on other machines. [`CachedStore`] caches
//! large artifacts. [`BoundStore`] tells a missing artifact from a missing store. [`local`] maps files of this machine, and writes them in pieces. Every backend, guarded or
//! cached, passes the suite of its trait in `zkflow_core::service::conformance`.
//!
//! ```
//! use zkflow_core::service::store::{ArtifactStore, PutMode};
//! use zkflow_store::MemoryStore;
//!
//! # futures::executor::block_on(async {
//! let store = MemoryStore::new();
//! let key = "circuits/example/1/circuit.r1cs".parse()?;
//! let meta = store.put(&key, "bytes".into(), PutMode::Create).await?;
//! assert_eq!(store.get(&key).await?.meta, meta);
//! // Create never replaces.
//! assert!(store.put(&key, "others".into(), PutMode::Create).await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

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

pub mod bound;
pub mod cached;
pub mod guarded;
pub mod local;

pub mod vault;

pub use bound::BoundStore;
pub use cached::CachedStore;
pub use fs::FsStore;
pub use guarded::{GuardedCatalog, GuardedStore};
pub use memory::{MemoryCatalog, MemoryStore};
#[cfg(feature = "mongodb")]
pub use mongo::{MongoCatalog, MongoReader};
#[cfg(feature = "s3")]
pub use s3::{S3Reader, S3Settings, S3Store};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteCatalog;
pub use vault::{KeyRing, Vault, VaultKey};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
