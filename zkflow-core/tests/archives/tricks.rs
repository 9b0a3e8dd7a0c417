//! Archives that programs read differently are refused.

use tar::{EntryType, Header};
use zkflow_core::service::upload::archive::unpack;

use crate::make::{
    self, ZipEntry, gzip, overlapping, set_end, tar, tar_entry, unlisted, zip, zip_entry, zip_of,
};
use crate::{LIMITS, error, paths};

const ONE: &[(&str, &[u8])] = &[("a.circom", b"a")];

/// A tar with an entry before that of [`ONE`].
fn after(entry: Vec<u8>) -> Vec<u8> {
    [entry, tar(ONE)].concat()
}

/// An extension before the entry of [`ONE`].
fn extended(kind: EntryType, content: &[u8]) -> Vec<u8> {
    after(tar_entry(kind, "extension", content))
}

/// A record of an extension with its length.
fn record(text: &str) -> String {
    let length = (1..).find(|length: &usize| length.to_string().len() + text.len() + 2 == *length).unwrap();
    format!("{length} {text}\n")
}

/// A tar whose first header is changed.
fn changed(change: impl Fn(&mut Header)) -> Vec<u8> {
    let mut bytes = tar(ONE);
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(&bytes[..512]);
    change(&mut header);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    bytes
}

