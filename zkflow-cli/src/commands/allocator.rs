//! Settings of the allocator of glibc.

/// Sets the sizes of buffers whose memory the process keeps when they are freed, and of the free memory that it keeps.
///
/// By default glibc adapts the first one to the buffers that are freed: it returns memory to the system that is asked for again
/// at once, and it keeps large buffers that are not used again.
pub(super) fn keep_buffers_below(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, bytes) in
        [(libc::M_MMAP_THRESHOLD, bytes), (libc::M_TRIM_THRESHOLD, 64 << 20), (libc::M_TOP_PAD, 4 << 20)]
    {
        // SAFETY: the call changes a setting of the allocator, which every thread may do at any time.
        unsafe { libc::mallopt(setting, bytes) };
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}
