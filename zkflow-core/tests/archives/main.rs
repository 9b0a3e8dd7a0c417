//! Archives of a source: what belongs to a source is unpacked, and everything else is refused, within a fixed memory.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod make;
mod tricks;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tar::EntryType;
use zkflow_core::service::upload::archive::{
    ArchiveError, ArchiveLimits, MOST_ENTRIES, MOST_FILE, RATIO_FREE, SourceFiles, unpack,
};

use make::{Kind, gzip, tar, tar_entry, zip, zip_entry};

const LIMITS: ArchiveLimits = ArchiveLimits { source: 16 << 20, whole: 64 << 20 };

fn error(archive: &[u8]) -> String {
    unpack(archive, &LIMITS).unwrap_err().to_string()
}

fn paths(files: &SourceFiles) -> Vec<&str> {
    files.keys().map(|path| path.as_str()).collect()
}

/// The three formats with the same files.
fn all(files: &[(&str, &[u8])]) -> [(Kind, Vec<u8>); 3] {
    [(Kind::Zip, zip(files)), (Kind::Tar, tar(files)), (Kind::TarGz, gzip(&tar(files)))]
}

#[test]
fn circom_files_are_unpacked_and_others_are_left_out() {
    let files: &[(&str, &[u8])] = &[
        ("./main.circom", b"main"),
        ("lib/", b""),
        ("lib/a.circom", b"a"),
        ("node_modules/@x/y/b.circom", b"b"),
        ("README.md", b"read me"),
        ("notes \u{e4}.txt", b"any name"),
        ("lib/A.txt", b""),
        ("lib/a.txt", b""),
    ];
    for (kind, archive) in all(files) {
        let found = unpack(&archive, &LIMITS).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(paths(&found), ["lib/a.circom", "main.circom", "node_modules/@x/y/b.circom"], "{kind:?}");
        assert_eq!(found.values().map(Vec::as_slice).collect::<Vec<_>>(), [&b"a"[..], b"main", b"b"]);
    }
}

#[test]
fn archives_of_common_programs_are_unpacked() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/archive");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let files = unpack(&std::fs::read(&path).unwrap(), &LIMITS)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let root = if name == "git.tar.gz" { "project/" } else { "" };
        let expected = ["circuits/main.circom", "lib/square.circom"].map(|path| format!("{root}{path}"));
        assert_eq!(paths(&files), expected, "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(
        names,
        [
            "git.tar.gz",
            "git.zip",
            "gnu.tar",
            "info-zip.zip",
            "java.zip",
            "pax.tar.gz",
            "python.zip",
            "streamed.zip"
        ]
    );
}

#[test]
fn paths_that_leave_the_source_are_refused() {
    for (path, part) in [
        ("../a.circom", "contains `..`"),
        ("lib/../../a.circom", "contains `..`"),
        ("lib/..", "contains `..`"),
        ("../../etc/cron.d/x", "contains `..`"),
        ("/a.circom", "absolute"),
        ("/etc/passwd", "absolute"),
        ("lib//a.circom", "empty part"),
        ("lib\\..\\a.circom", "a drive"),
        ("C:/a.circom", "a drive"),
        ("a b.circom", "no path of a source file"),
        // One name in both forms of Unicode, and a letter that looks like another one.
        ("\u{e4}.circom", "no path of a source file"),
        ("a\u{308}.circom", "no path of a source file"),
        ("\u{ff41}.circom", "no path of a source file"),
        ("m\u{430}in.circom", "no path of a source file"),
    ] {
        for (kind, archive) in all(&[("main.circom", b"main"), (path, b"x")]) {
            let error = error(&archive);
            assert!(error.contains(part) && error.contains(&format!("{path:?}")), "{kind:?} {path}: {error}");
        }
    }
    // A zero ends a name in a tar.
    assert!(error(&zip(&[("a.circom\0/b", b"x")])).contains("a zero"));
    for (path, part) in [
        ("a/".repeat(600) + "a.circom", "too long"),
        ("a/".repeat(64) + "a.txt", "too many parts"),
        ("a/".repeat(16) + "a.circom", "no path of a source file"),
        ("a".repeat(250) + ".circom", "no path of a source file"),
    ] {
        for (kind, archive) in all(&[(&path, b"")]) {
            let error = error(&archive);
            assert!(error.contains(part) && error.len() < 400, "{kind:?}: {error}");
        }
    }
    let deep = "a/".repeat(15) + "a.circom";
    for (kind, archive) in all(&[(&deep, b"x"), (&("a/".repeat(63) + "a.txt"), b"")]) {
        assert_eq!(paths(&unpack(&archive, &LIMITS).unwrap()), [deep.as_str()], "{kind:?}");
    }
}

