#![doc = include_str!("../README.md")]

mod calls;
mod ceremonies;
mod error;
mod imports;
mod jobs;
mod many;
mod transport;

pub mod blocking;

pub use calls::{Inputs, Proved, Verdict};
pub use error::ClientError;
pub use transport::{Client, Reply};
