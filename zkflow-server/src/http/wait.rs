//! How long a request waits for a document to settle.

use std::time::Duration;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::state::App;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Seconds to wait for the end of the work; more than the server allows counts as that.
    #[serde(default)]
    wait: u64,
}

impl WaitQuery {
    /// The time to wait, within what `app` allows.
    pub(super) fn bounded(&self, app: &App) -> Duration {
        Duration::from_secs(self.wait.min(app.config.max_wait_s))
    }
}