#[test]
fn links_devices_and_encrypted_entries_are_refused() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::GNULongLink,
        EntryType::new(b'V'),
    ] {
        let archive = [tar_entry(kind, "a.circom", b""), tar(&[("main.circom", b"main")])].concat();
        assert!(error(&archive).contains("neither a file nor a folder"), "{kind:?}");
        assert!(error(&gzip(&archive)).contains("neither a file nor a folder"), "{kind:?}");
    }
    for mode in [0o120_777, 0o020_644, 0o060_644, 0o010_644, 0o140_644] {
        let archive = make::zip_of(&[zip_entry("a.circom", b"/etc/passwd").mode(mode)]);
        assert!(error(&archive).contains("neither a file nor a folder"), "{mode:o}");
    }
    for flags in [1, 1 | 1 << 6, 1 << 13] {
        let archive = make::zip_of(&[zip_entry("a.circom", b"secret").flags(flags)]);
        assert!(error(&archive).contains("\"a.circom\", which is encrypted"));
    }
}

#[test]
fn a_path_occurs_once() {
    let twice: &[(&str, &[u8])] = &[("a.circom", b"1"), ("b.txt", b""), ("a.circom", b"2")];
    assert!(error(&tar(twice)).contains("occurs twice"));
    assert!(error(&zip(twice)).contains("occurs twice"));
    for (kind, archive) in all(&[("a.circom", b"1"), ("./a.circom", b"2")]) {
        assert!(error(&archive).contains("occurs twice"), "{kind:?}");
    }
    for (kind, archive) in all(&[("lib/a.circom", b"1"), ("Lib/A.circom", b"2")]) {
        assert!(error(&archive).contains("by case only"), "{kind:?}");
    }
    for file in ["lib.circom", "lib.circom/lib"] {
        for (kind, archive) in all(&[("lib.circom/lib/b.circom", b"1"), (file, b"2")]) {
            assert!(error(&archive).contains("a file as a folder"), "{kind:?}");
        }
    }
}

