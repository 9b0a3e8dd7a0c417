//! Section 10: `circuitHash(64) | n u32 | contribution*`, one contribution being
//! `deltaAfter G1, g1_s G1, g1_sx G1, g2_spx G2, transcript(64), type u32, length u32, parameters`.
//! Parameters stand in ascending order: `01 length name`, `02 exponent`, `03 length hash`.

use ark_bn254::{G1Affine, G2Affine};

use super::super::FormatError;
use super::super::binfile::Cursor;
use super::super::encoding::{FilePoint, point};

/// One contribution to phase 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// delta in G1 after it.
    pub delta_after: G1Affine,
    /// Public key: a random point.
    pub g1_s: G1Affine,
    /// Public key: that point times the secret.
    pub g1_sx: G1Affine,
    /// Public key: the challenge point of G2 times the secret.
    pub g2_spx: G2Affine,
    /// blake2b-512 of all that came before.
    pub transcript: [u8; 64],
    /// Who or what contributed.
    pub kind: ContributionKind,
    /// The contributor's name.
    pub name: Option<ContributionName>,
}

/// Who or what contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContributionKind {
    /// Somebody with a secret.
    Secret,
    /// A public random beacon: no secret at all.
    Beacon {
        /// SHA-256 is iterated `2^exponent` times.
        exponent: u8,
        /// The beacon's value.
        hash: BeaconHash,
    },
}

/// A contributor's name, at most 255 bytes long: its length is one byte in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionName(String);

impl ContributionName {
    /// Takes a name; `None` when it is longer than 255 bytes.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        (name.len() <= LONGEST).then_some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A beacon's value, at most 255 bytes long: its length is one byte in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconHash(Vec<u8>);

impl BeaconHash {
    /// Takes a value; `None` when it is longer than 255 bytes.
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
        return Err(section.error(format!("{count} contributions are announced, fewer are there")));
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

/// Reads type and parameters, which end the record of a contribution in a `.zkey` and in a `.ptau`.
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
            return Err(section.error_at(start, "exponent and hash belong to a beacon, and to nothing else"));
        }
        (other, ..) => {
            return Err(section.error_at(start, format!("there is no contribution of type {other}")));
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
                return Err(
                    section.error_at(start, format!("parameter {id} does not stand in ascending order"))
                );
            }
            last = id;
            match id {
                NAME => {
                    let text = std::str::from_utf8(short(&mut section)?);
                    let text = text.map_err(|_| section.error_at(start, "a name that is not UTF-8"))?;
                    parameters.name = ContributionName::new(text);
                }
                EXPONENT => parameters.exponent = Some(section.u8()?),
                HASH => parameters.hash = BeaconHash::new(short(&mut section)?),
                _ => return Err(section.error_at(start, format!("there is no parameter {id}"))),
            }
        }
        Ok(parameters)
    }
}

/// Bytes behind their length, which is one byte.
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
    // The types that carry these bytes hold at most 255 of them.
    out.extend([id, bytes.len() as u8]);
    out.extend(bytes);
}

const SECRET: u32 = 0;
const BEACON: u32 = 1;

const NAME: u8 = 1;
const EXPONENT: u8 = 2;
const HASH: u8 = 3;

/// The most bytes that a name or a beacon's value has.
const LONGEST: usize = 255;
/// Bytes of a contribution without parameters.
const SHORTEST: u64 = 3 * 64 + 128 + 64 + 4 + 4;
