//! Replacements on a chain without a market: the test decides what is mined, refused and interrupted.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use zkflow_core::service::catalog::{DeployedContract, DeploymentStage};
use zkflow_core::service::chain::{
    Address, Attempts, ChainClient, ChainError, Fees, Receipt, SignedTransaction, TransactionHash,
    TransactionSigner, UnsignedTransaction,
};
use zkflow_evm::deploy::{Code, DeployError, Journal, Order, Statement, Stopped, drive};
use zkflow_evm::{CappedSigner, LocalSigner, SpendingLimits};

use crate::drive::{contract, order};
use crate::support::ANVIL;

const GWEI: u128 = 1_000_000_000;
/// The first nonce that the account has not used.
const NONCE: u64 = 7;
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

type Ended = Result<DeployedContract, Stopped<Infallible>>;

/// What happens to an order, in its order. Transactions are numbered as they are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Signed(usize),
    Stored(usize),
    Sent(usize),
    Refused(usize),
}
use Event::{Refused, Sent, Signed, Stored};

/// A node, a signer and a journal of one order.
#[derive(Debug, Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    head: u64,
    signed: Vec<(SignedTransaction, UnsignedTransaction)>,
    events: Vec<Event>,
    /// The transaction that is mined, as soon as the event has happened.
    mines: Option<(usize, Event)>,
    /// A transaction that the node refuses.
    refuses: Option<usize>,
    /// The process ends at this event.
    crash: Option<Event>,
}

impl State {
    fn number(&self, hash: TransactionHash) -> usize {
        self.signed.iter().position(|(signed, _)| signed.hash == hash).unwrap()
    }

    fn mined(&self) -> Option<TransactionHash> {
        let (number, after) = self.mines?;
        self.events.contains(&after).then(|| self.signed[number].0.hash)
    }
}

impl World {
    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        read(&mut self.0.lock().unwrap())
    }

    /// Records an event. Does not return from the last one before a crash.
    async fn note(&self, event: Event) {
        let crashes = self.with(|state| {
            state.events.push(event);
            state.crash == Some(event)
        });
        if crashes {
            std::future::pending::<()>().await;
        }
    }

    fn events(&self) -> Vec<Event> {
        self.with(|state| state.events.clone())
    }
}

#[async_trait]
impl ChainClient for World {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        Ok(ANVIL)
    }

    async fn head(&self) -> Result<u64, ChainError> {
        Ok(self.with(|state| {
            state.head += 1;
            state.head
        }))
    }

    async fn mined_nonces(&self, _: &Address, _: u64) -> Result<u64, ChainError> {
        Ok(NONCE + u64::from(self.with(|state| state.mined().is_some())))
    }

    async fn creation(&self, _: &Address, code: Bytes) -> Result<UnsignedTransaction, ChainError> {
        let fees = self.fees().await?;
        let nonce = self.mined_nonces(&Address([0; 20]), 0).await?;
        Ok(UnsignedTransaction { chain_id: ANVIL, nonce, gas: 300_000, fees, code })
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        Ok(Fees::Market { max: 100 * GWEI, priority: GWEI })
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), ChainError> {
        let number = self.with(|state| state.number(transaction.hash));
        if self.with(|state| state.refuses) == Some(number) {
            self.note(Refused(number)).await;
            let message = "the price of the replacement is too low".to_owned();
            return Err(ChainError::Refused { action: "a transaction", message });
        }
        self.note(Sent(number)).await;
        Ok(())
    }

    async fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, ChainError> {
        Ok(self.with(|state| {
            let receipt =
                Receipt { block: state.head, succeeded: true, contract: Some(Address([9; 20])), gas_used: 1 };
            (state.mined() == Some(*hash)).then_some(receipt)
        }))
    }

    async fn code(&self, _: &Address) -> Result<Bytes, ChainError> {
        Ok(Bytes::from_static(b"code"))
    }

    async fn call(&self, _: &Address, _: Bytes, _: u64) -> Result<Bytes, ChainError> {
        unreachable!("the order has no proof")
    }
}

