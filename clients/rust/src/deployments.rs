//! Calls for deployments of verifier contracts.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::follow::OnChange;
use crate::paths::{Page, circuit_path, deployment_path, with_query};
use crate::transport::{Call, key_of, text};
use crate::{Client, ClientError};

impl Client {
    /// Requests a deployment, waits until it is final and returns its document, even if it has failed.
    ///
    /// # Errors
    /// The request is refused, or `patience` is exceeded.
    pub async fn deploy(
        &self,
        circuit: &str,
        request: &Value,
        patience: Duration,
    ) -> Result<Value, ClientError> {
        let reply = deploy(circuit).body(request).once(self).await?;
        self.follow(&deployment_path(circuit, text(&reply, "deploymentId")?), patience, None).await
    }

    /// Requests a deployment and returns its document as it is. Repetitions with the same idempotency key, 1 to 128 visible
    /// ASCII characters, make one deployment.
    ///
    /// # Errors
    /// The request is refused, or the key was used for another request.
    pub async fn request_deployment(
        &self,
        circuit: &str,
        request: &Value,
        idempotency_key: &str,
    ) -> Result<Value, ClientError> {
        deploy(circuit).body(request).keyed(key_of(idempotency_key)?).succeed(self).await
    }

    /// The transaction that deploys the verifier contract, for a wallet to sign. Its nonce, gas and fees are filled in if
    /// `from` is the account that will sign.
    ///
    /// # Errors
    /// The circuit is unknown or not ready, or the chain is unknown to the server.
    pub async fn unsigned_deployment(
        &self,
        circuit: &str,
        chain_id: u64,
        from: Option<&str>,
    ) -> Result<Value, ClientError> {
        let mut body = json!({"chainId": chain_id, "unsigned": true});
        if let Some(from) = from {
            body["from"] = from.into();
        }
        Ok(deploy(circuit).body(&body).succeed(self).await?["transaction"].take())
    }

    /// A deployment as it is.
    ///
    /// # Errors
    /// The circuit or the deployment is unknown.
    pub async fn deployment(&self, circuit: &str, id: &str) -> Result<Value, ClientError> {
        Call::new(Method::GET, &deployment_path(circuit, id)).succeed(self).await
    }

    /// A page of the deployments of a circuit, newest first: `deployments`, and `nextCursor` if there are more.
    ///
    /// # Errors
    /// The circuit is unknown, or the page is not valid.
    pub async fn deployments(&self, circuit: &str, page: &Page) -> Result<Value, ClientError> {
        let path = format!("{}/deployments", circuit_path(circuit));
        Call::new(Method::GET, &with_query(&path, &[], page)).succeed(self).await
    }

    /// Waits until a deployment is confirmed or has failed, and returns its document. `on_change` gets it now and after each
    /// change.
    ///
    /// # Errors
    /// The deployment is unknown, or `patience` is exceeded.
    pub async fn follow_deployment(
        &self,
        circuit: &str,
        id: &str,
        patience: Duration,
        on_change: OnChange<'_>,
    ) -> Result<Value, ClientError> {
        self.follow(&deployment_path(circuit, id), patience, Some(on_change)).await
    }

    /// Binds the contract at an address to a circuit, if its key is that of the circuit, and returns the deployment.
    ///
    /// # Errors
    /// The request is refused; the contract has another key.
    pub async fn bind_contract(
        &self,
        circuit: &str,
        chain_id: u64,
        address: &str,
    ) -> Result<Value, ClientError> {
        let body = json!({"chainId": chain_id, "address": address});
        let path = format!("{}/deployments", circuit_path(circuit));
        Call::new(Method::POST, &path).body(&body).succeed(self).await
    }
}

fn deploy(circuit: &str) -> Call {
    Call::new(Method::POST, &format!("{}/deploy", circuit_path(circuit)))
}
