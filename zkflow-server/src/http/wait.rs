//! The `wait` parameter of long-polling requests.

use std::time::Duration;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::state::App;

/// Query of a long-polling request.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Seconds to wait until the document is final; default 0. The server may apply a lower limit.
    #[serde(default)]
    #[param(maximum = 65535)]
    wait: u16,
}

impl WaitQuery {
    /// The time to wait, at most `max_wait_s`.
    pub(super) fn bounded(&self, app: &App) -> Duration {
        Duration::from_secs(u64::from(self.wait).min(app.config.http.max_wait_s))
    }
}
