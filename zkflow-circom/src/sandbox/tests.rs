use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::Linker;

use super::*;

fn limits() -> RunLimits {
    RunLimits::new(Duration::from_millis(300), 1 << 20)
}

/// A module in binary form: a type, a function with this body, and its export `f`.
fn module_of(body: &[u8], memory: bool) -> Vec<u8> {
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    wasm.extend([1, 5, 1, 0x60, 0, 1, 0x7f]); // () -> i32
    wasm.extend([3, 2, 1, 0]);
    if memory {
        wasm.extend([5, 3, 1, 0, 1]);
    }
    wasm.extend([7, 5, 1, 1, b'f', 0, 0]);
    wasm.extend([10, body.len() as u8 + 4, 1, body.len() as u8 + 2, 0]);
    wasm.extend(body);
    wasm.push(0x0b);
    wasm
}

/// `f` returns 7.
fn seven() -> Vec<u8> {
    module_of(&[0x41, 7], false)
}

fn call(sandbox: &Sandbox, wasm: &[u8]) -> Result<i32, Halt> {
    let module = sandbox.module(wasm).unwrap();
    let linker = Linker::new(sandbox.engine());
    let ended = sandbox.run(limits(), (), |store| {
        let instance = linker.instantiate(&mut *store, &module)?;
        instance.get_typed_func::<(), i32>(&mut *store, "f")?.call(store, ())
    });
    ended?.1
}

fn in_memory() -> Arc<Sandbox> {
    Sandbox::new(SandboxConfig::default()).unwrap()
}

fn on_disk(folder: &std::path::Path) -> Arc<Sandbox> {
    Sandbox::new(SandboxConfig { cache_dir: Some(folder.to_owned()), ..SandboxConfig::default() }).unwrap()
}

#[test]
fn a_file_of_another_kind_is_named_by_how_it_begins() {
    for (bytes, said) in [
        (&b"zkey\x01\0\0\0"[..], "does not begin with \"\\0asm\": it begins with \"zkey\""),
        (b"{}", "not a WebAssembly module: does not begin with \"\\0asm\""),
        (b"", "not a WebAssembly module: does not begin with \"\\0asm\""),
    ] {
        let error = in_memory().module(bytes).unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
}

#[test]
fn endless_loop_is_stopped_within_its_time_and_the_sandbox_stays_healthy() {
    let sandbox = in_memory();
    let start = Instant::now();
    // loop br 0 end; unreachable
    let halt = call(&sandbox, &module_of(&[0x03, 0x40, 0x0c, 0, 0x0b, 0x00], false)).unwrap_err();
    assert!(matches!(halt, Halt::Time), "{halt:?}");
    assert!(start.elapsed() < limits().wall + Duration::from_secs(30));
    assert_eq!(call(&sandbox, &seven()).unwrap(), 7);
}

#[test]
fn endless_recursion_is_stopped_and_the_sandbox_stays_healthy() {
    let sandbox = in_memory();
    // call 0; drop; i32.const 0
    let halt = call(&sandbox, &module_of(&[0x10, 0, 0x1a, 0x41, 0], false)).unwrap_err();
    assert!(matches!(halt, Halt::Stack), "{halt:?}");
    assert_eq!(call(&sandbox, &seven()).unwrap(), 7);
}

#[test]
fn memory_beyond_the_limit_is_refused() {
    let sandbox = in_memory();
    // memory.grow(100) returns -1, then a trap.
    let grow = [0x41, 0xe4, 0x00, 0x40, 0, 0x1a, 0x00];
    let halt = call(&sandbox, &module_of(&grow, true)).unwrap_err();
    assert!(matches!(halt, Halt::Memory), "{halt:?}");
    // memory.grow(1) is within the limit.
    assert_eq!(call(&sandbox, &module_of(&[0x41, 1, 0x40, 0], true)).unwrap(), 1);
}

#[test]
fn the_use_of_half_of_the_memory_is_noted_once() {
    let sandbox = in_memory();
    let calls = Arc::new(AtomicUsize::new(0));
    // Of the limit of 16 pages, the module has one, and asks for one more at its end.
    for (pages, expected) in [(6, 0), (7, 1)] {
        let grow = [0x41, pages, 0x40, 0, 0x1a, 0x41, 1, 0x40, 0];
        let module = sandbox.module(&module_of(&grow, true)).unwrap();
        let linker = Linker::new(sandbox.engine());
        let counter = Arc::clone(&calls);
        let note: Note = Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed));
        let (_, result) = sandbox
            .run(limits().when_half_used(Some(note)), (), |store| {
                let instance = linker.instantiate(&mut *store, &module)?;
                instance.get_typed_func::<(), i32>(&mut *store, "f")?.call(store, ())
            })
            .unwrap();
        assert_eq!(result.unwrap(), i32::from(pages) + 1);
        assert_eq!(calls.swap(0, Ordering::Relaxed), expected, "{pages}");
    }
}

