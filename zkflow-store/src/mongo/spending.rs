//! What accounts of signers can have paid, in MongoDB.

use async_trait::async_trait;
use mongodb::bson::doc;
use zkflow_core::service::catalog::{CatalogError, ChainAccount, Spending, Spent};

use super::{MongoCatalog, failed, is_duplicate};

#[async_trait]
impl Spending for MongoCatalog {
    async fn spent(&self, account: &ChainAccount) -> Result<Spent, CatalogError> {
        let call = self.connection.call();
        let found = call.spending().find_one(doc! { "_id": account.to_string() }).await;
        call.answered();
        let Some(found) = found.map_err(failed("reading what an account has spent"))? else {
            return Ok(Spent::default());
        };
        let corrupt = |detail: String| CatalogError::Corrupt {
            id: format!("what account {account} has spent"),
            detail,
        };
        let text = found.get_str("spent").map_err(|error| corrupt(error.to_string()))?;
        let spent: Spent = serde_json::from_str(text).map_err(|error| corrupt(error.to_string()))?;
        let version = found.get_i64("version").map_err(|error| corrupt(error.to_string()))?;
        let version = u64::try_from(version).map_err(|error| corrupt(error.to_string()))?;
        Ok(spent.at(version))
    }

    async fn write_spent(&self, account: &ChainAccount, spent: &Spent) -> Result<(), CatalogError> {
        let action = "writing what an account has spent";
        let backend = |error: Box<dyn std::error::Error + Send + Sync>| CatalogError::backend(action, error);
        let text = serde_json::to_string(spent).map_err(|error| backend(error.into()))?;
        let version = i64::try_from(spent.version).map_err(|error| backend(error.into()))?;
        let (id, next) = (account.to_string(), version.saturating_add(1));
        let call = self.connection.call();
        let written = if version == 0 {
            let new = doc! { "_id": id, "version": next, "spent": text };
            call.spending().insert_one(new).await.map(|_| 1)
        } else {
            let only = doc! { "_id": id, "version": version };
            let change = doc! { "$set": { "version": next, "spent": text } };
            call.spending().update_one(only, change).await.map(|done| done.matched_count)
        };
        call.answered();
        let stale = || CatalogError::Stale(format!("what account {account} has spent"));
        match written {
            Err(error) if is_duplicate(&error) => Err(stale()),
            Err(error) => Err(failed(action)(error)),
            Ok(0) => Err(stale()),
            Ok(_) => Ok(()),
        }
    }
}
