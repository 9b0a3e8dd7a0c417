//! Section 10: `circuitHash(64) | n u32 | contribution*`. A contribution is
//! `deltaAfter G1, g1_s G1, g1_sx G1, g2_spx G2, transcript(64), type u32, length u32, parameters`.
//! Parameters are in ascending order: `01 length name`, `02 exponent`, `03 length hash`.

use ark_bn254::{G1Affine, G2Affine};

use super::super::FormatError;
use super::super::cursor::Cursor;
use super::super::encoding::{FilePoint, point};

/// One contribution to phase 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// delta in G1 after this contribution.
    pub delta_after: G1Affine,
    /// Public key: a random point.
    pub g1_s: G1Affine,
    /// Public key: `g1_s` times the secret.
    pub g1_sx: G1Affine,
    /// Public key: the challenge point of G2 times the secret.
    pub g2_spx: G2Affine,
    /// BLAKE2b-512 of everything before this contribution.
    pub transcript: [u8; 64],
    /// Secret or beacon.
    pub kind: ContributionKind,
    /// Name of the contributor; `None` if not given.
    pub name: Option<ContributionName>,
}

/// Source of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContributionKind {
    /// A contributor with a secret.
    Secret,
    /// A public random beacon, without any secret.
    Beacon {
        /// `2^exponent`: number of SHA-256 iterations.
        exponent: u8,
        /// Value of the beacon.
        hash: BeaconHash,
    },
}

/// Name of a contributor, at most 255 bytes: the file stores its length in one byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionName(String);

impl ContributionName {
    /// `None` if the name is longer than 255 bytes.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        (name.len() <= LONGEST).then_some(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Value of a beacon, at most 255 bytes: the file stores its length in one byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BeaconHash(Vec<u8>);

impl BeaconHash {
    /// `None` if the value is longer than 255 bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (bytes.len() <= LONGEST).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the whole section.
pub(super) fn read_all(mut section: Cursor<'_>) -> Result<([u8; 64], Vec<Contribution>), FormatError> {
    let circuit_hash = section.array()?;
    let count = u64::from(section.u32()?);
    if count * SHORTEST > section.remaining() {
        return Err(section.error(format!("expected {count} contributions, found fewer")));
    }
    let contributions = (0..count).map(|_| read(&mut section)).collect::<Result<_, _>>()?;
    section.finish()?;
    Ok((circuit_hash, contributions))
}

/// Writes the body of the section.
pub(super) fn put_all(out: &mut Vec<u8>, circuit_hash: &[u8; 64], contributions: &[Contribution]) {
    out.extend(circuit_hash);
    out.extend((contributions.len() as u32).to_le_bytes());
    contributions.iter().for_each(|contribution| put(out, contribution));
}

fn read(section: &mut Cursor<'_>) -> Result<Contribution, FormatError> {
    let delta_after = point(section)?;
    let g1_s = point(section)?;
    let g1_sx = point(section)?;
    let g2_spx = point(section)?;
    let transcript = section.array()?;
    let (kind, name) = read_kind_and_name(section)?;
    Ok(Contribution { delta_after, g1_s, g1_sx, g2_spx, transcript, kind, name })
}

/// Reads type and parameters: the end of a contribution in a `.zkey` and in a `.ptau`.
pub(in crate::format) fn read_kind_and_name(
    section: &mut Cursor<'_>,
) -> Result<(ContributionKind, Option<ContributionName>), FormatError> {
    let start = section.position();
    let kind = section.u32()?;
    let length = section.u32()?;
    let parameters = Parameters::read(section.sub(length.into())?)?;
    let kind = match (kind, parameters.exponent, parameters.hash) {
        (SECRET, None, None) => ContributionKind::Secret,
        (BEACON, Some(exponent), Some(hash)) => ContributionKind::Beacon { exponent, hash },
        (SECRET | BEACON, ..) => {
            return Err(section.error_at(start, "exponent and hash belong to a beacon and to no other type"));
        }
        (other, ..) => {
            return Err(section.error_at(start, format!("unknown contribution type {other}")));
        }
    };
    Ok((kind, parameters.name))
}

#[derive(Default)]
struct Parameters {
    name: Option<ContributionName>,
    exponent: Option<u8>,
    hash: Option<BeaconHash>,
}

impl Parameters {
    fn read(mut section: Cursor<'_>) -> Result<Self, FormatError> {
        let mut parameters = Self::default();
        let mut last = 0;
        while section.remaining() > 0 {
            let start = section.position();
            let id = section.u8()?;
            if id <= last {
                return Err(section.error_at(start, format!("parameter {id} is not in ascending order")));
            }
            last = id;
            match id {
                NAME => {
                    let text = std::str::from_utf8(short(&mut section)?);
                    let text = text.map_err(|_| section.error_at(start, "the name is not UTF-8"))?;
                    parameters.name = ContributionName::new(text);
                }
                EXPONENT => parameters.exponent = Some(section.u8()?),
                HASH => parameters.hash = BeaconHash::new(short(&mut section)?),
                _ => return Err(section.error_at(start, format!("unknown parameter {id}"))),
            }
        }
        Ok(parameters)
    }
}

/// Reads bytes that follow their length of one byte.
fn short<'a>(section: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    let length = section.u8()?;
    section.take(length.into())
}

fn put(out: &mut Vec<u8>, contribution: &Contribution) {
    contribution.delta_after.put(out);
    contribution.g1_s.put(out);
    contribution.g1_sx.put(out);
    contribution.g2_spx.put(out);
    out.extend(contribution.transcript);

    put_kind_and_name(out, &contribution.kind, contribution.name.as_ref());
}

/// The inverse of [`read_kind_and_name`].
pub(in crate::format) fn put_kind_and_name(
    out: &mut Vec<u8>,
    kind: &ContributionKind,
    name: Option<&ContributionName>,
) {
    let mut parameters = Vec::new();
    if let Some(name) = name {
        put_short(&mut parameters, NAME, name.as_str().as_bytes());
    }
    let kind = match kind {
        ContributionKind::Secret => SECRET,
        ContributionKind::Beacon { exponent, hash } => {
            parameters.extend([EXPONENT, *exponent]);
            put_short(&mut parameters, HASH, hash.as_bytes());
            BEACON
        }
    };
    out.extend(kind.to_le_bytes());
    out.extend((parameters.len() as u32).to_le_bytes());
    out.extend(parameters);
}

fn put_short(out: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    // The types of these bytes contain at most 255.
    out.extend([id, bytes.len() as u8]);
    out.extend(bytes);
}

const SECRET: u32 = 0;
const BEACON: u32 = 1;

const NAME: u8 = 1;
const EXPONENT: u8 = 2;
const HASH: u8 = 3;

/// Maximum length in bytes of a name or a beacon's value.
const LONGEST: usize = 255;
/// Length in bytes of a contribution without parameters.
const SHORTEST: u64 = 3 * 64 + 128 + 64 + 4 + 4;
