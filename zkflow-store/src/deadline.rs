//! Time limits of transfers.

use std::future::Future;
use std::time::Duration;

use zkflow_core::service::store::StoreError;

use crate::guarded::CALL;

/// Lowest accepted transfer rate, in bytes per second.
const SLOWEST: u64 = 1024 * 1024;

/// `CALL + bytes / SLOWEST`: time limit of a call that transfers `bytes`.
pub(crate) fn allowance(bytes: u64) -> Duration {
    CALL + Duration::from_secs(bytes / SLOWEST)
}

/// Runs `call`, which transfers `bytes`, within its [`allowance`].
pub(crate) async fn within<T>(
    action: &str,
    bytes: u64,
    call: impl Future<Output = T>,
) -> Result<T, StoreError> {
    let limit = allowance(bytes);
    let answer = tokio::time::timeout(limit, call).await;
    answer.map_err(|_| StoreError::backend(action, format!("no answer within {} s", limit.as_secs())))
}
