//! Checks of what accounts of signers can have paid.

use futures::future;

use super::{Subject, moment};
use crate::service::catalog::{CatalogError, ChainAccount, Spent};
use crate::service::chain::Address;

fn account(chain_id: u64, byte: u8) -> ChainAccount {
    ChainAccount { chain_id, address: Address([byte; 20]) }
}

async fn read(catalog: &Subject, account: ChainAccount) -> Spent {
    catalog.spending().spent(&account).await.expect("spent")
}

/// Adds a cost as a signer does: again and again until no other writer is between.
async fn add(catalog: &Subject, account: ChainAccount, nonce: u64) {
    loop {
        let mut spent = read(catalog, account).await;
        let _ = spent.add(moment(1_000), nonce, 1 << 70, u128::MAX).expect("the limit is high");
        match catalog.spending().write_spent(&account, &spent).await {
            Err(CatalogError::Stale(_)) => {}
            written => return written.expect("write_spent"),
        }
    }
}

/// Of two changes of one value, one is stored.
pub(super) async fn a_change_of_an_older_value_is_refused(catalog: Subject) {
    let account = account(1, 7);
    let (mut spent, mut late) = (read(&catalog, account).await, read(&catalog, account).await);
    assert_eq!(spent, Spent::default(), "a new account has spent something");
    for (version, nonce) in [(1, 5), (2, 6)] {
        let _ =
            spent.add(moment(1_000), nonce, u128::from(u64::MAX) + 1, u128::MAX).expect("the limit is high");
        catalog.spending().write_spent(&account, &spent).await.expect("write_spent");
        spent.version = version;
        assert_eq!(read(&catalog, account).await, spent, "the value was read back changed");
        let _ = late.add(moment(1_000), 9, 1, u128::MAX).expect("the limit is high");
        let refused = catalog.spending().write_spent(&account, &late).await;
        assert!(matches!(refused, Err(CatalogError::Stale(_))), "{refused:?}");
        assert_eq!(read(&catalog, account).await, spent, "a refused change was stored");
    }
    let older = Spent::default().at(1);
    let refused = catalog.spending().write_spent(&account, &older).await;
    assert!(matches!(refused, Err(CatalogError::Stale(_))), "{refused:?}");
    let unknown = Spent::default().at(3);
    let refused = catalog.spending().write_spent(&self::account(2, 7), &unknown).await;
    assert!(
        matches!(refused, Err(CatalogError::Stale(_))),
        "a missing value has another version: {refused:?}"
    );
}

/// The address and the chain make the account.
pub(super) async fn accounts_spend_apart(catalog: Subject) {
    let accounts = [account(1, 7), account(2, 7), account(1, 8)];
    for (count, account) in (1..).zip(accounts) {
        for nonce in 0..count {
            add(&catalog, account, nonce).await;
        }
    }
    for (count, account) in (1..).zip(accounts) {
        assert_eq!(read(&catalog, account).await.version, count, "{account}");
    }
}

/// No addition is lost.
pub(super) async fn sums_of_many_writers_are_all_counted(catalog: Subject) {
    let account = account(1, 7);
    future::join_all((0..16).map(|nonce| add(&catalog, account, nonce))).await;
    let mut spent = read(&catalog, account).await;
    assert_eq!(spent.version, 16);
    let sum = spent.add(moment(2_000), 99, 1, 0).expect_err("the limit is 0");
    assert_eq!(sum, 16 << 70);
}
