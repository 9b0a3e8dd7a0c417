//! Removes secrets from the environment of this process.

use std::fs;

/// Removes variables from the environment, and on Linux overwrites their values, which `/proc/PID/environ` shows otherwise.
/// Commands call it before they start a thread.
///
/// # Errors
/// The process has other threads, which might read the environment at the same time. Nothing is removed.
pub(super) fn remove<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
    if !is_alone() {
        return Err("the secrets remain in the environment of the process: it has several threads already");
    }
    for name in names {
        #[cfg(target_os = "linux")]
        overwrite(name);
        // SAFETY: this thread is the only one, so that no other reads or changes the environment.
        unsafe { std::env::remove_var(name) };
    }
    Ok(())
}

/// Whether this thread is the only one. Elsewhere than on Linux the callers ensure it.
fn is_alone() -> bool {
    !cfg!(target_os = "linux") || fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// Overwrites the value of a variable in the memory that the kernel gave the process at its start.
#[cfg(target_os = "linux")]
fn overwrite(name: &str) {
    use std::ffi::CString;
    use std::slice;

    use zeroize::Zeroize as _;

    let Ok(name) = CString::new(name) else { return };
    // SAFETY: this thread is the only one, so that no other reads or changes the environment. `getenv` returns null, or the
    // address of a text in the environment, which ends with a zero byte and may be written. Nothing else borrows it.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        if !value.is_null() {
            slice::from_raw_parts_mut(value.cast::<u8>(), libc::strlen(value)).zeroize();
        }
    }
}
