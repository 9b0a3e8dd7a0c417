//! [`Locked`]: a key in memory that is not written to swap space.

use std::fmt;
use std::ops::Deref;
use std::sync::Once;

use region::LockGuard;
use zeroize::Zeroize;

/// A value in pages of memory of its own, which the system keeps out of swap space (`mlock`). Zeroised on drop, and never shown.
///
/// The lock is a precaution: if the system refuses it, for example because of `RLIMIT_MEMLOCK`, the value is stored anyway, and the
/// first refusal is logged. Only the value itself is in these pages: not memory that it points to, nor copies that its users make.
pub struct Locked<T: Zeroize> {
    // Dropped in this order: the value is zeroised by `drop`, then the pages are unlocked, then they are freed.
    lock: Option<LockGuard>,
    page: Box<Page<T>>,
}

/// Begins at a page of the processors with pages of up to 16 KiB, and contains nothing but the value: its pages are unlocked without an
/// effect on other values.
#[repr(align(16384))]
struct Page<T>(T);

impl<T: Zeroize + Default> Locked<T> {
    /// Stores a value that `fill` writes in place, so that no copy remains elsewhere.
    pub fn filled(fill: impl FnOnce(&mut T)) -> Self {
        let mut page = Box::new(Page(T::default()));
        let lock = lock(&page.0);
        fill(&mut page.0);
        Self { lock, page }
    }
}

impl<T: Zeroize> Locked<T> {
    /// Whether the system keeps the value out of swap space.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }
}

/// Locks the pages of a value; `None` if the system refuses.
fn lock<T>(value: &T) -> Option<LockGuard> {
    static REFUSED: Once = Once::new();
    let locked = region::lock(std::ptr::from_ref(value), size_of::<T>());
    locked
        .inspect_err(|error| {
            REFUSED.call_once(|| {
                tracing::info!(%error, "keys are in memory that may be written to swap space: raise RLIMIT_MEMLOCK");
            });
        })
        .ok()
}

impl<T: Zeroize> Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.page.0
    }
}

impl<T: Zeroize> Drop for Locked<T> {
    fn drop(&mut self) {
        self.page.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Locked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(byte: u8) -> Locked<[u8; 32]> {
        Locked::filled(|key: &mut [u8; 32]| key.fill(byte))
    }

    /// Counts how often it is zeroised.
    #[derive(Default)]
    struct Witness(Option<Arc<AtomicUsize>>);

    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            if let Some(times) = self.0.take() {
                times.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    #[test]
    fn a_key_is_kept_zeroised_at_its_end_and_not_shown() {
        let locked = key(0x41);
        assert_eq!((*locked, format!("{locked:?}").as_str()), ([0x41; 32], "[redacted]"));
        assert_eq!(*std::thread::spawn(move || locked).join().unwrap(), [0x41; 32]);
        let times = Arc::new(AtomicUsize::new(0));
        let witness = Locked::filled(|witness: &mut Witness| witness.0 = Some(times.clone()));
        assert_eq!(times.load(Ordering::SeqCst), 0);
        drop(witness);
        assert_eq!(times.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_value_that_the_system_does_not_lock_is_stored() {
        // No system locks zero bytes.
        let locked = Locked::filled(|_: &mut [u8; 0]| ());
        assert_eq!((locked.is_locked(), *locked), (false, []));
    }

    /// Runs the named test of this executable alone, in a process with a limit of locked memory.
    #[cfg(target_os = "linux")]
    fn alone(test: &str, limit: u64) -> String {
        let program = std::env::current_exe().unwrap();
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -l \"$0\" && exec \"$@\"", &(limit / 1024).to_string()]);
        command.arg(program).args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Locked memory of this process in kB, as Linux counts it.
    #[cfg(target_os = "linux")]
    fn locked_kb() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    #[ignore = "counts the locked memory of its process: `pages_are_locked_as_long_as_a_key_lives` runs it alone"]
    fn locked_pages() {
        let page = region::page::size() / 1024;
        let before = locked_kb();
        let (first, second) = (key(1), key(2));
        let locked = [&first, &second].map(Locked::is_locked);
        println!("locked {locked:?}");
        let expected = locked.iter().filter(|locked| **locked).count() * page;
        assert_eq!(locked_kb(), before + expected);
        // The end of one key does not unlock the other.
        drop(first);
        assert_eq!(locked_kb(), before + expected / 2);
        drop(second);
        assert_eq!(locked_kb(), before);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_are_locked_as_long_as_a_key_lives() {
        let test = "service::locked::tests::locked_pages";
        let said = alone(test, 64 * 1024);
        assert!(said.contains("locked [true, true]"), "{said}");
    }
}
