//! The memory of this machine, and the shares of it that keys may take in a service.

/// Memory in bytes of the machine or of the control group of this process, whichever is smaller; `None` if neither is
/// known.
pub fn of_machine() -> Option<u64> {
    let read = |path| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    // Version 2 first. Without a limit, version 2 contains `max`, and version 1 a huge number.
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = group.into_iter().find_map(read).and_then(|text| text.trim().parse::<u64>().ok());
    machine.into_iter().chain(group).min()
}

/// Memory in bytes for all prepared keys: an eighth of [`of_machine`], from 256 MiB to 16 GiB; 1 GiB if it is not known.
pub fn for_keys() -> u64 {
    share_of(of_machine())
}

/// Memory in bytes for the points of one key and their multiples, as
/// [`NativeOptions::key_memory`](super::native::NativeOptions::key_memory): a quarter of [`for_keys`], at most 1 GiB.
pub fn for_key() -> u64 {
    (for_keys() / 4).min(1 << 30)
}

fn share_of(machine: Option<u64>) -> u64 {
    machine.map_or(1 << 30, |bytes| (bytes / 8).clamp(256 << 20, 16 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_take_an_eighth_of_the_memory_within_bounds() {
        let gib = |share| share_of(share) as f64 / f64::from(1 << 30);
        assert_eq!(
            [None, Some(0), Some(8 << 30), Some(24 << 30), Some(1 << 40)].map(gib),
            [1.0, 0.25, 1.0, 3.0, 16.0]
        );
        assert!((64 << 20..=1 << 30).contains(&for_key()));
    }
}
