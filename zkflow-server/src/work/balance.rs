//! Watches what the operator's signers own, so that an account is filled up before a deployment fails.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// Interval of the questions: one per signer and chain.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// Asks the nodes for the balances until shutdown. A balance that is not known is not a number.
pub(super) async fn watch(app: Arc<App>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        tokio::select! {
            () = measure(&app) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn measure(app: &App) {
    for (signer, chain_id) in app.chains.accounts() {
        let balance = app.chains.balance(&signer, chain_id).await;
        let coins = match balance {
            Ok(wei) => wei as f64 / 1e18,
            Err(error) => {
                tracing::warn!(signer, chain_id, %error, "the balance of a signer is not known");
                f64::NAN
            }
        };
        gauge!("zkflow_signer_balance_ether", "signer" => signer, "chain" => chain_id.to_string()).set(coins);
    }
}