/// Signs, and notes it.
#[derive(Debug)]
struct Pen(LocalSigner, World);

#[async_trait]
impl TransactionSigner for Pen {
    fn address(&self) -> Address {
        self.0.address()
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        let signed = self.0.sign(transaction).await?;
        let number = self.1.with(|state| {
            // The same transaction, signed again after a crash, has the same hash.
            if state.signed.iter().all(|(known, _)| known.hash != signed.hash) {
                state.signed.push((signed.clone(), transaction.clone()));
            }
            state.number(signed.hash)
        });
        self.1.note(Signed(number)).await;
        Ok(signed)
    }
}

/// Keeps what survives a crash.
struct Disk(Attempts, World);

#[async_trait]
impl Journal for Disk {
    type Error = Infallible;

    fn attempts(&self) -> &Attempts {
        &self.0
    }

    async fn signed(&mut self, _: u64, transaction: SignedTransaction) -> Result<(), Infallible> {
        let number = self.1.with(|state| state.number(transaction.hash));
        self.0.add(transaction);
        self.1.note(Stored(number)).await;
        Ok(())
    }

    async fn stage(&mut self, _: DeploymentStage) -> Result<(), Infallible> {
        Ok(())
    }
}

/// An order whose process can be killed and started again.
struct Process {
    world: World,
    signer: CappedSigner<Pen>,
    disk: Disk,
    code: Code,
    statement: Statement,
}

impl Process {
    async fn new(limits: SpendingLimits, state: State) -> Self {
        let (mut code, statement) = contract(18).await;
        code.runtime = Bytes::from_static(b"code");
        let world = World(Arc::new(Mutex::new(state)));
        let pen = Pen(LocalSigner::from_hex(KEY).unwrap(), world.clone());
        let signer = CappedSigner::new(pen, limits);
        Self { disk: Disk(Attempts::default(), world.clone()), world, signer, code, statement }
    }

    /// Runs the order to its end, or for some seconds at most if it crashes.
    async fn run(&mut self, seconds: u64) -> Option<Ended> {
        let deadline = Some(Instant::now() + Duration::from_secs(seconds));
        let waits = Duration::from_millis(40);
        let order = Order {
            statement: None,
            replace_after: waits,
            deadline,
            ..order(&self.code, &self.statement, 1)
        };
        let order = drive(&self.world, Some(&self.signer), order, &mut self.disk);
        tokio::time::timeout(Duration::from_secs(2 * seconds), order).await.ok()
    }

    fn assert_one_nonce(&self) {
        self.world.with(|state| {
            for (signed, unsigned) in &state.signed {
                assert_eq!((signed.nonce, unsigned.nonce), (NONCE, NONCE));
            }
        });
    }
}

fn hash_of(process: &Process, number: usize) -> TransactionHash {
    process.world.with(|state| state.signed[number].0.hash)
}

#[tokio::test]
async fn a_replacement_is_signed_then_stored_then_sent_and_dearer() {
    let state = State { mines: Some((2, Sent(2))), ..State::default() };
    let mut process = Process::new(SpendingLimits::default(), state).await;
    let deployed = process.run(60).await.unwrap().unwrap();
    assert_eq!(deployed.transaction, Some(hash_of(&process, 2)));
    let expected: Vec<Event> =
        (0..3).flat_map(|number| [Signed(number), Stored(number), Sent(number)]).collect();
    assert_eq!(process.world.events(), expected);
    process.assert_one_nonce();
    process.world.with(|state| {
        for pair in state.signed.windows(2) {
            let [(_, before), (_, after)] = pair else { unreachable!() };
            let (Fees::Market { max, priority }, Fees::Market { max: more, priority: tip }) =
                (before.fees, after.fees)
            else {
                panic!("the kind of the fees changed");
            };
            assert!(more * 8 >= max * 9 && tip * 8 >= priority * 9, "{pair:?}");
            assert_eq!((before.gas, &before.code), (after.gas, &after.code));
        }
    });
}

