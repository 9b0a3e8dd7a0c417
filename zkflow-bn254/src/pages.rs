//! Memory of large arrays: huge pages, for arrays that are read in random order, and zeros.
//!
//! A processor keeps the addresses of some thousand pages at hand. In pages of 4 KiB these are a few MiB, and each read
//! elsewhere waits for a walk through the page tables. A huge page has 2 MiB.

/// Memory of fewer bytes need not contain a whole huge page.
#[cfg(target_os = "linux")]
const LEAST: usize = 4 << 20;

/// An empty vector with this capacity. For a large one, the system is asked for huge pages.
pub(crate) fn with_capacity<T>(capacity: usize) -> Vec<T> {
    let vector = Vec::with_capacity(capacity);
    #[cfg(target_os = "linux")]
    prefer_huge(&vector);
    vector
}

/// Numbers that are zero. A large array comes from the system without a write here, so each thread is the first to write to its
/// part.
pub(crate) fn zeros<const N: usize>(count: usize) -> Vec<[u64; N]> {
    let vector = vec![[0; N]; count];
    #[cfg(target_os = "linux")]
    prefer_huge(&vector);
    vector
}

/// Asks for huge pages. It is a wish: if the system refuses it, nothing changes.
#[cfg(target_os = "linux")]
fn prefer_huge<T>(vector: &Vec<T>) {
    use rustix::mm::{Advice, madvise};
    use rustix::param::page_size;

    let bytes = vector.capacity() * size_of::<T>();
    if bytes < LEAST {
        return;
    }
    let start = vector.as_ptr().cast_mut().cast::<u8>();
    let skipped = start.align_offset(page_size());
    // Whole pages only: the rest of a page can belong to other data.
    let whole = bytes.saturating_sub(skipped) / page_size() * page_size();
    // SAFETY: the range is part of the allocation of the vector, and the advice changes no content.
    let _ = unsafe { madvise(start.wrapping_add(skipped).cast(), whole, Advice::LinuxHugepage) };
}
