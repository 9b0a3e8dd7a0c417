//! Files of the [perpetual powers of tau] with the final beacon of Hermez, identified by their published
//! hashes.
//!
//! The hashes are BLAKE2b-512 of the prepared files for 2^8 to 2^28, from snarkjs' documentation.
//!
//! [perpetual powers of tau]: https://github.com/privacy-ethereum/perpetualpowersoftau

use std::fmt;
use std::io::{self, Read};

use crate::blake2b::Blake2b;
use crate::digest::Hash;

/// A published file of powers of tau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ceremony {
    /// Power of the file; the power of the ceremony is 28.
    pub power: u32,
}

impl Ceremony {
    /// The file of this power; `None` if there is none.
    pub fn of_power(power: u32) -> Option<Self> {
        let place = power.checked_sub(SMALLEST)? as usize;
        HASHES.get(place).map(|_| Self { power })
    }

    /// The file with this name; `None` if there is none.
    pub fn of_file_name(name: &str) -> Option<Self> {
        (SMALLEST..=POWER).map(|power| Self { power }).find(|ceremony| ceremony.file_name() == name)
    }

    /// BLAKE2b-512 of the file, in hexadecimal digits.
    pub fn hash_text(self) -> &'static str {
        let place = self.power.saturating_sub(SMALLEST) as usize;
        HASHES.get(place).copied().unwrap_or_default()
    }

    /// Name of the published file.
    pub fn file_name(self) -> String {
        match self.power {
            POWER => "powersOfTau28_hez_final.ptau".to_owned(),
            power => format!("powersOfTau28_hez_final_{power:02}.ptau"),
        }
    }

    /// Upper bound of the length of the file in bytes.
    pub fn longest(self) -> u64 {
        // Points of G1 and G2 have 64 and 128 bytes. Per row, the powers have 2, 1, 1 and 1 of them, and the Lagrange forms
        // twice as many.
        let powers = (2 * 64 + 128 + 64 + 64) << self.power.min(POWER);
        3 * powers + CONTRIBUTIONS
    }
}

/// More than the length of all contributions in bytes.
const CONTRIBUTIONS: u64 = 1 << 20;

impl fmt::Display for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "perpetual powers of tau, Hermez final, 2^{} of 2^{POWER}", self.power)
    }
}

/// The published file with this hash; `None` if there is none.
pub fn published(hash: &Hash) -> Option<Ceremony> {
    let hash = hex::encode(hash);
    let place = HASHES.iter().position(|published| *published == hash)?;
    Some(Ceremony { power: SMALLEST + u32::try_from(place).ok()? })
}

