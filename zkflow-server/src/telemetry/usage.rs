//! Measures what a process uses, at the moment that the metrics are read.

use metrics::{counter, gauge};

use crate::config::Config;
use crate::state::{App, Budgets};

/// Updates the metrics of the GPU, budgets, disks and database.
pub(crate) async fn measure(app: &App) {
    counter!("zkflow_gpu_faults_total").absolute(app.prover.health().wrong_proofs);
    gauge!("zkflow_gpu_set_aside").set(if app.gpu_trouble().is_some() { 1.0 } else { 0.0 });
    let Budgets { bodies, downloads, watchers, .. } = &app.budgets;
    for (name, budget) in [("bodies", bodies), ("downloads", downloads), ("watchers", watchers)] {
        gauge!("zkflow_budget_used", "budget" => name).set(budget.used() as f64);
        gauge!("zkflow_budget_limit", "budget" => name).set(budget.total() as f64);
    }
    let config = app.config.clone();
    // The file system may be slow. A panic leaves the metrics as they are.
    let measured = tokio::task::spawn_blocking(move || (free_space(&config), database_bytes(&config))).await;
    let Ok((free, database)) = measured else { return };
    for (name, bytes) in free {
        gauge!("zkflow_disk_free_bytes", "folder" => name).set(bytes as f64);
    }
    if let Some(bytes) = database {
        gauge!("zkflow_database_bytes").set(bytes as f64);
    }
}

/// Free bytes of the file system of each folder.
pub(crate) fn free_space(config: &Config) -> Vec<(&'static str, u64)> {
    let folders = [
        ("data", Some(&config.storage.data_dir)),
        ("artifacts", config.storage.artifact_cache.as_ref()),
        ("keys", config.proving.key_cache.as_ref()),
        ("modules", config.circuits.module_cache.as_ref()),
    ];
    let free = folders.into_iter().filter_map(|(name, folder)| {
        let found = rustix::fs::statvfs(folder?).ok()?;
        Some((name, found.f_bavail.saturating_mul(found.f_frsize)))
    });
    free.collect()
}

/// Size of the SQLite file with its log; `None` without one.
pub(crate) fn database_bytes(config: &Config) -> Option<u64> {
    let sizes = ["", "-wal"].map(|suffix| {
        let mut path = config.storage.database().into_os_string();
        path.push(suffix);
        std::fs::metadata(path).map_or(0, |found| found.len())
    });
    (sizes[0] > 0).then(|| sizes.iter().sum())
}

/// Resident memory of this process in bytes; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
