use super::*;

fn files() -> Files {
    let sources = BTreeMap::from([
        ("main.circom".to_owned(), b"main".to_vec()),
        ("lib/a.circom".to_owned(), b"0123456789".to_vec()),
    ]);
    Files::new(Arc::new(sources), 10)
}

const WRITE: u64 = 1 << 6;

fn open(files: &mut Files, path: &str, flags: u32) -> Outcome<u32> {
    let path = files.path(3, path)?;
    files.open(path, flags, WRITE, 0)
}

#[test]
fn sources_are_read_and_sought_in() {
    let mut files = files();
    let fd = open(&mut files, "./lib/../lib/a.circom", 0).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(files.seek(fd, -3, 2), Ok(7));
    assert_eq!(files.read(fd, &mut buffer), Ok(3));
    assert_eq!(&buffer[..3], b"789");
    assert_eq!(files.read(fd, &mut buffer), Ok(0));
    assert_eq!(files.seek(fd, i64::MIN, 1), Err(Errno::INVAL));
    files.seek(fd, i64::MAX, 0).unwrap();
    assert_eq!(files.read(fd, &mut buffer), Ok(0));
}

#[test]
fn nothing_outside_the_virtual_folder_has_a_name() {
    let mut files = files();
    for path in ["/etc/passwd", "../etc/passwd", "lib/../../etc/passwd", ".."] {
        assert_eq!(open(&mut files, path, 0), Err(Errno::NOTCAPABLE), "{path}");
    }
    assert_eq!(open(&mut files, "etc/passwd", 0), Err(Errno::NOENT));
    assert_eq!(files.path(9, "x"), Err(Errno::BADF));
    assert_eq!(files.path(0, "x"), Err(Errno::NOTDIR));
}

#[test]
fn sources_cannot_be_changed() {
    let mut files = files();
    for path in ["main.circom", "lib/a.circom", "new", "lib/new"] {
        for flags in [1, 8, 9] {
            let error = open(&mut files, path, flags);
            assert!(matches!(error, Err(Errno::ROFS | Errno::NOENT)), "{path} {flags}: {error:?}");
        }
        assert!(files.create_folder(path.to_owned()).is_err());
        assert!(files.remove_file(path.to_owned()).is_err());
    }
    assert_eq!(files.remove_folder("lib".to_owned()), Err(Errno::ROFS));
    let fd = open(&mut files, "main.circom", 0).unwrap();
    assert_eq!(files.write(fd, b"x"), Err(Errno::BADF));
}

#[test]
fn output_is_bounded_and_room_comes_back() {
    let mut files = files();
    files.create_folder(format!("{OUTPUT}/js")).unwrap();
    let fd = open(&mut files, &format!("{OUTPUT}/js/a"), 1).unwrap();
    files.write(fd, b"0123456789").unwrap();
    assert_eq!(files.write(fd, b"x"), Err(Errno::NOSPC));
    // A hole is not allocated either.
    files.seek(fd, 1 << 40, 0).unwrap();
    assert_eq!(files.write(fd, b"x"), Err(Errno::NOSPC));
    assert_eq!(files.remove_folder(format!("{OUTPUT}/js")), Err(Errno::NOTEMPTY));
    files.remove_file(format!("{OUTPUT}/js/a")).unwrap();
    assert_eq!(files.write(fd, b"x"), Err(Errno::NOENT));
    let fd = open(&mut files, &format!("{OUTPUT}/b"), 1).unwrap();
    files.write(fd, b"abc").unwrap();
    let (output, exceeded) = files.into_output();
    assert_eq!(output, BTreeMap::from([("b".to_owned(), b"abc".to_vec())]));
    assert!(exceeded);
}

#[test]
fn descriptors_and_entries_are_bounded() {
    let mut files = files();
    while open(&mut files, "main.circom", 0).is_ok() {}
    assert_eq!(open(&mut files, "main.circom", 0), Err(Errno::MFILE));
    files.close(100).unwrap();
    assert_eq!(files.close(100), Err(Errno::BADF));
    assert_eq!(open(&mut files, "main.circom", 0), Ok(100));
    let made = (0..2000).filter(|i| files.create_folder(format!("{OUTPUT}/{i}")).is_ok()).count();
    assert_eq!(made, 1023);
}

#[test]
fn folders_are_listed_from_a_cookie_on() {
    let mut files = files();
    let fd = open(&mut files, "lib", 2).unwrap();
    let all = files.list(fd, 0, 1000).unwrap();
    assert_eq!(all.len(), 24 + "a.circom".len());
    assert_eq!((all[20], &all[24..]), (4, &b"a.circom"[..]));
    assert!(files.list(fd, 1, 1000).unwrap().is_empty());
}

#[test]
fn addresses_outside_the_guests_memory_are_faults() {
    let mut bytes = [0; 64];
    let mut memory = GuestMemory(&mut bytes);
    for (pointer, len) in [(64, 1), (0, 65), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
        assert_eq!(memory.slice(pointer, len), Err(Errno::FAULT));
        assert!(memory.slice_mut(pointer, len).is_err());
        assert!(memory.path(pointer, len).is_err());
    }
    assert_eq!(memory.write_u64(57, 1), Err(Errno::FAULT));
    assert_eq!(memory.write_filestat(1, (Kind::File, 1)), Err(Errno::FAULT));
    assert_eq!(memory.buffer(u32::MAX - 7, 1), Err(Errno::FAULT));
    assert_eq!(memory.write_u64(56, 1), Ok(()));
}
