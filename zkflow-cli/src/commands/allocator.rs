//! Settings of the allocator of glibc.

/// Keeps the memory of freed buffers below `bytes`, at most 32 MiB, in the process, and up to 64 MiB of free memory. Without
/// effect where the C library is not glibc. Call this before threads start.
///
/// The defaults of glibc adapt to the buffers that are freed: at first memory goes back to the system that is needed again at
/// once, later large buffers are kept that are not.
pub(super) fn keep_buffers_below(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, bytes) in
        [(libc::M_MMAP_THRESHOLD, bytes), (libc::M_TRIM_THRESHOLD, 64 << 20), (libc::M_TOP_PAD, 4 << 20)]
    {
        // SAFETY: the call changes words that the allocator reads. Commands make it at their start, before other threads.
        unsafe { libc::mallopt(setting, bytes) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}
