//! Sources of powers of tau for making keys.

mod development;
mod file;

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::beacon::Replay;
use super::ceremony::CeremonyError;
use super::coincidence;
use super::ptau::{self, Ceremony, file_hash};
use super::step::StepOptions;
use super::verdict::{Check, KeyVerdict, Verdict};
use super::{gate, phase2};
use crate::digest::Hash;
use crate::format::ptau::{Ptau, PtauContribution};
use crate::format::r1cs::R1cs;
use crate::format::zkey::{KeyHead, ZKeyFile};
use crate::format::{FileState, ReadError};
use crate::rng::SecureRng;

pub use development::DevelopmentPowers;
pub use file::PowersFile;

/// Provides powers of tau for circuits of a given size.
pub trait PowersSource: fmt::Debug + Send + Sync + 'static {
    /// Prepared powers of tau for circuits of up to `2^power` rows. Making them may take minutes.
    ///
    /// # Errors
    /// There are no powers for circuits of this size, or a file fails.
    fn powers(&self, power: u32) -> Result<Powers, CeremonyError>;
}

/// Prepared powers of tau, with their origin, their hash and the verdict on them.
#[derive(Debug)]
pub struct Powers {
    file: Ptau<Box<dyn Medium>>,
    origin: Origin,
    hash: Hash,
    verdict: Verdict,
    /// The file on disk, and its state when it was judged.
    watched: Option<(File, FileState)>,
}

impl Powers {
    /// Reads powers of tau, and verifies every contribution and every point. This takes minutes for large files.
    ///
    /// # Errors
    /// [`CeremonyError::NotPrepared`]; [`CeremonyError::Invalid`]; the medium fails.
    pub fn verify(
        mut medium: Box<dyn Medium>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<Self, CeremonyError> {
        let hash = file_hash(&mut medium).map_err(ReadError::Io)?;
        medium.rewind().map_err(ReadError::Io)?;
        let mut file = prepared(medium)?;
        let verdict = ptau::verify(&mut file, rng, options)?;
        Ok(Self { file, origin: Origin::Verified, hash, verdict, watched: None })
    }

    /// The points, read piece by piece.
    pub fn file(&mut self) -> &mut Ptau<Box<dyn Medium>> {
        &mut self.file
    }

    /// Origin of the powers.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// BLAKE2b-512 of the file.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The parties that could have the secrets of the powers.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The powers are sufficient for circuits of up to `2^power` rows.
    pub fn power(&self) -> u32 {
        self.file.power()
    }

    /// Power of the ceremony; larger than [`power`](Self::power) if the file is truncated.
    pub fn ceremony_power(&self) -> u32 {
        self.file.ceremony_power()
    }

    /// The contributions, in order.
    pub fn contributions(&self) -> &[PtauContribution] {
        self.file.contributions()
    }

    /// Checks a key against its circuit and these powers as [`phase2::verify`] does, and judges both phases.
    ///
    /// # Errors
    /// [`CeremonyError::Invalid`] contains the first problem; those of [`phase2::create`]; a file fails. A key that is
    /// valid but forgeable is no error: see [`KeyVerdict::admit`].
    pub fn verify_key<K: Read + Seek>(
        &mut self,
        r1cs: &R1cs,
        key: &mut ZKeyFile<K>,
        rng: &mut dyn SecureRng,
        options: StepOptions<'_>,
    ) -> Result<KeyVerdict, CeremonyError> {
        let replay = &mut options.replay();
        phase2::verify_within(r1cs, &mut self.file, key, rng, options, replay)?;
        let found = coincidence::in_key(&mut self.file, key)?;
        self.check_unchanged()?;
        let phase2 = gate::judge_fully(key.head(), replay).and_checked([Check::Circuit]).weakened(found);
        Ok(KeyVerdict::verified(self.verdict.clone(), phase2))
    }

    /// Checks that the file is still the one that was judged.
    fn check_unchanged(&self) -> Result<(), CeremonyError> {
        match &self.watched {
            Some((file, seen)) if FileState::of(file).map_err(ReadError::Io)? != *seen => {
                Err(CeremonyError::invalid("the powers of tau changed while they were used"))
            }
            _ => Ok(()),
        }
    }

    /// The verdict on a key that is known to be the circuit's key from these powers.
    pub(super) fn judge_own(&self, key: &KeyHead, replay: &mut Replay) -> KeyVerdict {
        let phase2 = gate::judge_fully(key, replay).and_checked([Check::Circuit]);
        KeyVerdict::verified(self.verdict.clone(), phase2)
    }
}

fn prepared<M: Read + Seek>(medium: M) -> Result<Ptau<M>, CeremonyError> {
    let file = Ptau::open(medium)?;
    if file.is_prepared() { Ok(file) } else { Err(CeremonyError::NotPrepared) }
}

/// A readable medium, such as a file or memory.
pub trait Medium: Read + Seek + fmt::Debug + Send {}

impl<T: Read + Seek + fmt::Debug + Send> Medium for T {}

/// Origin of powers of tau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Made by one process.
    Development,
    /// A file of a ceremony with verified contributions.
    Verified,
    /// A published file, identified by its hash.
    Published(Ceremony),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("development"),
            Self::Verified => f.write_str("verified file"),
            Self::Published(ceremony) => ceremony.fmt(f),
        }
    }
}

fn open(path: &Path) -> Result<File, CeremonyError> {
    Ok(File::open(path).map_err(ReadError::Io)?)
}
