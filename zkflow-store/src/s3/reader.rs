//! [`S3Reader`]: the objects of another program.

use aws_sdk_s3::Client;
use futures::stream::{self, StreamExt as _};
use zkflow_core::service::store::{Pieces, StoreError};

use super::{S3Settings, client, status};
use crate::deadline;

/// Reads the objects of a bucket that another program writes. Writes nothing, not even a probe.
#[derive(Debug, Clone)]
pub struct S3Reader {
    client: Client,
    bucket: String,
}

impl S3Reader {
    /// Opens the bucket of `settings`; the prefix is not used.
    ///
    /// # Errors
    /// [`StoreError::Backend`]: no answer, credentials missing or refused, or no such bucket.
    pub async fn open(settings: S3Settings) -> Result<Self, StoreError> {
        let client = client::connect(&settings).await;
        let action = format!("opening the bucket {}", settings.bucket);
        let looked = client.head_bucket().bucket(&settings.bucket).send();
        deadline::within(&action, 0, looked).await?.map_err(|error| super::unusable(&action, error))?;
        Ok(Self { client, bucket: settings.bucket })
    }

    /// Begins to read an object; `None` if there is none of this name. Its length is what the server sends.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    pub async fn read(&self, name: &str) -> Result<Option<Pieces>, StoreError> {
        let action = format!("reading the object {name:?}");
        let call = self.client.get_object().bucket(&self.bucket).key(name).send();
        let output = match deadline::within(&action, 0, call).await? {
            Err(error) if status(&error) == Some(404) => return Ok(None),
            found => found.map_err(|error| StoreError::backend(&*action, error))?,
        };
        let pieces = stream::try_unfold((output.body, action), |(mut body, action)| async move {
            let next = deadline::within(&action, 0, body.next()).await?;
            let next = next.transpose().map_err(|error| StoreError::backend(&*action, error))?;
            Ok(next.map(|piece| (piece, (body, action))))
        });
        Ok(Some(pieces.boxed()))
    }
}
