//! How long a call to another machine may take.

use std::future::Future;
use std::time::Duration;

use zkflow_core::service::store::StoreError;

/// For a call that moves next to nothing.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// A connection that moves less than this many bytes a second is given up.
const SLOWEST: u64 = 1024 * 1024;

/// For a call that moves `bytes`.
pub(crate) fn allowance(bytes: u64) -> Duration {
    CALL + Duration::from_secs(bytes / SLOWEST)
}

/// Lets `call`, which moves `bytes`, take no longer than its allowance.
pub(crate) async fn within<T>(
    action: &str,
    bytes: u64,
    call: impl Future<Output = T>,
) -> Result<T, StoreError> {
    let limit = allowance(bytes);
    let answer = tokio::time::timeout(limit, call).await;
    answer.map_err(|_| StoreError::backend(action, format!("no answer within {} s", limit.as_secs())))
}
