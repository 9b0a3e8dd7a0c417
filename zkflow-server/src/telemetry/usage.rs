//! Measures what a process uses, at the moment that the metrics are read.

use std::fs;
use std::path::Path;

use metrics::{counter, gauge};

use crate::config::Config;
use crate::state::{App, Budgets, CacheFolders, CircuitUse};

/// Updates the metrics of the GPU, loaded circuits, budgets, disks and database.
pub(crate) async fn measure(app: &App) {
    counter!("zkflow_gpu_faults_total").absolute(app.prover.health().wrong_proofs);
    gauge!("zkflow_gpu_set_aside").set(if app.gpu_trouble().is_some() { 1.0 } else { 0.0 });
    let CircuitUse { hits, misses, .. } = app.loaded.usage();
    for (outcome, times) in [("hit", hits), ("miss", misses)] {
        counter!("zkflow_circuit_cache_total", "outcome" => outcome).absolute(times);
    }
    let Budgets { bodies, downloads, watchers, .. } = &app.budgets;
    for (name, budget) in [("bodies", bodies), ("downloads", downloads), ("watchers", watchers)] {
        gauge!("zkflow_budget_used", "budget" => name).set(budget.used() as f64);
        gauge!("zkflow_budget_limit", "budget" => name).set(budget.total() as f64);
    }
    let config = app.config.clone();
    // The file system may be slow. A panic leaves the metrics as they are.
    let measured = tokio::task::spawn_blocking(move || (disks(&config), database_bytes(&config))).await;
    let Ok((disks, database)) = measured else { return };
    for Disk { folder, free_bytes, .. } in disks {
        gauge!("zkflow_disk_free_bytes", "folder" => folder).set(free_bytes as f64);
    }
    if let Some(bytes) = database {
        gauge!("zkflow_database_bytes").set(bytes as f64);
    }
}

/// The file system of a folder.
pub(crate) struct Disk {
    pub(crate) folder: &'static str,
    /// Bytes that this process may still write.
    pub(crate) free_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// The file system of each folder that exists.
pub(crate) fn disks(config: &Config) -> Vec<Disk> {
    let folders = [
        ("data", Some(&config.storage.data_dir)),
        ("artifacts", config.storage.artifact_cache.as_ref()),
        ("keys", config.proving.key_cache.as_ref()),
        ("modules", config.circuits.module_cache.as_ref()),
    ];
    let disks = folders.into_iter().filter_map(|(name, folder)| {
        let found = rustix::fs::statvfs(folder?).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Some(Disk { folder: name, free_bytes: bytes(found.f_bavail), total_bytes: bytes(found.f_blocks) })
    });
    disks.collect()
}

/// A folder of data that can be computed or fetched again.
pub(crate) struct CacheFolder {
    pub(crate) name: &'static str,
    pub(crate) used_bytes: u64,
    pub(crate) limit_bytes: Option<u64>,
}

/// The cache folders that exist.
pub(crate) fn cached_bytes(config: &Config, caches: &CacheFolders) -> Vec<CacheFolder> {
    let folders = [
        ("artifacts", &caches.artifacts, Some(config.storage.artifact_cache_bytes())),
        ("keys", &caches.keys, Some(config.proving.key_cache_bytes())),
        ("modules", &caches.modules, None),
    ];
    let sizes = folders.into_iter().filter_map(|(name, folder, limit_bytes)| {
        Some(CacheFolder { name, used_bytes: folder_bytes(folder.as_ref()?)?, limit_bytes })
    });
    sizes.collect()
}

/// Size of the files of a folder and of the folders in it; `None` if it cannot be read.
fn folder_bytes(folder: &Path) -> Option<u64> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let sizes = entries.filter_map(|entry| {
        // A file may have gone since.
        let found = entry.metadata().ok()?;
        if found.is_dir() { folder_bytes(&entry.path()) } else { Some(found.len()) }
    });
    Some(sizes.sum())
}

/// Size of the SQLite file with its log; `None` without one.
pub(crate) fn database_bytes(config: &Config) -> Option<u64> {
    let sizes = ["", "-wal"].map(|suffix| {
        let mut path = config.storage.database().into_os_string();
        path.push(suffix);
        fs::metadata(path).map_or(0, |found| found.len())
    });
    (sizes[0] > 0).then(|| sizes.iter().sum())
}

/// Resident memory of this process in bytes; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
