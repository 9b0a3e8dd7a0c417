//! [`Transcript`]: the record of a ceremony beside its key.

use std::fmt;

use zkflow_groth16::format::zkey::KeyHead;
use zkflow_groth16::provenance::Label;
use zkflow_groth16::setup::SetupRecord;

/// The record of a ceremony, which is compared with its key. `service::ceremony::CeremonyRecord` is one.
pub trait Transcript: fmt::Debug {
    /// Compares the record with a verified key. `record` contains the digests of the key, of its constraints and of its powers
    /// of tau.
    ///
    /// # Errors
    /// The first difference.
    fn compare(&self, head: &KeyHead, record: &SetupRecord, label: &Label) -> Result<(), String>;
}

/// Reads the file of a transcript.
pub type ReadTranscript = fn(&[u8]) -> Result<Box<dyn Transcript>, String>;
