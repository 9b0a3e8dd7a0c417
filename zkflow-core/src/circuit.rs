//! The path of a circuit from its template to proofs:
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
