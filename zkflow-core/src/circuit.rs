//! The life of a circuit, built from the steps of the other modules:
//!
//! template and parameters → [`Blueprint`] → compiled → [`CircuitFiles`] → [`LoadedCircuit`] → proofs.

mod blueprint;
mod files;
mod loaded;
mod source;

pub use blueprint::{Blueprint, BlueprintBuilder, BlueprintError, circuit_hash};
pub use files::{CircuitFiles, FileError, FileName, UnknownFile};
pub use loaded::{FullProveError, LoadError, LoadedCircuit};
pub use source::CircuitSource;