#[tokio::test]
async fn any_of_the_transactions_may_be_mined() {
    join_all((0..3).map(async |number| {
        let state = State { mines: Some((number, Sent(2))), ..State::default() };
        let mut process = Process::new(SpendingLimits::default(), state).await;
        let deployed = process.run(60).await.unwrap().unwrap();
        assert_eq!(deployed.transaction, Some(hash_of(&process, number)));
        process.assert_one_nonce();
    }))
    .await;
}

#[tokio::test]
async fn the_cap_of_a_price_ends_the_replacements() {
    // 100 gwei, then 112.5; the next one would pay 126.6.
    let limits = SpendingLimits { fee_gwei: 120, ..SpendingLimits::default() };
    let mut process = Process::new(limits, State::default()).await;
    let ended = process.run(4).await.unwrap();
    let newest = hash_of(&process, 1).to_string();
    assert!(
        matches!(&ended, Err(Stopped::Deploy(DeployError::Late(why))) if why.contains(&newest)),
        "{ended:?}"
    );
    process.world.with(|state| {
        assert_eq!(state.signed.len(), 2);
        assert!(state.signed.iter().all(|(_, unsigned)| unsigned.fees.highest() <= 120 * GWEI));
    });
    process.assert_one_nonce();
}

#[tokio::test]
async fn three_replacements_are_the_most() {
    let mut process = Process::new(SpendingLimits::default(), State::default()).await;
    for _ in 0..2 {
        let ended = process.run(5).await.unwrap();
        assert!(matches!(ended, Err(Stopped::Deploy(DeployError::Late(_)))), "{ended:?}");
        assert_eq!(process.world.with(|state| state.signed.len()), 4, "another process signs no more");
    }
    process.assert_one_nonce();
}

#[tokio::test]
async fn a_refused_replacement_leaves_the_waiting_transaction_good() {
    // The node refuses the replacement. The first one is sent again, and mined.
    let state = State { refuses: Some(1), mines: Some((0, Refused(1))), ..State::default() };
    let mut process = Process::new(SpendingLimits::default(), state).await;
    let deployed = process.run(60).await.unwrap().unwrap();
    assert_eq!(deployed.transaction, Some(hash_of(&process, 0)));
    let expected = [Signed(0), Stored(0), Sent(0), Signed(1), Stored(1), Refused(1), Sent(0)];
    assert_eq!(process.world.events(), expected);
}

#[tokio::test]
async fn a_crash_around_a_replacement_gives_one_contract() {
    let cases = [
        // Signed but not stored: the next process signs the same one again.
        (Signed(1), 1, Sent(1)),
        // Stored but not sent: the next process sends it.
        (Stored(1), 1, Sent(1)),
        (Sent(1), 0, Sent(1)),
    ];
    join_all(cases.map(async |(crash, mined, after)| {
        let state = State { crash: Some(crash), mines: Some((mined, after)), ..State::default() };
        let mut process = Process::new(SpendingLimits::default(), state).await;
        assert!(process.run(2).await.is_none(), "{crash:?}: it did not crash");
        process.world.with(|state| state.crash = None);
        let stored = serde_json::to_string(&process.disk.0).unwrap();
        process.disk.0 = serde_json::from_str(&stored).unwrap();
        let deployed = process.run(60).await.unwrap().unwrap();
        assert_eq!(deployed.transaction, Some(hash_of(&process, mined)), "{crash:?}");
        process.assert_one_nonce();
        let events = process.world.events();
        assert!(events.contains(&Sent(1)), "{crash:?}: {events:?}");
        for (at, event) in events.iter().enumerate() {
            if let Sent(number) = event {
                assert!(events[..at].contains(&Stored(*number)), "{crash:?}: {events:?}");
            }
        }
    }))
    .await;
}
