#![no_main]
//! Reading a key in full or in parts never panics.
//! A key that is read in full can be written, and reads back equal.

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use zkflow_core::format::zkey::{KeySection, ZKey, ZKeyFile};

fuzz_target!(|bytes: &[u8]| {
    let whole = ZKey::read(bytes);
    if let Ok(key) = &whole {
        assert_eq!(ZKey::read(&key.write()).as_ref(), Ok(key));
    }
    if let Ok(mut file) = ZKeyFile::open(Cursor::new(bytes)) {
        let (wires, rows) = (KeySection::B2.count(file.head()), KeySection::H.count(file.head()));
        let _ = file.points(KeySection::B2, 0, wires);
        let _ = file.points(KeySection::H, 0, rows);
    } else {
        assert!(whole.is_err(), "a key that is readable in full is readable in parts");
    }
});