#[test]
fn bombs_are_refused_in_little_memory() {
    let zeros = |length: u64| vec![0u8; length as usize];
    let (ratio, whole) = (zeros(32 << 20), zeros(LIMITS.whole + 1));
    for (name, archive, part) in [
        // A file that is left out is not unpacked from a zip, and counts.
        ("ratio", zip(&[("a.txt", &ratio)]), "for each of its own"),
        ("ratio", zip(&[("a.circom", &ratio)]), "for each of its own"),
        ("ratio", gzip(&tar(&[("a.txt", &ratio)])), "for each of its own"),
        ("ratio", gzip(&tar(&[("a.circom", &ratio)])), "for each of its own"),
        ("behind the end", gzip(&[tar(&[("a.circom", b"")]), ratio.clone()].concat()), "for each of its own"),
        ("whole", tar(&[("a.txt", &whole)]), "unpacked bytes"),
        ("file", tar(&[("a.circom", &zeros(MOST_FILE + 1))]), "in a circom file"),
        (
            "source",
            tar(&[("a.circom", &zeros(MOST_FILE)), ("b.circom", &zeros(MOST_FILE)), ("c.circom", b"x")]),
            "in its circom files",
        ),
        ("extension", [tar_entry(EntryType::XHeader, "x", &zeros(1 << 20)), tar(&[])].concat(), "extension"),
        ("name", [tar_entry(EntryType::GNULongName, "x", &zeros(1 << 20)), tar(&[])].concat(), "extension"),
    ] {
        let mut found = String::new();
        let peak = peak_of(|| found = error(&archive));
        assert!(found.contains(part), "{name}: {found}");
        assert!(peak <= 4 * MOST_FILE as usize + (4 << 20), "{name}: {peak}");
    }
    let names: Vec<String> = (0..=MOST_ENTRIES).map(|number| format!("{number}/")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let limits = ArchiveLimits { whole: 1 << 30, ..LIMITS };
    for archive in [zip(&many), tar(&many)] {
        let error = unpack(&archive, &limits).unwrap_err().to_string();
        assert!(error.contains("16384 entries"), "{error}");
    }
    // What every archive may have does not depend on its length.
    let free = gzip(&tar(&[("a.circom", &zeros(RATIO_FREE - (1 << 16)))]));
    assert!(free.len() < 1 << 14, "{}", free.len());
    unpack(&free, &LIMITS).unwrap();
}

#[test]
fn a_file_that_lies_about_its_length_or_its_content_is_refused() {
    let entry = || zip_entry("a.circom", b"signal input a;");
    for entry in [entry().size(1), entry().size(1 << 20), entry().crc(7)] {
        assert!(error(&make::zip_of(&[entry])).contains("a.circom"));
    }
}

#[test]
fn truncated_archives_are_refused() {
    let text = "signal input a; ".repeat(64);
    for (kind, archive) in all(&[("a.circom", text.as_bytes()), ("b.circom", b"b")]) {
        // The last block of a tar is the second one of its end.
        let least = if kind == Kind::Tar { archive.len() - 512 } else { archive.len() };
        for length in 0..least {
            assert!(unpack(&archive[..length], &LIMITS).is_err(), "{kind:?}: {length} of {}", archive.len());
        }
    }
    for other in [&b""[..], b"P", b"PK", b"\x1f\x8b", b"text", &[0; 1024]] {
        assert!(unpack(other, &LIMITS).is_err());
    }
    assert!(matches!(unpack(b"text", &LIMITS), Err(ArchiveError::Format)));
    for (_, archive) in all(&[("README.md", b"")]) {
        assert!(matches!(unpack(&archive, &LIMITS), Err(ArchiveError::NoSource)));
    }
}

/// Number of damaged archives of each format.
const ROUNDS: u64 = 20_000;

#[test]
fn damaged_archives_end_in_files_or_an_error() {
    let base: &[(&str, &[u8])] =
        &[("a.circom", b"signal input a;"), ("lib/b.circom", b"signal input b;"), ("c.txt", b"text")];
    let rng = &mut StdRng::seed_from_u64(0x5eed);
    for (kind, base) in all(base) {
        let mut refused = 0;
        for round in 0..ROUNDS {
            let mut bytes =
                if kind == Kind::TarGz { tar(&[("a.circom", b"a"), ("b.txt", b"b")]) } else { base.clone() };
            for _ in 0..rng.gen_range(1..4) {
                let at = rng.gen_range(0..bytes.len());
                bytes[at] = if rng.r#gen() { rng.r#gen() } else { bytes[rng.gen_range(0..bytes.len())] };
            }
            if rng.gen_ratio(1, 8) {
                bytes.truncate(rng.gen_range(0..bytes.len()));
            }
            // A tar with gzip is damaged before it is packed, with right checksums in both.
            if kind == Kind::TarGz {
                make::set_checksums(&mut bytes);
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                std::io::Write::write_all(&mut packed, &bytes).unwrap();
                bytes = packed.finish().unwrap();
            }
            let mut found = None;
            let peak = peak_of(|| found = Some(unpack(&bytes, &LIMITS)));
            assert!(peak <= 1 << 20, "{kind:?}, round {round}: {peak} bytes");
            match found.unwrap() {
                Err(_) => refused += 1,
                Ok(files) => check(&files),
            }
        }
        assert!(refused > ROUNDS / 10, "{kind:?}: {refused}");
    }
}

/// What every unpacked source has.
fn check(files: &SourceFiles) {
    assert!(!files.is_empty());
    for (path, content) in files {
        assert!(path.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
        assert!(content.len() as u64 <= MOST_FILE);
    }
}

struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LIVE.try_with(|live| {
            live.set(live.get() + layout.size());
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
        });
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub(layout.size())));
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `work` has allocated at most.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}
