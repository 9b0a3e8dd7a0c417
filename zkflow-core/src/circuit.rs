//! The path of a circuit from its template to proofs:
//!
//! template and parameters → [`Blueprint`] → compiled → [`CircuitFiles`] → [`LoadedCircuit`] → proofs.
//!
//! A circuit that others made: [`ImportedParts`] → [`CheckedParts`] → [`CircuitFiles`].

mod blueprint;
mod claimed;
mod files;
mod import;
mod loaded;
mod source;
mod template_key;
mod transcript;

pub use blueprint::{Blueprint, BlueprintBuilder, BlueprintError, circuit_hash};
pub use claimed::{ClaimedPart, Part};
pub use files::{CircuitFiles, FileError, FileName, UnknownFile};
pub use import::{
    CheckedParts, Forgeable, ImportError, ImportedInput, ImportedKey, ImportedParts, require_published,
};
pub use loaded::{FullProveError, LoadError, LoadedCircuit};
pub use source::CircuitSource;
pub use template_key::{TemplateKey, TemplateKeyError};
pub use transcript::{ReadTranscript, Transcript};
