//! Makes archives, also those that no program makes.

use std::io::Write as _;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use tar::{EntryType, Header};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Tar,
    TarGz,
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A tar; names that end with `/` are folders.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        if name.len() > 100 {
            bytes.extend(tar_entry(EntryType::GNULongName, "long", name.as_bytes()));
        }
        let kind = if name.ends_with('/') { EntryType::Directory } else { EntryType::Regular };
        bytes.extend(tar_entry(kind, &name[..name.len().min(100)], content));
    }
    bytes.extend([0; 1024]);
    bytes
}

/// An entry of a tar, whatever its path.
pub(crate) fn tar_entry(kind: EntryType, path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    let padding = content.len().next_multiple_of(512) - content.len();
    [&header.as_bytes()[..], content, &vec![0; padding]].concat()
}

/// Corrects the checksums of headers at the places of those of small files.
pub(crate) fn set_checksums(tar: &mut [u8]) {
    for header in tar.chunks_exact_mut(512).step_by(2) {
        let mut copy = Header::new_old();
        copy.as_mut_bytes().copy_from_slice(header);
        if header[0] != 0 {
            copy.set_cksum();
            header.copy_from_slice(copy.as_bytes());
        }
    }
}

/// A zip of compressed files; names that end with `/` are folders.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip_of(&files.iter().map(|(name, content)| zip_entry(name, content)).collect::<Vec<_>>())
}

/// An entry of a zip.
#[derive(Clone)]
pub(crate) struct ZipEntry {
    name: String,
    packed: Vec<u8>,
    size: u32,
    crc: u32,
    mode: u32,
    flags: u16,
    method: u16,
    extra: Vec<u8>,
    /// The name in the header of the entry.
    local: String,
}

pub(crate) fn zip_entry(name: &str, content: &[u8]) -> ZipEntry {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    let mut crc = Crc::new();
    crc.update(content);
    let mode = if name.ends_with('/') { 0o040_755 } else { 0o100_644 };
    let (packed, size) = (packed.finish().unwrap(), content.len() as u32);
    // The name is UTF-8.
    ZipEntry {
        name: name.to_owned(),
        packed,
        size,
        crc: crc.sum(),
        mode,
        flags: 1 << 11,
        method: 8,
        extra: Vec::new(),
        local: name.to_owned(),
    }
}

impl ZipEntry {
    pub(crate) fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn size(self, size: u32) -> Self {
        Self { size, ..self }
    }

    pub(crate) fn crc(self, crc: u32) -> Self {
        Self { crc, ..self }
    }

    pub(crate) fn method(self, method: u16) -> Self {
        Self { method, ..self }
    }

    /// An extra field in both headers.
    pub(crate) fn extra(self, id: u16, content: &[u8]) -> Self {
        let extra = [&id.to_le_bytes(), &(content.len() as u16).to_le_bytes(), content].concat();
        Self { extra, ..self }
    }

    /// Another name in the header of the entry than in the directory.
    pub(crate) fn local_name(self, name: &str) -> Self {
        Self { local: name.to_owned(), ..self }
    }

    /// The fields that both headers have.
    fn shared(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Version 2.0; a time and a date.
        for field in [20, self.flags, self.method, 0, 33] {
            bytes.extend(u16::to_le_bytes(field));
        }
        for field in [self.crc, self.packed.len() as u32, self.size] {
            bytes.extend(u32::to_le_bytes(field));
        }
        bytes.extend(u16::to_le_bytes(name.len() as u16));
        bytes.extend(u16::to_le_bytes(self.extra.len() as u16));
        bytes
    }

    fn local(&self) -> Vec<u8> {
        let fields = self.shared(&self.local);
        [b"PK\x03\x04", &fields[..], self.local.as_bytes(), &self.extra, &self.packed].concat()
    }

    fn central(&self, place: u32) -> Vec<u8> {
        // Made on Unix.
        let mut bytes = [b"PK\x01\x02", &[20, 3][..], &self.shared(&self.name)].concat();
        bytes.extend([0; 6]);
        bytes.extend(u32::to_le_bytes(self.mode << 16));
        bytes.extend(u32::to_le_bytes(place));
        bytes.extend(self.name.as_bytes());
        bytes.extend(&self.extra);
        bytes
    }
}

pub(crate) fn zip_of(entries: &[ZipEntry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for entry in entries {
        places.push(bytes.len() as u32);
        bytes.extend(entry.local());
    }
    let listed: Vec<_> = entries.iter().cloned().zip(places).collect();
    with_directory(bytes, &listed)
}

/// Two names of one content.
pub(crate) fn overlapping() -> Vec<u8> {
    let inner = zip_entry("b.circom", b"signal input b;");
    // The content of the first entry is the second one.
    let local = inner.local();
    let mut crc = Crc::new();
    crc.update(&local);
    let mut outer = zip_entry("a.circom", &local);
    outer.packed =
        [&[1][..], &(local.len() as u16).to_le_bytes(), &(!(local.len() as u16)).to_le_bytes(), &local]
            .concat();
    outer.crc = crc.sum();
    let bytes = outer.local();
    let place = (bytes.len() - local.len()) as u32;
    with_directory(bytes, &[(outer, 0), (inner, place)])
}

/// An entry that the directory lacks.
pub(crate) fn unlisted() -> Vec<u8> {
    let [first, second] = ["a.circom", "b.circom"].map(|name| zip_entry(name, b"signal input a;"));
    let bytes = [first.local(), second.local()].concat();
    with_directory(bytes, &[(first, 0)])
}

fn with_directory(mut bytes: Vec<u8>, entries: &[(ZipEntry, u32)]) -> Vec<u8> {
    let start = bytes.len();
    for (entry, place) in entries {
        bytes.extend(entry.central(*place));
    }
    let length = bytes.len() - start;
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        bytes.extend(u16::to_le_bytes(entries.len() as u16));
    }
    bytes.extend(u32::to_le_bytes(length as u32));
    bytes.extend(u32::to_le_bytes(start as u32));
    bytes.extend([0; 2]);
    bytes
}

/// A zip with another record at its end, and a comment.
pub(crate) fn set_end(zip: &[u8], change: impl Fn(&mut [u8]), comment: &[u8]) -> Vec<u8> {
    let mut bytes = zip.to_vec();
    let at = bytes.len() - 22;
    change(&mut bytes[at..]);
    bytes.extend(comment);
    bytes
}
