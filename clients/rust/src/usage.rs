//! The use of a server.

use reqwest::Method;
use serde_json::Value;

use crate::paths::{Page, with_query};
use crate::transport::Call;
use crate::{Client, ClientError};

/// Part of the use: what fits all fields that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Id of the circuit.
    pub circuit: Option<String>,
    /// First day, such as `2027-01-01`.
    pub from: Option<String>,
    /// Last day.
    pub to: Option<String>,
}

impl Client {
    /// A page of the use by circuit and day: `usage`, and `nextCursor` if there is more. The CSV is at
    /// `/v1/usage?format=csv`, for [`read`](Self::read).
    ///
    /// # Errors
    /// A field of the filter or the page is not valid.
    pub async fn usage(&self, filter: &UsageFilter, page: &Page) -> Result<Value, ClientError> {
        let UsageFilter { circuit, from, to } = filter;
        let query = [("circuitId", circuit), ("from", from), ("to", to)];
        Call::new(Method::GET, &with_query("/v1/usage", &query, page)).succeed(self).await
    }
}