#[test]
fn tables_count_in_the_memory_limit() {
    let sandbox = in_memory();
    let run = |text: &str| call(&sandbox, &wat::parse_str(text).unwrap());
    // 2^16 entries of 16 bytes are the limit.
    let full = r#"(module (table 65536 funcref) (func (export "f") (result i32) i32.const 7))"#;
    assert_eq!(run(full).unwrap(), 7);
    let two =
        r#"(module (table 65536 funcref) (table 1 funcref) (func (export "f") (result i32) i32.const 7))"#;
    assert!(matches!(run(two).unwrap_err(), Halt::Memory));
    let with_memory =
        r#"(module (memory 1) (table 65536 funcref) (func (export "f") (result i32) i32.const 7))"#;
    assert!(matches!(run(with_memory).unwrap_err(), Halt::Memory));
    let grows = r#"(module (table 0 funcref) (func (export "f") (result i32)
        (loop (br_if 0 (i32.ne (i32.const -1) (table.grow (ref.null func) (i32.const 100))))) unreachable))"#;
    assert!(matches!(run(grows).unwrap_err(), Halt::Memory));
}

#[test]
fn many_empty_tables_are_refused() {
    let tables = "(table 0 funcref)".repeat(TABLES + 1);
    let text = format!(r#"(module {tables} (func (export "f") (result i32) i32.const 7))"#);
    assert!(call(&in_memory(), &wat::parse_str(text).unwrap()).is_err());
}

#[test]
fn what_is_no_module_is_refused() {
    let error = in_memory().module(b"\0asm\x01\0\0\0\xff").unwrap_err();
    assert_eq!(error.code(), "invalid_module");
}

#[test]
fn compiled_module_is_read_back_from_disk_and_a_damaged_file_is_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/cache");
    let files = || -> Vec<_> { std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect() };
    let wasm = seven();
    let digest = Digest::of(&wasm);

    assert_eq!(call(&on_disk(&folder), &wasm).unwrap(), 7);
    let [file] = &files()[..] else { panic!("one file: {:?}", files()) };
    let good = std::fs::read(file).unwrap();

    for damaged in [&good[..20], &good[..good.len() - 1], &[good.as_slice(), b"x"].concat()] {
        std::fs::write(file, damaged).unwrap();
        let sandbox = on_disk(&folder);
        assert!(sandbox.disk.as_ref().unwrap().load(sandbox.engine(), &digest).is_none());
        assert_eq!(call(&sandbox, &wasm).unwrap(), 7);
        assert!(sandbox.disk.as_ref().unwrap().load(sandbox.engine(), &digest).is_some());
    }
}

#[test]
fn oldest_compiled_modules_leave_the_disk_first() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("cache");
    let config = SandboxConfig { cache_dir: Some(dir.clone()), cache_bytes: 1, ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config).unwrap();
    assert_eq!(call(&sandbox, &seven()).unwrap(), 7);
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0);
}

#[test]
fn cache_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    let open = || {
        Sandbox::new(SandboxConfig { cache_dir: Some(folder.path().to_owned()), ..SandboxConfig::default() })
    };
    mode(0o777);
    assert_eq!(open().unwrap_err().code(), "sandbox_cache_folder");
    mode(0o700);
    assert!(open().is_ok());
}

#[test]
fn memory_keeps_only_the_modules_used_last() {
    let sandbox = Sandbox::new(SandboxConfig { modules_in_memory: 2, ..SandboxConfig::default() }).unwrap();
    for number in [1, 2, 1, 3] {
        assert_eq!(call(&sandbox, &module_of(&[0x41, number], false)).unwrap(), i32::from(number));
    }
    let kept: Vec<Digest> = lock(&sandbox.modules).iter().map(|(digest, _)| *digest).collect();
    let of = |number| Digest::of(module_of(&[0x41, number], false));
    assert_eq!(kept, [of(1), of(3)]);
}

#[test]
fn ticker_ends_with_the_sandbox() {
    let sandbox = in_memory();
    let shared = Arc::downgrade(sandbox.ticker.shared());
    drop(sandbox);
    assert!(shared.upgrade().is_none());
}
