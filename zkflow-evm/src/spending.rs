//! [`CappedSigner`]: limits of what an account pays, checked directly before each signature.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zkflow_core::service::catalog::{Added, CatalogError, ChainAccount, Spending, SpendingInMemory, Spent};
use zkflow_core::service::chain::{
    Address, ChainError, SignedTransaction, TransactionSigner, UnsignedTransaction,
};
use zkflow_core::service::clock::{Clock, SystemClock, Timestamp};

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// Attempts of an addition that competes with others. Of those that compete, one succeeds each time.
const ATTEMPTS: usize = 256;

/// Limits of the transactions of one account, in gwei: 10^9 gwei are one coin of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingLimits {
    /// Highest price of a unit of gas.
    pub fee_gwei: u64,
    /// Highest gas limit of a transaction.
    pub gas: u64,
    /// Highest cost of a transaction: gas limit times price.
    pub cost_gwei: u64,
    /// Highest cost of all transactions that are signed within 24 hours, for each chain.
    pub daily_gwei: u64,
}

impl Default for SpendingLimits {
    /// 300 gwei, 8 million gas, 0.5 and 2 coins. The largest verifier contract needs about 6.5 million gas.
    fn default() -> Self {
        Self { fee_gwei: 300, gas: 8_000_000, cost_gwei: 500_000_000, daily_gwei: 2_000_000_000 }
    }
}

/// A signer with limits. What a node says about fees and gas cannot exceed them.
///
/// # Behaviour
/// - A transaction above a limit, or of another chain, is not signed: [`ChainError::Limit`].
/// - A signed transaction counts with its highest cost, whether it is mined or not. Of transactions with one nonce, the most
///   expensive one counts: a chain mines one of them at most.
/// - A transaction that the signer did not sign, because it is down or refuses, does not count.
/// - The sum of a day is that of the account on the chain, and is counted in a [`Book`]: processes with one book count together, and
///   begin where the last one ended. A cost is in the book before the signature is made. If the book cannot be read or written,
///   nothing is signed: [`ChainError::Unavailable`].
pub struct CappedSigner<S> {
    signer: S,
    limits: SpendingLimits,
    /// Chains that it signs for; `None`: any.
    chains: Option<Vec<u64>>,
    book: Book,
}

/// Where signers count what their accounts can have paid.
#[derive(Debug, Clone)]
pub struct Book {
    /// The sums.
    pub spending: Arc<dyn Spending>,
    /// The clock of all that share the sums.
    pub clock: Arc<dyn Clock>,
}

impl Default for Book {
    /// A new book in memory.
    fn default() -> Self {
        Self { spending: Arc::new(SpendingInMemory::default()), clock: Arc::new(SystemClock) }
    }
}

impl Book {
    /// Changes the sums of an account, again and again until no other writer is between.
    async fn change<T>(
        &self,
        account: &ChainAccount,
        change: impl Fn(&mut Spent, Timestamp) -> Result<T, ChainError> + Send,
    ) -> Result<T, ChainError> {
        let failed = |error: CatalogError| ChainError::Unavailable(format!("the sums of signers: {error}"));
        for _ in 0..ATTEMPTS {
            let mut spent = self.spending.spent(account).await.map_err(failed)?;
            let changed = change(&mut spent, self.clock.now())?;
            match self.spending.write_spent(account, &spent).await {
                Err(CatalogError::Stale(_)) => {}
                written => return written.map(|()| changed).map_err(failed),
            }
        }
        Err(ChainError::Unavailable(
            "the sums of signers: other processes change them all the time".to_owned(),
        ))
    }
}

impl<S: TransactionSigner> CappedSigner<S> {
    /// A signer for any chain, with a book of its own.
    pub fn new(signer: S, limits: SpendingLimits) -> Self {
        Self { signer, limits, chains: None, book: Book::default() }
    }

    /// Signs for `chains` only.
    pub fn only_on(self, chains: Vec<u64>) -> Self {
        Self { chains: Some(chains), ..self }
    }

    /// Counts in `book`.
    pub fn counted_in(self, book: Book) -> Self {
        Self { book, ..self }
    }

