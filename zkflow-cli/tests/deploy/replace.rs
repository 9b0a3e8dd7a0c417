//! Transactions that wait because their price is too low.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;
use zkflow_core::service::catalog::DeployedContract;
use zkflow_core::service::chain::Attempts;
use zkflow_evm::deploy::{Code, DeployError, Order, Statement, Stopped, drive};
use zkflow_evm::{CappedSigner, LocalSigner, SpendingLimits};
use zkflow_server::client::LocalChain;

use crate::drive::{Memory, client, contract, order};
use crate::support::transactions;

/// Price of gas after the first signature, in gwei: far more than the first transaction pays.
const DEAR: u64 = 50;
const TENTH: Duration = Duration::from_millis(100);

type Ended = Result<DeployedContract, Stopped<Infallible>>;

/// A chain that becomes dear when the first transaction of an order is signed.
struct Market {
    chain: LocalChain,
    signer: CappedSigner<LocalSigner>,
    code: Code,
    statement: Statement,
}

impl Market {
    async fn new(limits: SpendingLimits) -> Self {
        let (code, statement) = contract(18).await;
        let chain = LocalChain::start(&["--no-mining"]).unwrap();
        let signer = CappedSigner::new(LocalSigner::from_hex(&chain.keys()[0]).unwrap(), limits);
        Self { chain, signer, code, statement }
    }

    fn order(&self, seconds: u64) -> Order<'_> {
        let deadline = Some(Instant::now() + Duration::from_secs(seconds));
        Order { replace_after: 4 * TENTH, deadline, ..order(&self.code, &self.statement, 1) }
    }

    /// Mines a block with a base fee.
    async fn block(&self, gwei: u64) {
        let fee = format!("{:#x}", u128::from(gwei) * 1_000_000_000);
        self.chain.call("anvil_setNextBlockBaseFeePerGas", json!([fee])).await.unwrap();
        self.chain.call("anvil_mine", json!(["0x1"])).await.unwrap();
        tokio::time::sleep(TENTH).await;
    }

    /// Drives an order, while blocks are dear from the first signature on.
    async fn drive(&self, seconds: u64, journal: &mut Memory) -> Ended {
        let mut seen = journal.seen.subscribe();
        let dear = async {
            seen.wait_for(|attempts| attempts.signatures > 0).await.unwrap();
            loop {
                self.block(DEAR).await;
            }
        };
        let node = client(&self.chain);
        tokio::select! {
            ended = drive(&node, Some(&self.signer), self.order(seconds), journal) => ended,
            () = dear => unreachable!("it has no end"),
        }
    }

    /// Removes all waiting transactions from the node.
    async fn forget(&self) {
        self.chain.call("anvil_dropAllTransactions", json!([])).await.unwrap();
    }

    /// The attempts with two signatures; the transactions of both are away from the node.
    async fn two_signatures(&self, mut seen: watch::Receiver<Attempts>) -> Attempts {
        seen.wait_for(|attempts| attempts.signatures == 1).await.unwrap();
        while seen.borrow().signatures < 2 {
            self.forget().await;
            self.block(DEAR).await;
        }
        self.forget().await;
        seen.borrow().clone()
    }
}

#[tokio::test]
async fn a_waiting_transaction_is_replaced_by_one_that_is_mined() {
    let market = Market::new(SpendingLimits::default()).await;
    let mut journal = Memory::default();
    let deployed = market.drive(100, &mut journal).await.unwrap();
    let Attempts { transaction, replaced, signatures } = journal.attempts;
    let newest = transaction.unwrap();
    assert_eq!((signatures, replaced.len()), (2, 1));
    assert_eq!((newest.nonce, newest.sender), (replaced[0].nonce, replaced[0].sender));
    assert_eq!(deployed.transaction, Some(newest.hash));
    assert_eq!(transactions(&market.chain).await, 1);
}

#[tokio::test]
async fn the_replaced_transaction_may_be_the_one_that_is_mined() {
    let market = Market::new(SpendingLimits::default()).await;
    let (node, mut journal) = (client(&market.chain), Memory::default());
    let seen = journal.seen.subscribe();
    // The process is killed as soon as the second transaction is in the journal.
    let attempts = tokio::select! {
        ended = drive(&node, Some(&market.signer), market.order(100), &mut journal) => panic!("{ended:?}"),
        attempts = market.two_signatures(seen) => attempts,
    };
    let first = attempts.replaced[0].clone();
    // A miner kept the first one. The price falls.
    market.forget().await;
    market.block(0).await;
    market.chain.call("eth_sendRawTransaction", json!([first.raw])).await.unwrap();
    market.block(0).await;

    // Another process goes on, without the key.
    let stored = serde_json::to_string(&attempts).unwrap();
    let mut journal = Memory { attempts: serde_json::from_str(&stored).unwrap(), ..Memory::default() };
    let deployed = drive(&node, None, market.order(100), &mut journal).await.unwrap();
    assert_eq!(deployed.transaction, Some(first.hash));
    assert_eq!(journal.attempts, attempts, "nothing more is signed");
    assert_eq!(transactions(&market.chain).await, 1);
}

/// The order ends at its deadline with the transaction that it signed first.
fn assert_waits(ended: &Ended, journal: &Memory) {
    let attempts = &journal.attempts;
    let hash = attempts.transaction.as_ref().unwrap().hash.to_string();
    assert!(
        matches!(ended, Err(Stopped::Deploy(DeployError::Late(why))) if why.contains(&hash)),
        "{ended:?}"
    );
    assert_eq!(attempts.signatures, 1);
}

#[tokio::test]
async fn a_replacement_stays_within_the_limits_of_the_signer() {
    // The estimate is more than the base fee, which is the limit.
    let market = Market::new(SpendingLimits { fee_gwei: DEAR, ..SpendingLimits::default() }).await;
    let mut journal = Memory::default();
    assert_waits(&market.drive(5, &mut journal).await, &journal);
}

#[tokio::test]
async fn a_transaction_behind_another_one_is_not_replaced() {
    let market = Market::new(SpendingLimits::default()).await;
    let accounts = market.chain.call("eth_accounts", json!([])).await.unwrap();
    let payment = json!({
        "from": accounts[0], "to": accounts[1], "value": "0x1", "nonce": "0x0", "gas": "0x5208",
        "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1",
    });
    market.chain.call("eth_sendTransaction", json!([payment])).await.unwrap();
    let mut journal = Memory::default();
    assert_waits(&market.drive(5, &mut journal).await, &journal);
    assert_eq!(journal.attempts.transaction.unwrap().nonce, 1);
}