/// Refused by itself and with gzip.
fn refused(archive: &[u8], part: &str) {
    for archive in [archive, &gzip(archive)] {
        let error = error(archive);
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn extensions_of_a_tar_change_a_path_only() {
    for text in ["size=999", "linkpath=/etc/passwd", "GNU.sparse.major=1", "GNU.sparse.name=b.circom"] {
        refused(&extended(EntryType::XHeader, record(text).as_bytes()), "no source needs");
        refused(&extended(EntryType::XGlobalHeader, record(text).as_bytes()), "no source needs");
    }
    refused(&extended(EntryType::XGlobalHeader, record("path=b.circom").as_bytes()), "one path");
    refused(&extended(EntryType::XHeader, record("path=../a.circom").as_bytes()), "`..`");
    refused(&extended(EntryType::XHeader, record("path=/a.circom").as_bytes()), "absolute");
    refused(&extended(EntryType::XHeader, record("path=b.circom\0").as_bytes()), "a zero");
    refused(&extended(EntryType::GNULongName, b"../a.circom\0"), "`..`");
    refused(&extended(EntryType::GNULongName, b"b.circom\0/../c\0"), "a zero");
    let paths_twice = record("path=b.circom").repeat(2);
    refused(&extended(EntryType::XHeader, paths_twice.as_bytes()), "two paths");
    let long = tar_entry(EntryType::GNULongName, "long", b"b.circom");
    refused(&[long.clone(), extended(EntryType::GNULongName, b"c.circom")].concat(), "two paths");
    refused(
        &[long.clone(), extended(EntryType::XHeader, record("path=c.circom").as_bytes())].concat(),
        "two paths",
    );
    refused(&[long.clone(), vec![0; 1024]].concat(), "no entry");

    // A record that other programs read as two, or not at all.
    for records in [
        "13 path=b.circom\n",
        "+17 path=b.circom\n",
        "017 path=b.circom\n",
        "17 path=b.circom",
        "99 path=b.circom\n",
        "\n17 path=b.circom\n",
        "13 nothing  \n",
        "0 \n",
    ] {
        refused(&extended(EntryType::XHeader, records.as_bytes()), "damaged record");
    }
    // A line feed in a value does not begin a record.
    let comment = record(&format!("comment=x\n{}", record("path=b.circom")));
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader] {
        let found = unpack(&extended(kind, comment.as_bytes()), &LIMITS).unwrap();
        assert_eq!(paths(&found), ["a.circom"], "{kind:?}");
    }
    for extension in
        [extended(EntryType::XHeader, record("path=b.circom").as_bytes()), [long, tar(ONE)].concat()]
    {
        assert_eq!(paths(&unpack(&extension, &LIMITS).unwrap()), ["b.circom"]);
    }
}

#[test]
fn headers_of_a_tar_have_one_meaning() {
    for size in [
        *b"\x80\0\0\0\0\0\0\0\0\0\0\x01",
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        *b"0x000000001\0",
        *b"-0000000001\0",
        *b"1\x000000000000",
        *b"000 0000001\0",
        [0; 12],
        [b' '; 12],
    ] {
        refused(&changed(|header| header.as_old_mut().size = size), "at the entry \"a.circom\": its length");
    }
    // More than the archive has.
    refused(&changed(|header| header.set_size(1 << 16)), "another length than it says");
    refused(&changed(|header| header.set_size(1 << 32)), "more than");
    refused(&changed(|header| header.as_mut_bytes()[263..265].copy_from_slice(b"  ")), "unknown format");
    refused(&changed(|header| header.set_entry_type(EntryType::Directory)), "a folder with content");
    refused(&changed(|header| header.as_mut_bytes()[..10].copy_from_slice(b"a.circom/\0")), "with content");
    refused(&changed(|header| header.as_mut_bytes()[345..348].copy_from_slice(b"../")), "`..`");
    let old = [tar(&[("b.txt", b"")])[..512].to_vec(), {
        let mut header = Header::new_old();
        header.as_mut_bytes()[..8].copy_from_slice(b"a.circom");
        header.set_size(0);
        header.set_cksum();
        [&header.as_bytes()[..], &[0; 1024]].concat()
    }];
    refused(&old.concat(), "unknown format");
    let mut checksum = tar(ONE);
    checksum[0] = b'b';
    refused(&checksum, "wrong checksum");
    // Entries and other bytes behind the end.
    refused(&[tar(ONE), tar(&[("b.circom", b"b")])].concat(), "behind the end");
    refused(&[tar(ONE), b"x".to_vec()].concat(), "behind the end");
    unpack(&[tar(ONE), vec![0; 8192]].concat(), &LIMITS).unwrap();
    // Archives in gzip that are none, and bytes behind it.
    let packed = gzip(&tar(ONE));
    for inner in [gzip(&packed), gzip(&zip(ONE)), [packed.clone(), b"rubbish".to_vec()].concat()] {
        assert!(error(&inner).contains("damaged"));
    }
    let parts = [gzip(&tar(ONE)[..700]), gzip(&tar(ONE)[700..])].concat();
    assert_eq!(paths(&unpack(&parts, &LIMITS).unwrap()), ["a.circom"]);
}

/// The error of a zip with one entry.
fn of(entry: ZipEntry) -> String {
    error(&zip_of(&[entry]))
}

#[test]
fn entries_of_a_zip_have_one_meaning() {
    let entry = || zip_entry("a.circom", b"signal input a;");
    assert!(error(&overlapping()).contains("overlap"));
    assert!(error(&unlisted()).contains("missing from central directory"));
    assert!(of(entry().local_name("b.circom")).contains("inconsistency"));
    assert!(of(entry().local_name("../a.circom")).contains("inconsistency"));
    let mut crc = flate2::Crc::new();
    crc.update(b"a.circom");
    let other_name = [&[1][..], &crc.sum().to_le_bytes(), b"../b.circom"].concat();
    assert!(of(entry().extra(0x7075, &other_name)).contains("\"a.circom\", which has an extra field"));
    assert!(of(entry().extra(1, &[0; 16])).contains("an extra field with another length"));
    // A time, as most programs write it.
    unpack(&zip_of(&[entry().extra(0x5455, &[1, 0, 0, 0, 0])]), &LIMITS).unwrap();
    assert!(of(entry().mode(0o040_755)).contains("by its mode only"));
    assert!(of(zip_entry("a.circom/", b"").mode(0o100_644)).contains("by its mode only"));
    assert!(of(zip_entry("lib/", b"content")).contains("a folder with content"));
    for method in [1, 9, 12, 14, 93, 95, 99] {
        let error = of(entry().method(method));
        assert!(error.contains("\"a.circom\", which is compressed by another method"), "{method}: {error}");
    }
    // It says that it is not compressed.
    assert!(of(entry().method(0)).contains("a.circom"));
}

#[test]
fn the_end_of_a_zip_is_the_end_of_the_file() {
    let plain = zip(ONE);
    for (archive, part) in [
        ([plain.clone(), b"x".to_vec()].concat(), "behind its end"),
        ([plain.clone(), zip(&[("b.circom", b"b")])].concat(), "directory"),
        ([b"PK".to_vec(), plain.clone()].concat(), "directory"),
        // The end of another zip, as a comment.
        (set_end(&plain, |end| end[20] = 22, &zip(&[])), "directory"),
        (set_end(&plain, |end| end[20] = 5, b"text"), "behind its end"),
        (set_end(&plain, |end| end[4] = 1, b""), "several parts"),
        (set_end(&plain, |end| end[8] = 2, b""), "several parts"),
        (set_end(&plain, |end| (end[8], end[10]) = (0, 0), b""), "more entries"),
        (set_end(&plain, |end| (end[8], end[10]) = (2, 2), b""), "fewer entries"),
        (set_end(&plain, |end| end[12] -= 1, b""), "does not end where it says"),
        (set_end(&plain, |end| end[16] += 1, b""), "does not end where it says"),
        (set_end(&plain, |end| end[12..20].fill(0xff), b""), "does not end where it says"),
        (set_end(&plain, |end| end[8..12].fill(0xff), b""), "entries"),
    ] {
        let error = error(&archive);
        assert!(error.contains(part), "{part}: {error}");
    }
    let comment = set_end(&plain, |end| end[20] = 4, b"text");
    assert_eq!(paths(&unpack(&comment, &LIMITS).unwrap()), ["a.circom"]);
    assert!(make::zip(&[]).len() == 22 && error(&zip(&[])).contains("no file whose name"));
}