    fn check(&self, transaction: &UnsignedTransaction) -> Result<u128, ChainError> {
        let UnsignedTransaction { chain_id, gas, fees, .. } = *transaction;
        let SpendingLimits { fee_gwei, gas: most_gas, cost_gwei, .. } = self.limits;
        if self.chains.as_ref().is_some_and(|chains| !chains.contains(&chain_id)) {
            return Err(over(format!("the signer does not sign for chain {chain_id}")));
        }
        let price = fees.highest();
        if price > u128::from(fee_gwei) * GWEI {
            let asked = price.div_ceil(GWEI);
            return Err(over(format!("the price of gas is {asked} gwei, the limit is {fee_gwei} gwei")));
        }
        if gas > most_gas {
            return Err(over(format!("the gas limit is {gas}, the highest allowed is {most_gas}")));
        }
        let cost = price.saturating_mul(gas.into());
        if cost > u128::from(cost_gwei) * GWEI {
            let asked = cost.div_ceil(GWEI);
            return Err(over(format!(
                "the transaction can cost {asked} gwei, the limit of a transaction is {cost_gwei} gwei"
            )));
        }
        Ok(cost)
    }

    /// Checks a transaction, and adds its cost to the sum of the day.
    async fn count(&self, transaction: &UnsignedTransaction) -> Result<Added, ChainError> {
        let cost = self.check(transaction)?;
        let daily = self.limits.daily_gwei;
        let UnsignedTransaction { chain_id, nonce, .. } = *transaction;
        let add = move |spent: &mut Spent, now| {
            spent.add(now, nonce, cost, u128::from(daily) * GWEI).map_err(|before| {
                let (before, cost) = (before.div_ceil(GWEI), cost.div_ceil(GWEI));
                over(format!(
                    "{before} gwei are signed for within 24 hours on chain {chain_id}, {cost} more exceed the limit of {daily} gwei"
                ))
            })
        };
        self.book.change(&self.account(chain_id), add).await
    }

    /// Takes an addition back. If that fails, it stays: the sum is too high rather than too low.
    async fn take_back(&self, chain_id: u64, added: Added) {
        let remove = |spent: &mut Spent, _| {
            spent.remove(&added);
            Ok(())
        };
        if let Err(error) = self.book.change(&self.account(chain_id), remove).await {
            tracing::warn!(chain_id, %error, "a transaction counts that was not signed");
        }
    }

    fn account(&self, chain_id: u64) -> ChainAccount {
        ChainAccount { chain_id, address: self.signer.address() }
    }
}

#[async_trait]
impl<S: TransactionSigner> TransactionSigner for CappedSigner<S> {
    fn address(&self) -> Address {
        self.signer.address()
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        // The cost is added before the signature: two signatures at once do not exceed the limit together.
        let added = self.count(transaction).await?;
        let signed = self.signer.sign(transaction).await;
        if signed.is_err() {
            self.take_back(transaction.chain_id, added).await;
        }
        signed
    }
}

impl<S: TransactionSigner> fmt::Debug for CappedSigner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, chains, .. } = self;
        let address = self.address();
        f.debug_struct("CappedSigner")
            .field("address", &address)
            .field("limits", limits)
            .field("chains", chains)
            .finish_non_exhaustive()
    }
}

