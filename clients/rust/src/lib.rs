#![doc = include_str!("../README.md")]

mod ceremonies;
mod circuits;
mod deployments;
mod error;
mod events;
mod files;
mod follow;
mod imports;
mod jobs;
mod many;
mod organisers;
mod paths;
mod proofs;
mod sealing;
mod templates;
mod transport;
mod uploads;
mod usage;
mod verification;

pub mod blocking;

pub use circuits::CircuitFilter;
pub use error::ClientError;
pub use files::UploadFile;
pub use follow::OnChange;
pub use jobs::JobFilter;
pub use paths::Page;
pub use proofs::{Inputs, ProofFilter, ProofOptions, Proved};
pub use sealing::SealingKey;
pub use transport::{Client, Reply};
pub use uploads::{OnUpload, UploadProgress};
pub use usage::UsageFilter;
pub use verification::Verdict;