/// BLAKE2b-512 of a whole file.
///
/// # Errors
/// The medium fails.
pub fn file_hash(mut file: impl Read) -> io::Result<Hash> {
    let mut hasher = Blake2b::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// The power of the ceremony.
pub(super) const POWER: u32 = 28;

/// The ceremony's first challenge: the hash of 96 GiB of generators, which takes minutes to compute.
#[rustfmt::skip]
pub(super) const FIRST_CHALLENGE: Hash = [
    0x93, 0xda, 0x91, 0x92, 0x0d, 0x5a, 0x54, 0xa8, 0xa0, 0xfd, 0xe5, 0x5c, 0xd9, 0xdc, 0x3a, 0x10,
    0xc4, 0xf3, 0xee, 0xf7, 0x68, 0xb6, 0x2c, 0x09, 0x48, 0x74, 0x13, 0x70, 0x86, 0x42, 0x54, 0xb4,
    0xc1, 0x92, 0x0f, 0x3f, 0x29, 0xd4, 0xeb, 0xc0, 0xef, 0x3a, 0xce, 0xcf, 0x2e, 0x2d, 0xb6, 0x3a,
    0x75, 0x57, 0x13, 0xd7, 0x7e, 0x1e, 0xd7, 0x73, 0x47, 0xa5, 0x6f, 0xbc, 0x31, 0x7c, 0x7a, 0x93,
];

const SMALLEST: u32 = 8;

#[rustfmt::skip]
const HASHES: [&str; 21] = [
    "d6a8fb3a04feb600096c3b791f936a578c4e664d262e4aa24beed1b7a9a96aa5eb72864d628db247e9293384b74b36ffb52ca8d148d6e1b8b51e279fdf57b583",
    "94f108a80e81b5d932d8e8c9e8fd7f46cf32457e31462deeeef37af1b71c2c1b3c71fb0d9b59c654ec266b042735f50311f9fd1d4cadce47ab234ad163157cb5",
    "6cfeb8cda92453099d20120bdd0e8a5c4e7706c2da9a8f09ccc157ed2464d921fd0437fb70db42104769efd7d6f3c1f964bcf448c455eab6f6c7d863e88a5849",
    "47c282116b892e5ac92ca238578006e31a47e7c7e70f0baa8b687f0a5203e28ea07bbbec765a98dcd654bad618475d4661bfaec3bd9ad2ed12e7abc251d94d33",
    "ded2694169b7b08e898f736d5de95af87c3f1a64594013351b1a796dbee393bd825f88f9468c84505ddd11eb0b1465ac9b43b9064aa8ec97f2b73e04758b8a4a",
    "58efc8bf2834d04768a3d7ffcd8e1e23d461561729beaac4e3e7a47829a1c9066d5320241e124a1a8e8aa6c75be0ba66f65bc8239a0542ed38e11276f6fdb4d9",
    "eeefbcf7c3803b523c94112023c7ff89558f9b8e0cf5d6cdcba3ade60f168af4a181c9c21774b94fbae6c90411995f7d854d02ebd93fb66043dbb06f17a831c1",
    "982372c867d229c236091f767e703253249a9b432c1710b4f326306bfa2428a17b06240359606cfe4d580b10a5a1f63fbed499527069c18ae17060472969ae6e",
    "6a6277a2f74e1073601b4f9fed6e1e55226917efb0f0db8a07d98ab01df1ccf43eb0e8c3159432acd4960e2f29fe84a4198501fa54c8dad9e43297453efec125",
    "6247a3433948b35fbfae414fa5a9355bfb45f56efa7ab4929e669264a0258976741dfbe3288bfb49828e5df02c2e633df38d2245e30162ae7e3bcca5b8b49345",
    "7e6a9c2e5f05179ddfc923f38f917c9e6831d16922a902b0b4758b8e79c2ab8a81bb5f29952e16ee6c5067ed044d7857b5de120a90704c1d3b637fd94b95b13e",
    "bca9d8b04242f175189872c42ceaa21e2951e0f0f272a0cc54fc37193ff6648600eaf1c555c70cdedfaf9fb74927de7aa1d33dc1e2a7f1a50619484989da0887",
    "89a66eb5590a1c94e3f1ee0e72acf49b1669e050bb5f93c73b066b564dca4e0c7556a52b323178269d64af325d8fdddb33da3a27c34409b821de82aa2bf1a27b",
    "9aef0573cef4ded9c4a75f148709056bf989f80dad96876aadeb6f1c6d062391f07a394a9e756d16f7eb233198d5b69407cca44594c763ab4a5b67ae73254678",
    "0d64f63dba1a6f11139df765cb690da69d9b2f469a1ddd0de5e4aa628abb28f787f04c6a5fb84a235ec5ea7f41d0548746653ecab0559add658a83502d1cb21b",
    "3063a0bd81d68711197c8820a92466d51aeac93e915f5136d74f63c394ee6d88c5e8016231ea6580bec02e25d491f319d92e77f5c7f46a9caa8f3b53c0ea544f",
    "fa404d140d5819d39984833ca5ec3632cd4995f81e82db402371a4de7c2eae8687c62bc632a95b0c6aadba3fb02680a94e09174b7233ccd26d78baca2647c733",
    "0377d860cdb09a8a31ea1b0b8c04335614c8206357181573bf294c25d5ca7dff72387224fbd868897e6769f7805b3dab02854aec6d69d7492883b5e4e5f35eeb",
    "418dee4a74b9592198bd8fd02ad1aea76f9cf3085f206dfd7d594c9e264ae919611b1459a1cc920c2f143417744ba9edd7b8d51e44be9452344a225ff7eead19",
    "10ffd99837c512ef99752436a54b9810d1ac8878d368fb4b806267bdd664b4abf276c9cd3c4b9039a1fa4315a0c326c0e8e9e8fe0eb588ffd4f9021bf7eae1a1",
    "55c77ce8562366c91e7cda394cf7b7c15a06c12d8c905e8b36ba9cf5e13eb37d1a429c589e8eaba4c591bc4b88a0e2828745a53e170eac300236f5c1a326f41a",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_files_are_told_by_their_power() {
        for (power, text) in (SMALLEST..).zip(HASHES) {
            let hash: Hash = hex::decode(text).unwrap().try_into().unwrap();
            assert_eq!(published(&hash), Some(Ceremony { power }));
            assert_eq!(Ceremony::of_power(power).map(Ceremony::hash_text), Some(text));
        }
        assert_eq!([7, 29, 0, u32::MAX].map(Ceremony::of_power), [None; 4]);
        assert_eq!(Ceremony { power: 9 }.file_name(), "powersOfTau28_hez_final_09.ptau");
        assert_eq!(published(&[0; 64]), None);
    }

    #[test]
    fn a_file_is_hashed_whole() {
        let bytes = vec![7; (1 << 20) + 5];
        assert_eq!(file_hash(bytes.as_slice()).unwrap(), Blake2b::hash(&bytes));
    }
}