fn over(reason: String) -> ChainError {
    ChainError::Limit(reason)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use zkflow_core::service::chain::{Fees, TransactionHash};

    use super::*;

    /// Counts its signatures. It refuses those with a gas limit of [`REFUSED`].
    #[derive(Debug, Default)]
    struct Pen(AtomicUsize);

    const REFUSED: u64 = 999;

    #[async_trait]
    impl TransactionSigner for Pen {
        fn address(&self) -> Address {
            Address([7; 20])
        }

        async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
            if transaction.gas == REFUSED {
                return Err(ChainError::Unavailable("the remote signer: no connection".to_owned()));
            }
            self.0.fetch_add(1, Ordering::Relaxed);
            let (sender, nonce) = (self.address(), transaction.nonce);
            Ok(SignedTransaction { sender, nonce, hash: TransactionHash([0; 32]), raw: String::new() })
        }
    }

    /// Each call has a nonce of its own.
    fn asks(chain_id: u64, gas: u64, fees: Fees) -> UnsignedTransaction {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
        UnsignedTransaction { chain_id, nonce, gas, fees, code: bytes::Bytes::new() }
    }

    fn market(gwei: u128) -> Fees {
        Fees::Market { max: gwei * GWEI, priority: 0 }
    }

    #[tokio::test]
    async fn what_exceeds_a_limit_is_not_signed() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 50_000, daily_gwei: 120_000 };
        let signer = CappedSigner::new(Pen::default(), limits).only_on(vec![1, 5]);
        let legacy = |gwei: u128| Fees::Legacy { price: gwei * GWEI };
        let tip = Fees::Market { max: GWEI, priority: 101 * GWEI };
        for (transaction, part) in [
            (asks(2, 1, market(1)), "chain 2"),
            (asks(1, 1, market(101)), "101 gwei"),
            (asks(1, 1, Fees::Legacy { price: 100 * GWEI + 1 }), "101 gwei"),
            (asks(1, 1, tip), "101 gwei"),
            (asks(1, 1001, market(1)), "1001"),
            (asks(1, 1000, legacy(51)), "51000 gwei"),
            (asks(1, u64::MAX, legacy(u128::MAX / GWEI)), "gwei"),
            (asks(1, u64::MAX, Fees::Market { max: u128::MAX, priority: u128::MAX }), "gwei"),
        ] {
            let error = signer.sign(&transaction).await.unwrap_err();
            assert!(matches!(&error, ChainError::Limit(why) if why.contains(part)), "{error}");
        }
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 0);
        signer.sign(&asks(1, 1000, market(50))).await.unwrap();
        signer.sign(&asks(1, 1000, legacy(50))).await.unwrap();
        let error = signer.sign(&asks(1, 1000, market(21))).await.unwrap_err();
        assert!(error.to_string().contains("100000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(20))).await.unwrap();
        signer.sign(&asks(5, 1000, market(50))).await.unwrap();
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn transactions_of_one_nonce_count_as_the_most_expensive_one() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 90_000, daily_gwei: 120_000 };
        let signer = CappedSigner::new(Pen::default(), limits);
        let first = asks(1, 1000, market(50));
        let raised = |gwei| UnsignedTransaction { fees: market(gwei), ..first.clone() };
        for gwei in [50, 60, 70, 40, 80] {
            signer.sign(&raised(gwei)).await.unwrap();
        }
        let error = signer.sign(&asks(1, 1000, market(41))).await.unwrap_err();
        assert!(error.to_string().contains("80000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(40))).await.unwrap();
        let error = signer.sign(&raised(81)).await.unwrap_err();
        assert!(error.to_string().contains("40000 gwei are signed for"), "{error}");
        // The same nonce of another chain is another transaction.
        signer.sign(&UnsignedTransaction { chain_id: 5, ..raised(90) }).await.unwrap();
        let error = signer.sign(&asks(5, 1000, market(31))).await.unwrap_err();
        assert!(error.to_string().contains("90000 gwei are signed for"), "{error}");
    }

    #[tokio::test]
    async fn what_is_not_signed_does_not_count() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 100_000, daily_gwei: 100_000 };
        let signer = CappedSigner::new(Pen::default(), limits);
        for _ in 0..5 {
            let error = signer.sign(&asks(1, REFUSED, market(100))).await.unwrap_err();
            assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
        }
        let first = asks(1, 1000, market(50));
        signer.sign(&first).await.unwrap();
        // The refused replacement leaves what the signed transaction can cost.
        let replacement = UnsignedTransaction { gas: REFUSED, fees: market(90), ..first.clone() };
        assert!(signer.sign(&replacement).await.is_err());
        let error = signer.sign(&asks(1, 1000, market(51))).await.unwrap_err();
        assert!(error.to_string().contains("50000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(50))).await.unwrap();
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn signers_with_one_book_share_the_limit_of_a_day() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 100_000, daily_gwei: 100_000 };
        let book = Book::default();
        let signer = || CappedSigner::new(Pen::default(), limits).counted_in(book.clone());
        // Of 40 transactions of a tenth of the limit, ten are signed, whichever process asks.
        let signers = [signer(), signer(), signer(), signer()];
        let asked = signers.iter().cycle().take(40).map(|signer| {
            let transaction = asks(1, 1000, market(10));
            async move { signer.sign(&transaction).await }
        });
        let signed = futures::future::join_all(asked).await;
        assert_eq!(signed.iter().filter(|signed| signed.is_ok()).count(), 10);
        // A process that starts later does not begin at zero.
        let later = signer();
        let error = later.sign(&asks(1, 1000, market(1))).await.unwrap_err();
        assert!(error.to_string().contains("100000 gwei are signed for"), "{error}");
        later.sign(&asks(5, 1000, market(100))).await.unwrap();
    }

    /// A catalog that does not answer.
    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl Spending for Silent {
        async fn spent(&self, _: &ChainAccount) -> Result<Spent, CatalogError> {
            Ok(Spent::default())
        }

        async fn write_spent(&self, _: &ChainAccount, _: &Spent) -> Result<(), CatalogError> {
            Err(CatalogError::backend("testing", "no answer"))
        }
    }

    #[tokio::test]
    async fn nothing_is_signed_that_cannot_be_counted() {
        let book = Book { spending: Arc::new(Silent), ..Book::default() };
        let signer = CappedSigner::new(Pen::default(), SpendingLimits::default()).counted_in(book);
        let error = signer.sign(&asks(1, 1000, market(1))).await.unwrap_err();
        assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 0);
    }
}
