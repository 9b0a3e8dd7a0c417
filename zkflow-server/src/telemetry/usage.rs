//! Measures what a process uses, at the moment that the metrics are read.

use std::path::PathBuf;

use metrics::gauge;

use crate::config::Config;
use crate::state::Budgets;

/// Updates the metrics of budgets, disks and database.
pub(crate) async fn measure(config: &Config, budgets: &Budgets) {
    for (name, budget) in
        [("bodies", &budgets.bodies), ("downloads", &budgets.downloads), ("watchers", &budgets.watchers)]
    {
        gauge!("zkflow_budget_used", "budget" => name).set(budget.used() as f64);
        gauge!("zkflow_budget_limit", "budget" => name).set(budget.total() as f64);
    }
    let folders = [
        ("data", Some(config.storage.data_dir.clone())),
        ("artifacts", config.storage.artifact_cache.clone()),
        ("keys", config.proving.key_cache.clone()),
        ("modules", config.circuits.module_cache.clone()),
    ];
    let database = config.storage.database();
    // The file system may be slow. A panic leaves the metrics as they are.
    let _ = tokio::task::spawn_blocking(move || disks(folders, database)).await;
}

fn disks(folders: [(&'static str, Option<PathBuf>); 4], database: PathBuf) {
    for (name, folder) in folders {
        if let Some(Ok(found)) = folder.map(rustix::fs::statvfs) {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            gauge!("zkflow_disk_free_bytes", "folder" => name).set(free as f64);
        }
    }
    let sizes = ["", "-wal"].map(|suffix| {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        std::fs::metadata(path).map_or(0, |found| found.len())
    });
    if sizes[0] > 0 {
        gauge!("zkflow_database_bytes").set(sizes.iter().sum::<u64>() as f64);
    }
}
