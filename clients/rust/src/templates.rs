//! Calls for templates.

use reqwest::Method;
use serde_json::Value;

use crate::paths::segment;
use crate::transport::Call;
use crate::{Client, ClientError};

impl Client {
    /// The templates of the server.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn templates(&self) -> Result<Value, ClientError> {
        Ok(Call::new(Method::GET, "/v1/templates").succeed(self).await?["templates"].take())
    }

    /// A template, with its parameters and inputs.
    ///
    /// # Errors
    /// The template is unknown.
    pub async fn template(&self, name: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &format!("/v1/templates/{}", segment(name))).succeed(self).await
    }
}
